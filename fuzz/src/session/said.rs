//! Frames out of a fuzzer's bytes: well-formed, damaged, and made of nothing.

use std::time::Duration;

use bytes::Bytes;
use pmq_protocol::wire::message::{
    Ack, AllowList, Credit, Delivered, Done, Granted, Item, Judged, Lost, Mark, Offered, Pause, Ping, Pong, Publish, Published, Refuse,
    Resume, Subscribe, Thresholds, Unjudged, Unsubscribe, Wanted,
};
use pmq_protocol::wire::{
    AllowOp, Cursor, Encoder, Frame, GapReason, Kind, MarkOp, MessageId, Overflow, Prefix, PublishStatus, Reason, RefuseCode, Roles,
    SessionId, Ticket, Verdict, Window,
};

use super::super::frame::{bytes, parse};
use super::super::input::Input;
use super::LIMITS;

/// The networks that an agent may have, one that it keeps to itself, and two that it has not.
pub const NAMES: [&str; 5] = ["quakes", "weather", "hidden", "nowhere", ""];

/// The sessions that a frame may name: this one, none, another one.
pub fn session(input: &mut Input<'_>, own: SessionId) -> SessionId {
    match input.byte() {
        0..=207 => own,
        208..=239 => SessionId(0),
        other => SessionId(other.into()),
    }
}

pub fn window(input: &mut Input<'_>) -> Window {
    Window { messages: u32::try_from(input.number()).unwrap_or(u32::MAX), bytes: input.number() }
}

pub fn roles(input: &mut Input<'_>) -> Roles {
    Roles::from_bits(input.below(16)).unwrap_or_default()
}

pub fn cursor(input: &mut Input<'_>) -> Cursor {
    Cursor { stream: input.below(4).into(), counter: input.number() }
}

pub fn payload(input: &mut Input<'_>) -> Bytes {
    // What is in it makes no difference to a session.
    vec![0; input.byte().into()].into()
}

pub fn ticket(input: &mut Input<'_>) -> Ticket {
    Ticket(input.below(16).into())
}

