//! Every kind's bytes as literals: a change of layout fails here. Each literal's lines are prefix, heads, root, names, payloads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::HashSet;
use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;

use super::message::*;
use super::*;

const SESSION: SessionId = SessionId(0x0807_0605_0403_0201);

/// The whole frame as it stands on a stream.
fn bytes(frame: &Frame) -> Vec<u8> {
    let mut out = frame.prefix.write().to_vec();
    out.extend_from_slice(&frame.head);
    frame.payloads.iter().for_each(|payload| out.extend_from_slice(payload));
    out
}

/// Reads a frame as a stream transport does: one contiguous slice of payloads.
fn parse(bytes: &[u8]) -> Frame {
    let prefix = Prefix::read(bytes[..PREFIX].try_into().unwrap(), Limits::default()).unwrap();
    let (head, payloads) = bytes[PREFIX..].split_at(prefix.head_len());
    assert_eq!(payloads.len(), prefix.payloads as usize);
    Frame { prefix, head: Bytes::copy_from_slice(head), payloads: vec![Bytes::copy_from_slice(payloads)] }
}

/// Both ways: the items give exactly these bytes, the bytes give exactly these items.
fn check<'a, I: Item<'a> + Clone + PartialEq + Debug>(items: &[I], golden: &[u8], parsed: &'a Frame) {
    let written = Encoder::default().frame(SESSION, items.iter().cloned()).unwrap();
    assert_eq!(bytes(&written).escape_ascii().to_string(), golden.escape_ascii().to_string());
    assert_eq!(parsed.prefix.session, SESSION);
    assert_eq!(parsed.items::<I>().unwrap().collect::<Vec<_>>(), items);
}

macro_rules! golden {
    ($($name:ident: $kind:ident, [$($item:expr),+ $(,)?], [$($bytes:literal),+ $(,)?];)*) => {
        $(#[test]
        fn $name() {
            let golden = [$(&$bytes[..]),+].concat();
            let parsed = parse(&golden);
            assert_eq!(parsed.prefix.kind, Kind::$kind);
            check(&[$($item),+], &golden, &parsed);
        })*

        #[test]
        fn every_kind_has_a_golden_vector() {
            let covered: HashSet<Kind> = [$(Kind::$kind),*].into();
            assert_eq!(covered.len(), Kind::ALL.len());
        }

        /// The golden bytes of every kind.
        pub(crate) fn all() -> Vec<Vec<u8>> {
            vec![$([$(&$bytes[..]),+].concat()),*]
        }
    };
}

fn id(bytes: &[u8]) -> MessageId {
    MessageId::new(bytes).unwrap()
}

