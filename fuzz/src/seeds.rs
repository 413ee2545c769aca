//! What the fuzzers start from: inputs that the code itself makes, one for each thing that it can say.

use std::time::Duration;

use bytes::Bytes;
use pmq_protocol::wire::message::{
    Ack, AllowList, Credit, Delivered, Done, Granted, Item, Judged, Lost, Mark, Offered, Pause, Ping, Pong, Publish, Published, Refuse,
    Resume, Subscribe, Thresholds, Unjudged, Unsubscribe, Wanted,
};
use pmq_protocol::wire::{
    AllowOp, Cursor, Encoder, FrameBuffer, GapReason, HeaderOrigin, Limits, MarkOp, MessageId, Overflow, PmqHeader, PublishStatus, Reason,
    RefuseCode, Roles, SessionId, Ticket, Verdict, Window,
};
use pmq_transports::grpc::into_proto;

use prost::Message as _;

use super::frame::bytes;

/// An input by its target and its name.
pub type Seed = (&'static str, String, Vec<u8>);

/// All seeds; `config` reads the files that are shipped.
pub fn seeds(config: impl Fn(&str) -> String) -> Vec<Seed> {
    let mut seeds: Vec<Seed> = Vec::new();
    for (name, frame) in frames() {
        seeds.push(("frame", name.to_owned(), [&[0], &*frame].concat()));
    }
    // Several frames, in pieces.
    let all: Vec<u8> = frames().into_iter().flat_map(|(_, frame)| frame).collect();
    seeds.push(("frame", "all".to_owned(), [&[17], &*all].concat()));

    for (name, frame) in frames() {
        let mut buffer = FrameBuffer::new(Limits::default());
        buffer.room().extend_from_slice(&frame);
        let frame = buffer.next_frame().ok().flatten().and_then(|frame| into_proto(&frame).ok());
        // One that is none has no bytes, which leads nowhere.
        seeds.push(("proto", name.to_owned(), frame.map(|frame| frame.encode_to_vec()).unwrap_or_default()));
    }

    for (name, steps) in AGENT {
        seeds.push(("session_agent", (*name).to_owned(), steps.concat()));
    }
    for (name, steps) in PARENT {
        seeds.push(("session_parent", (*name).to_owned(), steps.concat()));
    }

    for (name, origin) in [("short", HeaderOrigin::Short([3; 20])), ("long", HeaderOrigin::Long([4; 32]))] {
        let mut payload = vec![0];
        PmqHeader { origin, epoch: 7, seq: 300, content: 6 }.write(&mut payload);
        payload.extend_from_slice(b"reportsignatures");
        seeds.push(("codec_pmq", name.to_owned(), payload));
    }
    seeds.push(("codec_pmq", "made".to_owned(), [&[1, 1], &[9; 32][..], &[7, 44, 3], b"reportsignature"].concat()));
    // Field 1 is a message with field 2 of three bytes; then a sequence, a fixed epoch, a text, a signature.
    let report = [&[0x0a, 5, 0x12, 3, 7, 8, 9, 0x18, 0xac, 2, 0x25, 5, 0, 0, 0][..], &[0x2a, 2, b'o', b'k', 0x7a, 1, 1]].concat();
    seeds.push(("codec_protobuf", "report".to_owned(), report));
    let report = br#"{"from": "node-1", "seq": 300, "epoch": "5", "list": [1.5, null, true, {"a": "\u00e9"}], "signature": "x"}"#;
    seeds.push(("codec_json", "report".to_owned(), report.to_vec()));
    seeds.push(("codec_raw", "any".to_owned(), b"anything".to_vec()));
    // origin 0..20; sequence at 20, 8 bytes, big; epoch at 28, 4 bytes, little; tag from 20, without the last 2.
    let fixed = [&[0, 20, 1, 20, 8, 1, 0, 28, 4, 0, 20, 2], &[5; 40][..]].concat();
    seeds.push(("codec_fixed", "all".to_owned(), fixed));
    // Found by fuzzing: more is trimmed than there is.
    seeds.push(("codec_fixed", "trim".to_owned(), [&[0, 1, 0, 0, 1, 0, 0, 0, 200], &[7; 5][..]].concat()));
    // origin 2..34; sequence at 0, 2 bytes, little; no epoch; tag 3..9.
    seeds.push(("codec_fixed", "length".to_owned(), [&[2, 32, 0, 0, 2, 0, 1, 6, 3, 0], &[6; 34][..]].concat()));

    let shipped = |agent: &str, networks: &[&str], flags: &str| {
        let networks: Vec<String> = networks.iter().map(|network| config(network)).collect();
        let missing = vec![String::new(); 2 - networks.len()];
        [&[agent.to_owned()][..], &networks, &missing, &[flags.to_owned()]].concat().join("\n=====\n").into_bytes()
    };
    let agent = "version = 1\nnetworks = [\"network.toml\"]\n";
    let both = "version = 1\nnetworks = [\"network.toml\", \"second.toml\"]\n";
    // Every option in force, but for those that are examples.
    let reference = config("reference.toml").replace("reference-network.toml", "network.toml");
    for (name, agent, networks, flags) in [
        ("minimal", agent, &["minimal-network.toml"][..], ""),
        ("oracles", both, &["weather.toml", "quakes.toml"], ""),
        ("flights", both, &["flights.toml", "minimal-network.toml"], "gossip.listen=[]\nnetwork.minimal.max_message=1KiB"),
        ("grants", GRANTS, &["minimal-network.toml"], "ops.enabled=false\nattach.grant.0.roles=[\"verify\"]"),
        // The largest there may be. Found by fuzzing: the estimate of memory had no room for a larger one.
        ("huge-ring", agent, &["quakes.toml"], "network.quakes.stage.delivery.ring_bytes=1TiB"),
        ("mistake", "version = 1\nnetwork = 3\n", &[], ""),
    ] {
        seeds.push(("config", name.to_owned(), shipped(agent, networks, flags)));
    }
    seeds.push(("config", "reference".to_owned(), shipped(&reference, &["reference-network.toml"], "")));
    seeds
}

const GRANTS: &str = r#"version = 1
networks = ["network.toml"]

[network.default]
take = "minimal"

[[attach.grant]]
uid = 1000
networks = ["minimal"]
roles = ["verify", "consume"]
"#;

type Steps = &'static [(&'static str, &'static [&'static [u8]])];

