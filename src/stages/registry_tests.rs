#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use serde::Deserialize;

use super::*;
use crate::decode::Malformed;
use crate::fixture::network;
use pmq_pipeline::{Batch, Blueprint, Header, Plan, Stage};

/// One `[[stage]]` table as the configuration hands it over, and the text that an error's span points at.
fn parse(registry: &Registry, text: &str) -> Result<Part, (String, String)> {
    let document = DeTable::parse(text).unwrap();
    let document = Spanned::new(document.span(), DeValue::Table(document.into_inner()));
    registry
        .entry(document, &network())
        .map_err(|error| (error.message().to_owned(), text[error.span().expect("every error has a span")].to_owned()))
}

fn refused(text: &str) -> (String, String) {
    parse(&Registry::standard(), text).unwrap_err()
}

#[test]
fn stages_by_name() {
    let registry = Registry::standard();
    assert_eq!(registry.names().collect::<Vec<_>>(), ["admission", "decode", "delivery", "sequence-window", "validation-queue"]);
    for text in ["use = \"admission\"", "use = \"decode\"\ncodec = \"pmq\"", "use = \"sequence-window\"\ngrace = \"5s\""] {
        let part = parse(&registry, text).unwrap();
        assert!(text.contains(part.name()));
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let (message, at) = refused("use = \"admision\"");
    assert_eq!(at, "\"admision\"");
    assert!(message.contains("unknown stage \"admision\"; known are [\"admission\", \"decode\""), "{message}");
}

#[test]
fn an_unknown_key_has_its_span() {
    let (message, at) = refused("use = \"sequence-window\"\nskipp = 5");
    assert_eq!(at, "skipp");
    assert!(message.contains("unknown field `skipp`"), "{message}");
}

#[test]
fn a_wrong_unit_has_its_span() {
    assert_eq!(refused("use = \"sequence-window\"\ngrace = \"5 parsecs\"").1, "\"5 parsecs\"");
    assert_eq!(refused("use = \"admission\"\nbyte_rate = \"1 gross\"").1, "\"1 gross\"");
    assert_eq!(refused("use = \"admission\"\nby = \"pear\"").1, "\"pear\"");
}

#[test]
fn a_value_without_sense_has_its_span() {
    let (message, at) = refused("use = \"sequence-window\"\nvalidity = 500\nskip = 600");
    assert_eq!(at, "600");
    assert_eq!(message, "skip = 600: this value cannot work; below validity, which is 500");
    let (message, at) = refused("use = \"admission\"\nbyte_burst = \"1B\"");
    assert_eq!(at, "\"1B\"");
    assert!(message.contains("max_message (1000 bytes)"), "{message}");
}

#[test]
fn a_codec_complains_about_its_own_keys() {
    let (message, at) = refused("use = \"decode\"\ncodec = \"xml\"");
    assert_eq!(at, "\"xml\"");
    assert!(message.contains("known are [\"fixed\", \"json\", \"pmq\", \"protobuf\", \"raw\"]"), "{message}");
    assert!(refused("use = \"decode\"").0.contains("decode needs a codec"));
    assert_eq!(refused("use = \"decode\"\ncodec = \"raw\"\nsequence = 1").1, "sequence");
    let fixed = "use = \"decode\"\ncodec = \"fixed\"\nsequence = { offset = 0, length = 8 }\n";
    let (message, at) = refused(&format!("{fixed}origin = {{ offset = 8, length = 33 }}"));
    assert_eq!((at.as_str(), message.as_str()), ("33", "origin.length = 33: this value cannot work; 1 to 32 bytes"));
    assert!(refused(fixed).0.contains("missing field `origin`"));
}

#[test]
fn an_order_that_cannot_work_is_named() {
    let index = |texts: &[&str]| {
        let parts = texts.iter().map(|text| parse(&Registry::standard(), text).unwrap()).collect();
        Plan::new(parts).unwrap_err().index
    };
    let (raw, pmq) = ("use = \"decode\"\ncodec = \"raw\"", "use = \"decode\"\ncodec = \"pmq\"");
    let (window, by_origin) = ("use = \"sequence-window\"", "use = \"admission\"\nby = \"origin\"");
    assert_eq!(index(&[raw, window]), 1);
    assert_eq!(index(&[window, pmq]), 0);
    assert_eq!(index(&[by_origin, pmq]), 0);
    assert_eq!(index(&[pmq, by_origin, window]), 3, "only the queue is missing");
    let (queue, admission) = ("use = \"validation-queue\"", "use = \"admission\"");
    assert_eq!(index(&[queue, admission]), 1, "no outcome would ever come out to it");
    assert_eq!(index(&[pmq, queue, window]), 2);
    assert_eq!(index(&[queue, pmq]), 2, "decode may stand there; only delivery is missing");
}

/// A stage and a codec of a user's own.
#[derive(Debug, Clone, Deserialize)]
struct Own {
    limit: u32,
}

impl Stage for Own {
    fn name(&self) -> &'static str {
        "own"
    }

    fn inward(&mut self, _: &mut Batch, _: std::time::Instant) {}
}

impl Blueprint for Own {
    fn name(&self) -> &'static str {
        "own"
    }

    fn build(&self) -> Box<dyn Stage> {
        Box::new(self.clone())
    }
}

impl StageSettings for Own {
    fn into_part(self, _: &NetworkContext) -> Result<Part, InvalidSetting> {
        if self.limit == 0 {
            return Err(InvalidSetting::range("limit", self.limit, "at least 1"));
        }
        Ok(Part::Stage(Box::new(self)))
    }
}

impl Codec for Own {
    fn read(&self, _: &str, payload: &[u8]) -> Result<Option<Header>, Malformed> {
        Ok((payload.len() > self.limit as usize).then(Header::default))
    }
}

impl CodecSettings for Own {
    fn into_codec(self) -> Result<Arc<dyn Codec>, InvalidSetting> {
        Ok(Arc::new(self))
    }
}

#[test]
fn a_user_adds_his_own() {
    let registry = Registry::standard().with::<Own>("own").with_codec::<Own>("own-codec");
    assert_eq!(parse(&registry, "use = \"own\"\nlimit = 3").unwrap().name(), "own");
    assert_eq!(
        parse(&registry, "use = \"own\"\nlimit = 0").unwrap_err(),
        ("limit = 0: this value cannot work; at least 1".into(), "0".into())
    );
    let Part::Stage(decode) = parse(&registry, "use = \"decode\"\ncodec = \"own-codec\"\nlimit = 3").unwrap() else {
        panic!("decode is a stage");
    };
    assert!(decode.reads_header());
}

#[test]
fn a_list_of_stages_is_read_in_its_order() {
    let list = |text: &str| Registry::standard().parse_list(text, &network());
    let parts = list("[[stage]]\nuse = \"validation-queue\"\n[[stage]]\nuse = \"admission\"\nrate = 5\n").unwrap();
    assert_eq!(parts.iter().map(Part::name).collect::<Vec<_>>(), ["validation-queue", "admission"]);
    let error = list("[[stage]]\nuse = \"admission\"\n\n[[stage]]\nuse = \"admission\"\nrate = 0\n").unwrap_err();
    assert!(error.to_string().contains("line 6, column 8"), "{error}");
    assert!(list("[[stage]]\nrate = 5\n").unwrap_err().to_string().contains("named by `use`"));
    assert!(list("stages = 5").unwrap_err().to_string().contains("no list of stages"));
}
