//! `docs/wire.md` and the code say the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fmt::Write;

use super::heads::{LAYOUT, head_size};
use super::*;

const PAGE: &str = include_str!("../../../docs/wire.md");

#[test]
fn every_head_is_documented_field_by_field() {
    assert_eq!(LAYOUT.iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), Kind::ALL);
    for &(kind, size, fields) in LAYOUT {
        let mut section = format!("### {kind:?}: kind {}, {size} bytes\n\n| offset | field | type |\n|---|---|---|\n", kind as u8);
        let mut offset = 0;
        for (field, kind, bytes) in fields {
            writeln!(section, "| {offset} | `{field}` | {kind} |").unwrap();
            offset += bytes;
        }
        assert_eq!(offset, size, "{kind:?} has no padding");
        assert_eq!(size, head_size(kind));
        assert!(PAGE.contains(&section), "docs/wire.md lacks this:\n{section}");
    }
}

#[test]
fn every_code_is_documented() {
    let status: Vec<String> = PublishStatus::ALL.iter().map(|code| format!("{} {code}", *code as u8)).collect();
    let refuse: Vec<String> = RefuseCode::ALL.iter().map(|code| format!("{} {code}", *code as u16)).collect();
    for list in [status, refuse] {
        assert!(PAGE.contains(&list.join(", ")), "docs/wire.md lacks: {}", list.join(", "));
    }
}

#[test]
fn the_worked_example_is_an_accept() {
    let hex = PAGE.split("The frame ").nth(1).unwrap().split("is an accept").next().unwrap();
    let quoted = hex.split('`').skip(1).step_by(2).collect::<Vec<_>>().join(" ");
    let bytes: Vec<u8> = quoted.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    let prefix = Prefix::read(bytes.first_chunk().unwrap(), Limits::default()).unwrap();
    let frame = Frame { prefix, head: bytes[PREFIX..].to_vec().into(), payloads: Vec::new() };
    let verdicts: Vec<message::Judged> = frame.items().unwrap().collect();
    assert_eq!(verdicts, [message::Judged { network: 1, ticket: Ticket(0x2_0000_0007), verdict: Verdict::Accept, reason: 0, text: "" }]);
}

/// What parents in other languages are tested against: kind and bytes of every golden vector.
#[test]
fn the_vectors_file_has_every_golden_vector() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors.txt");
    let mut text =
        String::from("# A frame of every kind, in the order of docs/wire.md: its name, and its bytes as they stand on a stream.\n");
    for bytes in golden_vectors() {
        let kind = Kind::from_code(bytes[4]).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("{kind:?} {hex}\n"));
    }
    if std::env::var_os("PMQ_WRITE_VECTORS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert!(written == text, "docs/vectors.txt is not up to date: run the tests of wire:: with PMQ_WRITE_VECTORS=1");
}