/// A hello of two networks with all roles and windows of 4 messages and 200 bytes, then the welcome.
const HELLO: &[u8] = &[0, 0, 0, 1, 0, 7, 4, 200, 4, 200, 1, 0, 0, 0, 1, 7, 4, 200, 4, 200, 0, 1, 5, 1];
const WELCOME: &[u8] = &[12, 2, 1, 0, 1, 5];

/// More than a ping's time, then an ack.
const TALK: &[u8] = &[13, 21, 0, 7, 0, 0, 0, 0];

/// Steps as `session/agent.rs` reads them; the first byte are the grants. A said frame: 0, its kind's index, its session, entries but one, entries.
const AGENT: Steps = &[
    ("attach", &[&[0], HELLO, WELCOME]),
    // Two offers on network 0, a verdict for each, one more for none.
    ("verify", &[&[0], HELLO, WELCOME, &[8, 0, 1, 1, 0, 10, 9, 2, 0, 20, 9], &[0, 3, 0, 2, 0, 1, 0, 0, 0, 2, 1, 3, 0, 3, 2, 1]]),
    // Two messages and a gap on network 0, an ack of the second.
    ("consume", &[&[0], HELLO, WELCOME, &[10, 0, 2, 0, 0, 9, 1, 0, 9, 5, 3, 0], &[0, 7, 0, 0, 0, 2]]),
    // A publish that is answered, a subscribe that is not.
    ("produce", &[&[0], HELLO, WELCOME, &[0, 9, 0, 0, 0, 1, 0, 5], &[14, 0, 1, 2, 0, 0], &[0, 11, 0, 0, 0, 2, 1]]),
    ("credit", &[&[0], HELLO, WELCOME, &[0, 8, 0, 1, 0, 0, 2, 50, 1, 1, 250, 0, 1, 9], &[0, 16, 0, 0, 0], &[0, 17, 0, 0, 0]]),
    // Silence, a ping, death.
    ("silence", &[&[0], HELLO, WELCOME, &[13, 25], &[13, 25], &[13, 25]]),
    // A parent that does not read and pings.
    ("unread", &[&[0], HELLO, WELCOME, &[15, 0], &[0, 18, 0, 2, 1, 2, 3], &[13, 22], &[0, 18, 0, 0, 1], &[13, 22], &[15, 1]]),
    ("stale", &[&[0], HELLO, WELCOME, &[0, 7, 250, 0, 0, 2], &[15, 255]]),
    // A shadow of the second group: offers, and a verdict.
    ("shadow", &[&[0], &[0, 0, 0, 0, 0, 8, 4, 200, 4, 200, 2, 0, 0, 0], &[12, 1, 0, 0], &[8, 0, 0, 1, 0, 9, 9], &[0, 3, 0, 0, 0, 1, 0, 0]]),
    ("not-granted", &[&[1], &[0, 0, 0, 0, 1, 1, 4, 9, 4, 9, 0, 0, 0, 0], WELCOME]),
    // Found by fuzzing: a hello that asks for no role must not tell that the network is there.
    ("no-role", &[&[1], &[0, 0, 0, 0, 2, 0, 4, 9, 4, 9, 0, 0, 0, 0], WELCOME]),
    // A gap up to the last counter of all; behind it comes nothing.
    ("last-counter", &[&[0], HELLO, WELCOME, &[10, 0, 0, 5, 254, 1, 0], &[10, 0, 0, 7, 255, 0, 0]]),
    // A parent that speaks and never reads.
    ("talker", &[&[0], HELLO, WELCOME, &[15, 0], TALK, TALK, TALK, TALK, TALK, &[15, 1]]),
];