pub fn judged(input: &mut Input<'_>) -> Judged<'static> {
    let (network, ticket) = (index(input), ticket(input));
    Judged { network, ticket, verdict: code(input, &Verdict::ALL), reason: 0, text: topic(input) }
}

/// An index of a network: there are at most three.
pub fn index(input: &mut Input<'_>) -> u16 {
    input.below(4).into()
}

pub fn code<T: Copy>(input: &mut Input<'_>, all: &[T]) -> T {
    all[usize::from(input.byte()) % all.len()]
}

pub fn topic(input: &mut Input<'_>) -> &'static str {
    code(input, &["t", "u", "a longer topic", ""])
}

/// A group of verifiers; the agent's first network has the first two.
pub fn group(input: &mut Input<'_>) -> &'static str {
    code(input, &["", "one", "two", "none"])
}

fn id(input: &mut Input<'_>) -> MessageId {
    let len = usize::from(input.below(65));
    MessageId::new(&[7; 64][..len]).unwrap_or(MessageId::EMPTY)
}

/// A frame of one to three entries.
fn frame<'a, I: Item<'a>>(input: &mut Input<'_>, session: SessionId, mut entry: impl FnMut(&mut Input<'_>) -> I) -> Option<Frame> {
    let entries: Vec<I> = (0..=input.below(3)).map(|_| entry(input)).collect();
    Encoder::new(LIMITS).frame(session, entries).ok()
}

/// A well-formed frame of any kind. `None` where the bytes asked for something that cannot be written, such as an empty topic.
pub fn said(input: &mut Input<'_>, own: SessionId) -> Option<Frame> {
    let kind = code(input, Kind::ALL);
    let to = session(input, if kind == Kind::Hello { SessionId(0) } else { own });
    match kind {
        Kind::Hello => frame(input, to, |i| Wanted {
            network: code(i, &NAMES),
            roles: roles(i),
            verify: window(i),
            consume: window(i),
            consumer: "c",
            group: group(i),
            cursor: cursor(i),
            policy: Overflow::from_code(i.below(4)),
            software: "fuzz/1",
        }),
        Kind::Welcome => frame(input, to, |i| Granted {
            network: code(i, &NAMES),
            index: index(i),
            roles: roles(i),
            cursor: cursor(i),
            deadline: Duration::from_micros(i.number()),
            max_payload: 1000,
            max_window: window(i),
        }),
        Kind::Validate => frame(input, to, |i| Offered {
            network: index(i),
            ticket: ticket(i),
            remaining: Duration::from_millis(i.byte().into()),
            topic: topic(i),
            id: id(i),
            payload: payload(i),
        }),
        Kind::Verdict => frame(input, to, judged),
        Kind::Deliver => {
            frame(input, to, |i| Delivered { network: index(i), counter: i.number(), topic: topic(i), id: id(i), payload: payload(i) })
        }
        Kind::Gap => frame(input, to, |i| {
            let reason = GapReason::from_code(1 + i.below(4)).unwrap_or(GapReason::Restart);
            Lost { network: index(i), from: i.number(), to: i.number(), count: i.number(), reason }
        }),
        Kind::Unverified => frame(input, to, |i| {
            let (network, counter, topic) = (index(i), i.number(), topic(i));
            Unjudged { network, counter, topic, cause: code(i, Reason::ALL), count: i.number() }
        }),
        Kind::Ack => frame(input, to, |i| Ack { network: index(i), counter: i.number() }),
        Kind::Credit => {
            frame(input, to, |i| Credit { network: index(i), role: code(i, &[Roles::VERIFY, Roles::CONSUME]), window: window(i) })
        }
        Kind::Publish => frame(input, to, |i| Publish { network: index(i), request: i.number(), topic: topic(i), payload: payload(i) }),
        Kind::Published => frame(input, to, |i| {
            let (network, request, status) = (index(i), i.number(), code(i, PublishStatus::ALL));
            Published { network, request, status, id: id(i), peers: 1, text: topic(i) }
        }),
        Kind::Subscribe => frame(input, to, |i| Subscribe { network: index(i), request: i.number(), topic: topic(i) }),
        Kind::Unsubscribe => frame(input, to, |i| Unsubscribe { network: index(i), request: i.number(), topic: topic(i) }),
        Kind::Thresholds => frame(input, to, |i| {
            let (network, request, topic) = (index(i), i.number(), topic(i));
            Thresholds { network, request, topic, skip: i.number(), validity: i.number() }
        }),
        Kind::Mark => frame(input, to, |i| {
            let (network, request, topic) = (index(i), i.number(), topic(i));
            Mark { network, request, topic, origin: [1; 32], epoch: i.number(), seq: i.number(), action: code(i, MarkOp::ALL) }
        }),
        Kind::AllowList => frame(input, to, |i| {
            let (network, request) = (index(i), u64::from(i.below(2)));
            AllowList { network, request, action: code(i, AllowOp::ALL), peer: topic(i) }
        }),
        Kind::Pause => frame(input, to, |i| Pause { network: index(i) }),
        Kind::Resume => frame(input, to, |i| Resume { network: index(i) }),
        Kind::Ping => frame(input, to, |i| Ping { nonce: i.number() }),
        Kind::Pong => frame(input, to, |i| Pong { nonce: i.number() }),
        Kind::Refuse => frame(input, to, |i| {
            // Not often fatal: the schedule would be over.
            let (network, code, fatal) = (index(i), code(i, RefuseCode::ALL), i.byte() > 250);
            Refuse { network, code, fatal, about: i.number(), text: topic(i) }
        }),
        Kind::Done => frame(input, to, |i| Done { network: index(i), request: i.number() }),
    }
}

/// A well-formed frame with up to three bytes changed, if that leaves a frame.
pub fn damaged(input: &mut Input<'_>, own: SessionId) -> Option<Frame> {
    let mut bytes = bytes(&said(input, own)?);
    for _ in 0..=input.below(3) {
        let at = usize::from(u16::from_le_bytes(input.array())) % bytes.len();
        bytes[at] = input.byte();
    }
    parse(&bytes, LIMITS)
}

/// A frame of which nothing fits together.
pub fn nonsense(input: &mut Input<'_>, own: SessionId) -> Frame {
    let kind = code(input, Kind::ALL);
    let session = session(input, own);
    let (count, archive, names, payloads) = (input.below(4).into(), input.byte().into(), input.byte().into(), input.byte().into());
    let len = usize::from(input.byte());
    let head = Bytes::copy_from_slice(input.bytes(len));
    let len = usize::from(input.byte());
    let body = Bytes::copy_from_slice(input.bytes(len));
    Frame { prefix: Prefix { kind, count, archive, names, payloads, session }, head, payloads: vec![body] }
}
