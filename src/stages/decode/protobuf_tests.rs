#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use prost::Message;

use super::{Codec, CodecSettings, ProtobufSettings};
use crate::decode::Malformed;

/// A report as a network might have it.
#[derive(Clone, PartialEq, Message)]
struct Report {
    #[prost(message, optional, tag = "1")]
    from: Option<From>,
    #[prost(uint64, tag = "2")]
    seq: u64,
    #[prost(fixed32, tag = "3")]
    epoch: u32,
    #[prost(string, tag = "4")]
    text: String,
    #[prost(bytes = "vec", tag = "9")]
    signature: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct From {
    #[prost(bytes = "vec", tag = "5")]
    key: Vec<u8>,
}

const SETTINGS: &str = "origin = \"1.5\"\nsequence = \"2\"\nepoch = \"3\"\nunsigned = [9]\nmax_bytes = 400\n";

fn codec(settings: &str) -> Arc<dyn Codec> {
    toml::from_str::<ProtobufSettings>(settings).unwrap().into_codec().unwrap()
}

fn report() -> Report {
    Report { from: Some(From { key: vec![7; 20] }), seq: 300, epoch: 5, text: "fair".to_owned(), signature: vec![1; 64] }
}

#[test]
fn fields_are_found_by_their_numbers() {
    let codec = codec(SETTINGS);
    let read = |report: &Report| codec.read("t", &report.encode_to_vec()).unwrap().unwrap();
    let header = read(&report());
    assert_eq!((&header.origin.0[..20], header.origin.0[20], header.seq, header.epoch), (&[7; 20][..], 0, 300, 5));
    assert_eq!(read(&Report { signature: vec![2; 65], ..report() }).tag, header.tag, "a signature is no content");
    assert_ne!(read(&Report { text: "foul".to_owned(), ..report() }).tag, header.tag);
    let zero = read(&Report { seq: 0, epoch: 0, ..report() });
    assert_eq!((zero.seq, zero.epoch), (0, 0), "what is not there is 0");
}

#[test]
fn what_is_ambiguous_or_cut_is_malformed() {
    let codec = codec(SETTINGS);
    let sound = report().encode_to_vec();
    let with = |more: &[u8]| [&sound, more].concat();
    for (bytes, told) in [
        (with(&[0x10, 1]), "twice"),
        (with(&[0x0a, 2, 0x2a, 0]), "twice"),
        (sound[..sound.len() - 1].to_vec(), "bytes"),
        (with(&[0x53]), "group"),
        (with(&[0x00]), "key"),
        (Report { from: None, ..report() }.encode_to_vec(), "no origin"),
        (Report { from: Some(From { key: vec![7; 33] }), ..report() }.encode_to_vec(), "1 to 32"),
        ([&[0x08, 3][..], &sound[24..]].concat(), "no message"),
        (Report { text: "x".repeat(400), ..report() }.encode_to_vec(), "max_bytes"),
    ] {
        let error = codec.read("t", &bytes).unwrap_err();
        assert!(error.to_string().contains(told), "{error} for {bytes:02x?}");
    }
    assert!(matches!(codec.read("t", &[0x0a, 0x7f]), Err(Malformed::Short { .. })));
}

#[test]
fn a_path_is_numbers_and_dots() {
    for wrong in ["", "0", "1.", "a", "536870912", "1.1.1.1.1.1.1.1.1", "-1"] {
        let settings = format!("origin = {wrong:?}\nsequence = \"2\"\n");
        assert!(toml::from_str::<ProtobufSettings>(&settings).is_err(), "{wrong}");
    }
    assert!(toml::from_str::<ProtobufSettings>("origin = \"1\"\nsequence = \"2\"\nunsigned = [0]").unwrap().into_codec().is_err());
}
