#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Codec, Codecs, Decode, Malformed};
use crate::fixture::{envelope, inward, origin, topic};
use pmq_pipeline::{Blueprint, Header};
use pmq_protocol::wire::{HeaderOrigin, PmqHeader, Reason, Verdict};

fn codec(text: &str) -> Arc<dyn Codec> {
    let table = DeTable::parse(text).unwrap();
    let span = table.span();
    Codecs::standard().parse_selected(Spanned::new(span, DeValue::Table(table.into_inner()))).unwrap()
}

const FIXED: &str = r#"
    codec = "fixed"
    origin = { offset = 1, length = 2 }
    epoch = { offset = 3, length = 1 }
    sequence = { offset = 4, length = 3, endian = "little" }
    tag = { offset = 4, trim = 2 }
"#;

#[test]
fn fixed_reads_its_fields() {
    let codec = codec(FIXED);
    let read = |payload: &[u8]| codec.read("t", payload).map(Option::unwrap);
    let header = read(&[0, 0xaa, 0xbb, 7, 1, 2, 3, 9, 1, 1]).unwrap();
    assert_eq!(header.origin.0[..3], [0xaa, 0xbb, 0]);
    assert_eq!((header.epoch, header.seq), (7, 0x03_0201));
    let other_signature = read(&[0, 0xaa, 0xbb, 7, 1, 2, 3, 9, 2, 2]).unwrap();
    assert_eq!(header, other_signature, "the last two bytes are no content");
    let other_content = read(&[0, 0xaa, 0xbb, 7, 1, 2, 3, 8, 1, 1]).unwrap();
    assert_ne!(header.tag, other_content.tag);
    assert_eq!(read(&[0; 6]), Err(Malformed::Short { have: 6, need: 7 }));
    assert_eq!(read(&[0; 5]), Err(Malformed::Short { have: 5, need: 6 }), "content range");
    assert!(codec.reads_header());
}

#[test]
fn fixed_refuses_what_is_shorter_than_what_is_trimmed() {
    let codec = codec("codec = \"fixed\"\norigin = { offset = 0, length = 1 }\nsequence = { offset = 1, length = 1 }\ntag = { trim = 4 }");
    assert_eq!(codec.read("t", &[5, 1, 2]), Err(Malformed::Short { have: 3, need: 4 }));
    assert!(codec.read("t", &[5, 1, 2, 3]).is_ok());
}

#[test]
fn fixed_reads_big_endian_by_default() {
    let codec = codec("codec = \"fixed\"\norigin = { offset = 0, length = 1 }\nsequence = { offset = 1, length = 8 }");
    let header = codec.read("t", &[5, 1, 2, 3, 4, 5, 6, 7, 8]).unwrap().unwrap();
    assert_eq!((header.epoch, header.seq), (0, 0x0102_0304_0506_0708));
}

#[test]
fn pmq_leaves_signatures_out_of_the_tag() {
    let codec = codec("codec = \"pmq\"");
    let message = |content: &[u8], signatures: &[u8]| {
        let header = PmqHeader { origin: HeaderOrigin::Short([3; 20]), epoch: 4, seq: 5, content: content.len() as u32 };
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(signatures);
        codec.read("t", &bytes).unwrap().unwrap()
    };
    let first = message(b"report", b"quorum one");
    assert_eq!((first.epoch, first.seq), (4, 5));
    assert_eq!(first.origin.0[19..21], [3, 0]);
    assert_eq!(first, message(b"report", b"quorum two"));
    assert_ne!(first.tag, message(b"another", b"quorum one").tag);
    assert!(codec.read("t", b"XYZ").is_err());
}

#[test]
fn raw_reads_nothing() {
    let codec = codec("codec = \"raw\"");
    assert_eq!(codec.read("t", b"anything"), Ok(None));
    assert!(!Decode::new(codec).reads_header());
}

#[test]
fn malformed_is_a_reject() {
    let mut stage = Decode::new(codec(FIXED)).build();
    let outcome = inward(&mut *stage, envelope(1, topic(0), b"shrt"), Instant::now()).unwrap_err();
    assert_eq!((outcome.verdict, outcome.reason), (Verdict::Reject, Reason::Malformed));
}

#[test]
fn an_earlier_header_stays() {
    let mut stage = Decode::new(codec(FIXED)).build();
    let mut message = envelope(1, topic(0), &[1; 12]);
    let earlier = Header { origin: origin(9), epoch: 9, seq: 9, tag: 9 };
    message.header = Some(earlier);
    let passed = inward(&mut *stage, message, Instant::now()).unwrap();
    assert_eq!(passed.header, Some(earlier));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(payload in prop::collection::vec(any::<u8>(), 0..100), tag in 0..20_usize, trim in 0..20_usize) {
        let text = format!(
            "codec = \"fixed\"\norigin = {{ offset = 3, length = 32 }}\nsequence = {{ offset = 40, length = 8 }}\ntag = {{ offset = {tag}, trim = {trim} }}"
        );
        let long_enough = payload.len() >= 48;
        prop_assert_eq!(codec(&text).read("t", &payload).is_ok(), long_enough);
    }
}