/// A parent of two networks with all roles and windows of 4 messages and 200 bytes, attached.
const WANTS: &[u8] = &[1, 7, 4, 200, 4, 200, 1, 0, 0, 0, 7, 4, 200, 4, 200, 0, 1, 5, 1];
const GRANTED: &[u8] = &[0, 1, 0, 1, 5, 0, 0];

/// More than a ping's time, then an answer.
const SAID: &[u8] = &[14, 21, 5, 21, 0, 0, 0, 0];

/// Steps as `session/parent.rs` reads them; the first bytes are what the parent wants.
const PARENT: Steps = &[
    ("attach", &[WANTS, GRANTED]),
    ("verify", &[WANTS, GRANTED, &[1, 1, 0, 1, 10, 0, 2, 20], &[9, 1, 0, 1, 0, 0, 0, 2, 1, 3]]),
    ("consume", &[WANTS, GRANTED, &[3, 0, 0, 0, 1, 9, 9], &[3, 0, 2, 0, 0, 4], &[11, 0, 1, 1]]),
    ("credit", &[WANTS, GRANTED, &[12, 0, 0, 9, 250, 9, 9], &[13, 0, 0, 0, 1], &[13, 0, 0, 0, 0]]),
    ("produce", &[WANTS, GRANTED, &[13, 0, 1, 0, 9], &[13, 0, 3, 0], &[13, 0, 7, 0, 2, 0], &[5, 10, 0, 0, 0, 1, 0, 3, 0]]),
    ("silence", &[WANTS, GRANTED, &[14, 25], &[14, 25], &[14, 25]]),
    ("unread", &[WANTS, GRANTED, &[15, 0], &[5, 18, 0, 2, 1, 2, 3], &[13, 0, 3, 0], &[15, 1]]),
    ("refused", &[WANTS, &[5, 20, 0, 0, 0, 3, 255, 0, 1]]),
    // Found by fuzzing: of a welcome whose second entry is wrong, the first one must not count.
    ("half-a-welcome", &[WANTS, &[0, 2, 9, 1, 6, 0, 0]]),
    // A gap up to the last counter of all, and a record that repeats it.
    ("last-counter", &[WANTS, GRANTED, &[3, 0, 2, 0, 0, 254, 1], &[3, 0, 0, 250, 255, 0, 0]]),
    ("talker", &[WANTS, GRANTED, &[15, 0], SAID, SAID, SAID, SAID, SAID, &[15, 1]]),
];