golden! {
    hello: Hello, [
        Wanted {
            network: "weather",
            roles: Roles::VERIFY | Roles::CONSUME,
            verify: Window { messages: 256, bytes: 65536 },
            consume: Window { messages: 512, bytes: 131_072 },
            consumer: "ledger",
            group: "signatures",
            cursor: Cursor { stream: 0x1122_3344_5566_7788, counter: 41 },
            policy: Some(Overflow::DropNewest),
            software: "demo/1.0",
        },
        Wanted {
            network: "quakes",
            roles: Roles::PRODUCE | Roles::SHADOW,
            verify: Window { messages: 0, bytes: 0 },
            consume: Window { messages: 0, bytes: 0 },
            consumer: "",
            group: "",
            cursor: Cursor { stream: 0, counter: 0 },
            policy: None,
            software: "",
        },
    ], [
        b"PMQ1\x01\x00\x02\x00p\x00\x00\x00%\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\x01\x00\x03\x02\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x88wfUD3\"\x11)\x00\x00\x00\x00\x00\x00\x00\x07\x00\x06\x00\n\x00\x08\x00",
        b"\x01\x00\x0c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00",
        b"\x98\xff\xff\xff\x02\x00\x00\x00",
        b"weatherledgersignaturesdemo/1.0quakes",
    ];
    welcome: Welcome, [Granted {
        network: "weather",
        index: 0,
        roles: Roles::PARENT,
        cursor: Cursor { stream: 0x1122_3344_5566_7788, counter: 41 },
        deadline: Duration::from_secs(4),
        max_payload: 1_048_576,
        max_window: Window { messages: 1024, bytes: 16_777_216 },
    }], [
        b"PMQ1\x02\x00\x01\x007\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\x01\x00\x00\x00\x07\x88wfUD3\"\x11)\x00\x00\x00\x00\x00\x00\x00\x00\t=\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x07\x00",
        b"\xd1\xff\xff\xff\x01\x00\x00\x00",
        b"weather",
    ];
    validate: Validate, [
        Offered { network: 1, ticket: Ticket::new(7, 2), remaining: Duration::from_millis(3500), topic: "a/b", id: id(&[0xde, 0xad]), payload: Bytes::from_static(b"first") },
        Offered { network: 1, ticket: Ticket::new(8, 1), remaining: Duration::ZERO, topic: "a/b", id: id(b"x"), payload: Bytes::new() },
        Offered { network: 1, ticket: Ticket::new(9, 1), remaining: Duration::from_micros(1), topic: "c", id: id(b""), payload: Bytes::from_static(b"third") },
    ], [
        b"PMQ1\x03\x00\x03\x00G\x00\x00\x00\x07\x00\x00\x00\n\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\x07\x00\x00\x00\x02\x00\x00\x00\xe0g5\x00\x05\x00\x00\x00\x01\x00\x03\x00\x02",
        b"\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01",
        b"\t\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00\x01\x00\x01\x00\x00",
        b"\xc1\xff\xff\xff\x03\x00\x00\x00",
        b"a/b\xde\xadxc",
        b"firstthird",
    ];
    verdict: Verdict, [
        Judged { network: 1, ticket: Ticket::new(7, 2), verdict: Verdict::Accept, reason: 0, text: "" },
        Judged { network: 2, ticket: Ticket::new(8, 1), verdict: Verdict::Ignore, reason: 300, text: "stale round" },
        Judged { network: 1, ticket: Ticket::new(9, 1), verdict: Verdict::Reject, reason: u16::MAX, text: "no" },
    ], [
        b"PMQ1\x04\x00\x03\x002\x00\x00\x00\r\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\x07\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00",
        b"\x08\x00\x00\x00\x01\x00\x00\x00\x02\x00,\x01\x02\x0b",
        b"\t\x00\x00\x00\x01\x00\x00\x00\x01\x00\xff\xff\x03\x02",
        b"\xd6\xff\xff\xff\x03\x00\x00\x00",
        b"stale roundno",
    ];
    deliver: Deliver, [
        Delivered { network: 0, counter: 42, topic: "a/b", id: id(b"\x01\x02\x03"), payload: Bytes::from_static(b"one") },
        Delivered { network: 0, counter: 43, topic: "a/b", id: id(b"\x04"), payload: Bytes::from_static(b"two") },
    ], [
        b"PMQ1\x05\x00\x02\x00*\x00\x00\x00\x07\x00\x00\x00\x06\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"*\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x03\x00\x03",
        b"+\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01",
        b"\xde\xff\xff\xff\x02\x00\x00\x00",
        b"a/b\x01\x02\x03\x04",
        b"onetwo",
    ];
    gap: Gap, [Lost { network: 3, from: 44, to: 50, count: 6, reason: GapReason::Retention }], [
        b"PMQ1\x06\x00\x01\x00#\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b",\x00\x00\x00\x00\x00\x00\x002\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x03\x00\x03",
        b"\xe5\xff\xff\xff\x01\x00\x00\x00",
    ];
    unverified: Unverified, [Unjudged { network: 3, counter: 51, topic: "a/b", cause: Reason::Timeout, count: 9 }], [
        b"PMQ1\x07\x00\x01\x00\x1d\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"3\x00\x00\x00\x00\x00\x00\x00\t\x00\x00\x00\x00\x00\x00\x00\x03\x00\x03\x00*",
        b"\xeb\xff\xff\xff\x01\x00\x00\x00",
        b"a/b",
    ];
    ack: Ack, [Ack { network: 0, counter: 43 }, Ack { network: 3, counter: u64::MAX }], [
        b"PMQ1\x08\x00\x02\x00\x1c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"+\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\x03\x00",
        b"\xec\xff\xff\xff\x02\x00\x00\x00",
    ];
    credit: Credit, [Credit { network: 2, role: Roles::CONSUME, window: Window { messages: 64, bytes: 1 << 33 } }], [
        b"PMQ1\t\x00\x01\x00\x17\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\x00\x00\x00\x00\x02\x00\x00\x00@\x00\x00\x00\x02\x00\x02",
        b"\xf1\xff\xff\xff\x01\x00\x00\x00",
    ];
    publish: Publish, [Publish { network: 1, request: 77, topic: "out", payload: Bytes::from_static(b"report") }], [
        b"PMQ1\n\x00\x01\x00\x18\x00\x00\x00\x03\x00\x00\x00\x06\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"M\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x01\x00\x03\x00",
        b"\xf0\xff\xff\xff\x01\x00\x00\x00",
        b"out",
        b"report",
    ];
    published: Published, [Published { network: 1, request: 77, status: PublishStatus::QueueFull, id: id(b"\xab\xcd"), peers: 5, text: "all full" }], [
        b"PMQ1\x0b\x00\x01\x00\x1a\x00\x00\x00\n\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"M\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x01\x00\x08\x00\x06\x02",
        b"\xee\xff\xff\xff\x01\x00\x00\x00",
        b"\xab\xcdall full",
    ];
    subscribe: Subscribe, [Subscribe { network: 1, request: 78, topic: "in" }], [
        b"PMQ1\x0c\x00\x01\x00\x14\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"N\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02\x00",
        b"\xf4\xff\xff\xff\x01\x00\x00\x00",
        b"in",
    ];
    unsubscribe: Unsubscribe, [Unsubscribe { network: 1, request: 79, topic: "in" }], [
        b"PMQ1\r\x00\x01\x00\x14\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"O\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02\x00",
        b"\xf4\xff\xff\xff\x01\x00\x00\x00",
        b"in",
    ];
    thresholds: Thresholds, [Thresholds { network: 1, request: 80, topic: "", skip: 16, validity: 1024 }], [
        b"PMQ1\x0e\x00\x01\x00$\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"P\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00",
        b"\xe4\xff\xff\xff\x01\x00\x00\x00",
    ];
    mark: Mark, [Mark { network: 1, request: 81, topic: "in", origin: *b"0123456789abcdef0123456789abcdef", epoch: 6, seq: 900, action: MarkOp::Raise }], [
        b"PMQ1\x0f\x00\x01\x00E\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"Q\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x84\x03\x00\x00\x00\x00\x00\x000123456789abcdef0123456789abcdef\x01\x00\x02\x00\x02",
        b"\xc3\xff\xff\xff\x01\x00\x00\x00",
        b"in",
    ];
    allow_list: AllowList, [
        AllowList { network: 1, request: 82, action: AllowOp::Replace, peer: "12D3KooA" },
        AllowList { network: 1, request: 82, action: AllowOp::Replace, peer: "12D3KooB" },
    ], [
        b"PMQ1\x10\x00\x02\x00\"\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"R\x00\x00\x00\x00\x00\x00\x00\x01\x00\x08\x00\x01",
        b"R\x00\x00\x00\x00\x00\x00\x00\x01\x00\x08\x00\x01",
        b"\xe6\xff\xff\xff\x02\x00\x00\x00",
        b"12D3KooA12D3KooB",
    ];
    pause: Pause, [Pause { network: 1 }], [
        b"PMQ1\x11\x00\x01\x00\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\x01\x00",
        b"\xfe\xff\xff\xff\x01\x00\x00\x00",
    ];
    resume: Resume, [Resume { network: 1 }], [
        b"PMQ1\x12\x00\x01\x00\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\x01\x00",
        b"\xfe\xff\xff\xff\x01\x00\x00\x00",
    ];
    ping: Ping, [Ping { nonce: 0x0123_4567_89ab_cdef }], [
        b"PMQ1\x13\x00\x01\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\xef\xcd\xab\x89gE#\x01",
        b"\xf8\xff\xff\xff\x01\x00\x00\x00",
    ];
    pong: Pong, [Pong { nonce: 0x0123_4567_89ab_cdef }], [
        b"PMQ1\x14\x00\x01\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\xef\xcd\xab\x89gE#\x01",
        b"\xf8\xff\xff\xff\x01\x00\x00\x00",
    ];
    refuse: Refuse, [Refuse { network: 1, code: RefuseCode::RequestFailed, fatal: true, about: 82, text: "no" }], [
        b"PMQ1\x15\x00\x01\x00\x17\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"R\x00\x00\x00\x00\x00\x00\x00\x01\x00\x0f\x00\x02\x00\x01",
        b"\xf1\xff\xff\xff\x01\x00\x00\x00",
        b"no",
    ];
    done: Done, [Done { network: 1, request: 80 }], [
        b"PMQ1\x16\x00\x01\x00\x12\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08",
        b"P\x00\x00\x00\x00\x00\x00\x00\x01\x00",
        b"\xf6\xff\xff\xff\x01\x00\x00\x00",
    ];
}
