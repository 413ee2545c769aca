#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use super::{Codec, CodecSettings, JsonSettings};

const SETTINGS: &str =
    "origin = \"/from/key\"\nsequence = \"/seq\"\nepoch = \"/epoch\"\nunsigned = [\"signature\"]\nmax_bytes = 400\nmax_depth = 4\n";

fn codec(settings: &str) -> Arc<dyn Codec> {
    toml::from_str::<JsonSettings>(settings).unwrap().into_codec().unwrap()
}

const REPORT: &str = r#"{"from": {"key": "0x0aFF"}, "seq": 300, "epoch": "5", "text": "fair", "signature": "a"}"#;

#[test]
fn values_are_found_by_their_pointers() {
    let codec = codec(SETTINGS);
    let read = |text: &str| codec.read("t", text.as_bytes()).unwrap().unwrap();
    let header = read(REPORT);
    assert_eq!((&header.origin.0[..3], header.seq, header.epoch), (&[0x0a, 0xff, 0][..], 300, 5));
    let another = r#"{"signature":"b","epoch":"5","text":"fair","seq":300,"from":{"key":"0x0aFF"}}"#;
    assert_eq!(read(another).tag, header.tag, "order, white space and signature are no content");
    assert_ne!(read(&REPORT.replace("fair", "foul")).tag, header.tag);
    let text = self::codec("origin = \"/a\"\nform = \"text\"\nsequence = \"/s\"\n").read("t", br#"{"a":"node","s":18446744073709551615}"#);
    let text = text.unwrap().unwrap();
    assert_eq!((&text.origin.0[..5], text.seq, text.epoch), (&b"node\0"[..], u64::MAX, 0));
    let base = self::codec("origin = \"/a\"\nform = \"base64\"\nsequence = \"/s\"\n").read("t", br#"{"a":"AQI=","s":1}"#);
    assert_eq!(base.unwrap().unwrap().origin.0[..3], [1, 2, 0]);
}

#[test]
fn what_is_ambiguous_or_too_much_is_malformed() {
    let codec = codec(SETTINGS);
    for (text, told) in [
        (REPORT.replace("\"text\": \"fair\"", "\"seq\": 301"), "twice"),
        (REPORT.replace("\"fair\"", "{\"a\": 1, \"a\": 1}"), "twice"),
        (REPORT.replace("\"fair\"", "[[[[1]]]]"), "max_depth"),
        (format!("{REPORT} x"), "no JSON"),
        (REPORT[..40].to_owned(), "no JSON"),
        (REPORT.replace("0x0aFF", "0x0aF"), "hexadecimal"),
        (REPORT.replace("0x0aFF", ""), "1 to 32"),
        (REPORT.replace("0x0aFF", &"00".repeat(33)), "1 to 32"),
        (REPORT.replace("300", "-1"), "whole number"),
        (REPORT.replace("300", "1.5"), "whole number"),
        (REPORT.replace("300", "18446744073709551616"), "whole number"),
        (REPORT.replace("\"5\"", "\"05\""), "whole number"),
        (REPORT.replace("\"seq\"", "\"number\""), "whole number"),
        (REPORT.replace("\"key\"", "\"name\""), "no origin"),
        (REPORT.replace("fair", &"x".repeat(400)), "max_bytes"),
    ] {
        let error = codec.read("t", text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(told), "{error} for {text}");
    }
    assert!(codec.read("t", &[0xff, 0xfe]).is_err());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    assert!(toml::from_str::<JsonSettings>("origin = \"from\"\nsequence = \"/s\"").is_err(), "no pointer");
    for wrong in ["max_depth = 0", "max_depth = 101", "max_bytes = 0"] {
        let settings = format!("origin = \"/a\"\nsequence = \"/s\"\n{wrong}\n");
        assert!(toml::from_str::<JsonSettings>(&settings).unwrap().into_codec().is_err(), "{wrong}");
    }
}
