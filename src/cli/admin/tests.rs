#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::time::Duration;

use super::input::{self, Encoding};
use super::publish::Summary;
use super::{parents, table};
use pmq_agent::admin::{Consuming, Credit, OnNetwork, Parent, Published, Verifying};

fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

#[test]
fn columns_are_aligned_and_end_in_nothing_invisible() {
    let rows = [vec!["a".to_owned(), "bcd".to_owned(), String::new()], vec!["abc".to_owned(), "é".to_owned(), "x".to_owned()]];
    assert_eq!(table::aligned(&rows, "> "), ["> a    bcd\n", "> abc  é    x\n"]);
    assert_eq!(table::plain("a\x1b[31m\nb"), "a\\u{1b}[31m\\nb");
}

#[test]
fn parents_are_shown_by_network_and_role() {
    let credit = |messages, bytes| Credit { messages, bytes };
    let networks = vec![
        OnNetwork {
            network: "weather".into(),
            roles: vec!["verify".into(), "consume".into()],
            verify: Some(Verifying {
                group: "archive".into(),
                shadow: false,
                window: credit(1024, 1 << 20),
                outstanding: credit(3, 2048),
                paused: true,
                refused: counts([("late", 2)]),
            }),
            consume: Some(Consuming {
                name: "1000/audit".into(),
                policy: "drop-oldest".into(),
                window: credit(10, 1024),
                outstanding: credit(10, 100),
                acked: 5,
                sent: 15,
                lag: 7,
                dropped: counts([("drop-oldest", 4)]),
            }),
            silent: false,
        },
        OnNetwork { network: "prices".into(), roles: vec!["verify".into(), "produce".into()], verify: None, consume: None, silent: true },
    ];
    let parent = Parent {
        session: "00ff".into(),
        who: "uid 1000 (pid 7)".into(),
        over: "unix:///run/pmq/agent.sock".into(),
        software: "oracle\x07/1.0".into(),
        since_s: 61.9,
        refused: counts([("rate", 1)]),
        networks,
    };
    let text = parents::table(&[parent]);
    let expected = "\
SESSION  WHO               SINCE  SOFTWARE         OVER                        REFUSED
  NETWORK  ROLE     HELD    BYTES              LAG  STATE
00ff     uid 1000 (pid 7)  1m 1s  oracle\\u{7}/1.0  unix:///run/pmq/agent.sock  rate 1
  weather  verify   3/1024  2.0 KiB / 1.0 MiB       paused; group archive; verdicts refused: late 2
  weather  consume  10/10   100 B / 1.0 KiB    7    drop-oldest; name 1000/audit; at 5 of 15; lost: drop-oldest 4
  prices   verify                                   its road does not answer
  prices   produce
";
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn a_summary_counts_every_line_once() {
    let mut summary = Summary::default();
    let published = |line, status: &str, peers| Published { line, status: status.into(), id: None, peers, text: Some("why".into()) };
    assert_eq!(summary.text(Duration::from_millis(1500)), "0 sent, in 1.50s\n");
    for (line, (status, peers)) in
        [("ok", 3), ("ok", 1), ("duplicate", 0), ("no-peers", 0), ("invalid", 0), ("no-peers", 0)].into_iter().enumerate()
    {
        summary.count(&published(line as u64 + 1, status, peers));
    }
    assert_eq!(summary.text(Duration::ZERO), "2 sent to 1 to 3 peers, 1 duplicate, 3 failed (invalid 1, no-peers 2), in 0.00s\n");
}

#[test]
fn input_is_cut_into_lines_of_bounded_length() {
    let read = |text: &'static str| {
        let mut lines = input::lines(Box::new(text.as_bytes()), 4).unwrap();
        std::iter::from_fn(move || lines.blocking_recv()).map(|line| line.map(|line| String::from_utf8(line).unwrap())).collect::<Vec<_>>()
    };
    let lines: Vec<_> = read("ab\n\ncdef\ngh").into_iter().map(Result::unwrap).collect();
    assert_eq!(lines, ["ab", "", "cdef", "gh"]);
    let lines = read("ab\nabcde\nab\n");
    assert_eq!((lines.len(), lines[0].as_ref().unwrap().as_str()), (2, "ab"));
    assert!(lines[1].as_ref().unwrap_err().to_string().contains("more than 4 bytes"));
    assert!(read("").is_empty());
}

#[test]
fn lines_stand_for_bytes() {
    let decode = |encoding: Encoding, line: &str| encoding.decode(line.as_bytes().to_vec());
    assert_eq!(decode(Encoding::Raw, " 00 ").unwrap(), b" 00 ");
    assert_eq!(decode(Encoding::Hex, "00fF\r").unwrap(), [0, 255]);
    assert_eq!(decode(Encoding::Base64, "AP8=").unwrap(), [0, 255]);
    assert!(decode(Encoding::Hex, "0").unwrap_err().starts_with("is no hex"));
    assert!(decode(Encoding::Base64, "*").unwrap_err().starts_with("is no base64"));
}