/// One frame of every kind.
fn frames() -> Vec<(&'static str, Vec<u8>)> {
    fn one<'a, I: Item<'a>>(items: impl IntoIterator<Item = I>) -> Vec<u8> {
        let frame = Encoder::default().frame(SessionId(77), items);
        bytes(&frame.unwrap_or_else(|error| panic!("{error}")))
    }
    let id = MessageId::new(b"\x01\x02\x03").unwrap_or(MessageId::EMPTY);
    let window = Window { messages: 4, bytes: 300 };
    let cursor = Cursor { stream: 5, counter: 41 };
    let (network, request, payload) = (0, 77, Bytes::from_static(b"payload"));
    let wanted = |network, software| Wanted {
        network,
        roles: Roles::PARENT,
        verify: window,
        consume: window,
        consumer: "ledger",
        group: "one",
        cursor,
        policy: Some(Overflow::DropOldest),
        software,
    };
    let deadline = Duration::from_secs(4);
    let offered = |ticket, topic| Offered { network, ticket: Ticket(ticket), remaining: deadline, topic, id, payload: payload.clone() };
    let delivered = |counter, topic| Delivered { network, counter, topic, id, payload: payload.clone() };
    let allowed = |peer| AllowList { network, request, action: AllowOp::Replace, peer };
    vec![
        ("hello", one([wanted("quakes", "fuzz/1"), wanted("weather", "")])),
        (
            "welcome",
            one([Granted { network: "quakes", index: 0, roles: Roles::PARENT, cursor, deadline, max_payload: 1000, max_window: window }]),
        ),
        ("validate", one([offered(1, "a"), offered(2, "a"), offered(3, "b")])),
        ("verdict", one(Verdict::ALL.map(|verdict| Judged { network, ticket: Ticket(7), verdict, reason: 3, text: "why" }))),
        ("deliver", one([delivered(42, "a"), delivered(43, "a")])),
        ("gap", one([Lost { network, from: 44, to: 50, count: 6, reason: GapReason::Retention }])),
        ("unverified", one([Unjudged { network, counter: 51, topic: "a", cause: Reason::Timeout, count: 9 }])),
        ("ack", one([Ack { network, counter: 43 }])),
        ("credit", one([Credit { network, role: Roles::CONSUME, window }])),
        ("publish", one([Publish { network, request, topic: "out", payload: payload.clone() }])),
        ("published", one([Published { network, request, status: PublishStatus::QueueFull, id, peers: 5, text: "all full" }])),
        ("subscribe", one([Subscribe { network, request, topic: "in" }])),
        ("unsubscribe", one([Unsubscribe { network, request, topic: "in" }])),
        ("thresholds", one([Thresholds { network, request, topic: "", skip: 16, validity: 1024 }])),
        ("mark", one([Mark { network, request, topic: "in", origin: [9; 32], epoch: 6, seq: 900, action: MarkOp::Raise }])),
        ("allow-list", one([allowed("12D3KooA"), allowed("12D3KooB")])),
        ("pause", one([Pause { network }])),
        ("resume", one([Resume { network }])),
        ("ping", one([Ping { nonce: 7 }])),
        ("pong", one([Pong { nonce: 7 }])),
        ("refuse", one([Refuse { network, code: RefuseCode::RequestFailed, fatal: true, about: 82, text: "no" }])),
        ("done", one([Done { network, request }])),
    ]
}
