//! Any bytes in, a typed error or a frame; never a panic. Round trips in both shapes of payloads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::golden_tests;
use super::message::*;
use super::*;

const SESSION: SessionId = SessionId(9);
const SMALL: Limits = Limits { head: 4096, payloads: 4096 };

/// What a stream transport does with bytes, as a model: nothing is allocated before the prefix is checked.
fn read(bytes: &[u8], limits: Limits) -> Result<(Frame, usize), FrameError> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else {
        return Err(FrameError::Truncated { have: bytes.len(), need: PREFIX });
    };
    let prefix = Prefix::read(prefix, limits)?;
    let need = prefix.head_len() + prefix.payloads as usize;
    assert!(need <= limits.head + limits.payloads, "a prefix that passed announces no more than the limits");
    let Some(body) = rest.get(..need) else {
        return Err(FrameError::Truncated { have: rest.len(), need });
    };
    let (head, payloads) = body.split_at(prefix.head_len());
    let payloads = vec![Bytes::copy_from_slice(payloads)];
    Ok((Frame { prefix, head: Bytes::copy_from_slice(head), payloads }, PREFIX + need))
}

fn flat(frame: &Frame) -> Vec<u8> {
    let mut out = frame.prefix.write().to_vec();
    out.extend_from_slice(&frame.head);
    frame.payloads.iter().for_each(|payload| out.extend_from_slice(payload));
    out
}

/// Reads every entry of a frame of any kind; answers how many bytes they name.
pub(super) fn visit(frame: &Frame) -> Result<usize, FrameError> {
    fn walk<'a, I: Item<'a>>(frame: &'a Frame, size: impl Fn(I) -> usize) -> Result<usize, FrameError> {
        let items = frame.items::<I>()?;
        let expected = items.len();
        assert_eq!(expected, usize::from(frame.prefix.count));
        let sizes: Vec<usize> = items.map(size).collect();
        assert_eq!(sizes.len(), expected, "every checked entry is yielded");
        Ok(sizes.iter().sum())
    }
    match frame.prefix.kind {
        Kind::Hello => walk(frame, |i: Wanted<'_>| i.network.len() + i.consumer.len() + i.software.len()),
        Kind::Welcome => walk(frame, |i: Granted<'_>| i.network.len()),
        Kind::Validate => walk(frame, |i: Offered<'_>| i.payload.len()),
        Kind::Verdict => walk(frame, |_: Judged| 0),
        Kind::Deliver => walk(frame, |i: Delivered<'_>| i.payload.len()),
        Kind::Gap => walk(frame, |_: Lost| 0),
        Kind::Unverified => walk(frame, |i: Unjudged<'_>| i.topic.len()),
        Kind::Ack => walk(frame, |_: Ack| 0),
        Kind::Credit => walk(frame, |_: Credit| 0),
        Kind::Publish => walk(frame, |i: Publish<'_>| i.topic.len() + i.payload.len()),
        Kind::Published => walk(frame, |i: Published<'_>| i.text.len()),
        Kind::Subscribe => walk(frame, |i: Subscribe<'_>| i.topic.len()),
        Kind::Unsubscribe => walk(frame, |i: Unsubscribe<'_>| i.topic.len()),
        Kind::Thresholds => walk(frame, |i: Thresholds<'_>| i.topic.len()),
        Kind::Mark => walk(frame, |i: Mark<'_>| i.topic.len()),
        Kind::AllowList => walk(frame, |i: AllowList<'_>| i.peer.len()),
        Kind::Pause => walk(frame, |_: Pause| 0),
        Kind::Resume => walk(frame, |_: Resume| 0),
        Kind::Ping => walk(frame, |_: Ping| 0),
        Kind::Pong => walk(frame, |_: Pong| 0),
        Kind::Refuse => walk(frame, |i: Refuse<'_>| i.text.len()),
        Kind::Done => walk(frame, |_: Done| 0),
    }
}

fn offer() -> impl Strategy<Value = Offer> {
    (any::<u64>(), "[a-c]{1,2}", vec(any::<u8>(), 0..=MAX_ID), vec(any::<u8>(), 0..300)).prop_map(|(ticket, topic, id, payload)| Offer {
        ticket: Ticket(ticket),
        topic: Arc::from(topic.as_str()),
        id: MessageId::new(&id).unwrap(),
        payload: payload.into(),
        deadline: Instant::now(),
    })
}

proptest! {
    #[test]
    fn any_bytes_are_a_frame_or_a_typed_error(bytes in vec(any::<u8>(), 0..300)) {
        if let Ok((frame, _)) = read(&bytes, SMALL) {
            let _ = visit(&frame);
        }
    }

    #[test]
    fn any_archive_behind_a_good_prefix(kind in 1_u8..=22, count in 0_u16..5, archive in vec(any::<u8>(), 0..200), names in vec(any::<u8>(), 0..40), payloads in vec(vec(any::<u8>(), 0..9), 0..4)) {
        let total: usize = payloads.iter().map(Vec::len).sum();
        let prefix = Prefix {
            kind: Kind::from_code(kind).unwrap(), count, archive: archive.len() as u32, names: names.len() as u32, payloads: total as u32, session: SESSION,
        };
        let head = [archive, names].concat().into();
        let _ = visit(&Frame { prefix, head, payloads: payloads.into_iter().map(Bytes::from).collect() });
    }

    #[test]
    fn a_changed_byte_never_panics_and_never_reads_beyond(which in 0_usize..22, changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), keep in any::<prop::sample::Index>(), truncate in any::<bool>()) {
        let mut bytes = golden_tests::all().swap_remove(which);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if truncate {
            bytes.truncate(keep.index(bytes.len()));
        }
        if let Ok((frame, used)) = read(&bytes, SMALL) && let Ok(named) = visit(&frame) {
            // A repeated topic is counted once an entry, hence the factor.
            prop_assert!(named <= used * usize::from(frame.prefix.count));
        }
    }

    #[test]
    fn offers_round_trip_in_both_shapes(offers in vec(offer(), 1..80)) {
        let mut encoder = Encoder::new(SMALL);
        let mut frames = Vec::new();
        let now = Instant::now();
        encoder.validate(SESSION, 3, &offers, now, &mut frames).unwrap();
        let mut left = offers.iter();
        for sent in &frames {
            prop_assert!(sent.prefix.head_len() <= SMALL.head && sent.prefix.payloads as usize <= SMALL.payloads);
            let (streamed, used) = read(&flat(sent), SMALL).unwrap();
            prop_assert_eq!(used, flat(sent).len());
            let ours: Vec<Offered<'_>> = sent.items().unwrap().collect();
            let theirs: Vec<Offered<'_>> = streamed.items().unwrap().collect();
            prop_assert_eq!(&ours, &theirs);
            for read in ours {
                let offer = left.next().unwrap();
                prop_assert_eq!((read.ticket, read.topic, read.id, &read.payload), (offer.ticket, &*offer.topic, offer.id, &offer.payload));
                // Sent as it is: the same memory, not a copy.
                prop_assert!(read.payload.is_empty() || read.payload.as_ptr() == offer.payload.as_ptr());
            }
        }
        prop_assert!(left.next().is_none());
    }

    #[test]
    fn verdicts_round_trip(verdicts in vec((any::<u16>(), any::<u64>(), 0_usize..3, any::<u16>(), ".{0,60}"), 1..200)) {
        let verdicts: Vec<Judged<'_>> = verdicts.iter().map(|(network, ticket, v, reason, text)| Judged { network: *network, ticket: Ticket(*ticket), verdict: Verdict::ALL[*v], reason: *reason, text }).collect();
        let frame = Encoder::new(Limits::default()).frame(SESSION, verdicts.iter().copied()).unwrap();
        prop_assert_eq!(frame.items::<Judged<'_>>().unwrap().collect::<Vec<_>>(), verdicts);
    }

    #[test]
    fn records_keep_their_order(kinds in vec(0_u8..3, 1..60)) {
        let topic: Arc<str> = "t".into();
        let records: Vec<Record> = kinds.iter().zip(1_u64..).map(|(kind, counter)| match kind {
            0 => Record::Message { counter, topic: topic.clone(), id: MessageId::new(b"m").unwrap(), payload: Bytes::from_static(b"p") },
            1 => Record::Gap { from: counter, to: counter, count: 1, reason: GapReason::DropOldest },
            _ => Record::Unverified { counter, topic: topic.clone(), cause: Reason::Timeout, count: 2 },
        }).collect();
        let mut frames = Vec::new();
        Encoder::default().records(SESSION, 0, &records, &mut frames).unwrap();
        let mut seen = Vec::new();
        for frame in &frames {
            match frame.prefix.kind {
                Kind::Deliver => seen.extend(frame.items::<Delivered<'_>>().unwrap().map(|i| (0, i.counter))),
                Kind::Gap => seen.extend(frame.items::<Lost>().unwrap().map(|i| (1, i.from))),
                _ => seen.extend(frame.items::<Unjudged<'_>>().unwrap().map(|i| (2, i.counter))),
            }
        }
        prop_assert_eq!(seen, kinds.into_iter().zip(1_u64..).collect::<Vec<_>>());
    }

    #[test]
    fn texts_round_trip(request in any::<u64>(), network in any::<u16>(), topic in "\\PC{1,40}", text in "\\PC{0,40}", payload in vec(any::<u8>(), 0..200)) {
        let mut encoder = Encoder::default();
        let publish = Publish { network, request, topic: &topic, payload: payload.into() };
        let refuse = Refuse { network, code: RefuseCode::Rate, fatal: false, about: request, text: &text };
        let frame = encoder.frame(SESSION, [publish.clone()]).unwrap();
        prop_assert_eq!(frame.items().unwrap().collect::<Vec<Publish<'_>>>(), [publish]);
        let frame = encoder.frame(SESSION, [refuse]).unwrap();
        prop_assert_eq!(frame.items().unwrap().collect::<Vec<Refuse<'_>>>(), [refuse]);
    }
}

#[test]
fn lengths_beyond_the_limits_are_refused_by_the_prefix() {
    let mut bytes = golden_tests::all().swap_remove(2);
    bytes[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(read(&bytes, SMALL), Err(FrameError::TooLarge { part: "headers", .. })));
    let mut bytes = golden_tests::all().swap_remove(2);
    bytes[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(read(&bytes, SMALL), Err(FrameError::TooLarge { part: "payloads", .. })));
}

#[test]
fn an_unfit_item_is_refused_and_the_others_pass() {
    let publish = |len: usize| Publish { network: 0, request: len as u64, topic: "t", payload: vec![0; len].into() };
    let mut items = [publish(10), publish(5000), publish(20)].into_iter().peekable();
    let mut encoder = Encoder::new(SMALL);
    let mut sizes = Vec::new();
    let mut refused = 0;
    loop {
        match encoder.pack(SESSION, &mut items) {
            Ok(Some(frame)) => sizes.extend(frame.items::<Publish<'_>>().unwrap().map(|i| i.payload.len())),
            Ok(None) => break,
            Err(FrameError::TooLarge { part: "payloads", bytes: 5000, .. }) => refused += 1,
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!((sizes, refused), (vec![10, 20], 1));
    let empty = Offered {
        network: 0,
        ticket: Ticket(1),
        remaining: Duration::ZERO,
        topic: "",
        id: MessageId::new(b"").unwrap(),
        payload: Bytes::new(),
    };
    assert!(matches!(encoder.frame(SESSION, [empty]), Err(FrameError::Content { .. })));
}

#[test]
fn another_version_is_named_even_if_nothing_else_can_be_read() {
    let prefix = Prefix { kind: Kind::Hello, count: 1, archive: 2, names: 0, payloads: 0, session: SessionId(0) };
    let frame = Frame { prefix, head: Bytes::from_static(&[2, 1]), payloads: Vec::new() };
    assert_eq!(frame.items::<Wanted<'_>>().err(), Some(FrameError::Version { theirs: 258 }));
}

#[test]
fn a_payload_that_spans_two_parts_is_refused() {
    let sent =
        Encoder::default().frame(SESSION, [Publish { network: 0, request: 1, topic: "t", payload: Bytes::from_static(b"abcd") }]).unwrap();
    let split = Frame { payloads: vec![Bytes::from_static(b"ab"), Bytes::from_static(b"cd")], ..sent };
    assert!(split.items::<Publish<'_>>().is_err());
}

#[test]
fn small_frames_share_one_buffer() {
    let mut encoder = Encoder::default();
    let first = encoder.frame(SESSION, [Ping { nonce: 1 }]).unwrap();
    let second = encoder.frame(SESSION, [Ping { nonce: 2 }]).unwrap();
    assert_eq!(first.head.as_ptr().addr() + first.head.len(), second.head.as_ptr().addr());
}

/// A frame whose sections were changed by hand, its prefix along with them.
fn doctored(frame: &Frame, count: u16, archive: Vec<u8>, names: Vec<u8>, payload: Vec<u8>) -> Frame {
    let prefix = Prefix { count, archive: archive.len() as u32, names: names.len() as u32, payloads: payload.len() as u32, ..frame.prefix };
    Frame { prefix, head: [archive, names].concat().into(), payloads: vec![payload.into()] }
}

fn complaint<'a, I: Item<'a>>(frame: &'a Frame) -> String {
    frame.items::<I>().err().expect("a frame that must be refused").to_string()
}

#[test]
fn everything_must_add_up_exactly() {
    let publish = |request, topic| Publish { network: 0, request, topic, payload: Bytes::from_static(b"abc") };
    let sent = Encoder::default().frame(SESSION, [publish(1, "topic"), publish(2, "other")]).unwrap();
    let (archive, names) = sent.head.split_at(sent.prefix.archive as usize);
    let (archive, names, payload) = (archive.to_vec(), names.to_vec(), b"abcabc".to_vec());
    let with = |count, archive: &[u8], names: &[u8], payload: &[u8]| {
        complaint::<Publish<'_>>(&doctored(&sent, count, archive.to_vec(), names.to_vec(), payload.to_vec()))
    };
    assert!(doctored(&sent, 2, archive.clone(), names.clone(), payload.clone()).items::<Publish<'_>>().is_ok());
    assert!(with(2, &archive, b"topicother!", &payload).contains("names are longer"));
    assert!(with(2, &archive, b"topicothe", &payload).contains("names are shorter"));
    assert!(with(2, &archive, b"topicoth\xffr", &payload).contains("entry 1: a name is not UTF-8"));
    assert!(with(2, &archive, &names, b"abcabc!").contains("payloads are longer"));
    assert!(with(2, &archive, &names, b"abcab").contains("payloads are shorter"));
    assert!(with(1, &archive, &names, &payload).contains("does not fit its count"));
    assert!(with(0, &archive[32..], &[], &[]).contains("at least one head"));
    // The root points to the second head and counts one: in bounds for rkyv, not where the layout says.
    let root = archive.len() - 8;
    let mut moved = archive.clone();
    moved[root..].copy_from_slice(&[0xf0, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
    assert!(with(2, &moved, &names, &payload).contains("root does not point"));
    // The root points out of the archive.
    moved[root..].copy_from_slice(&[0, 0, 0, 0x80, 2, 0, 0, 0]);
    assert!(with(2, &moved, &names, &payload).contains("cannot be read"));
    // The prefix announces more than is there.
    let mut cut = sent.clone();
    cut.head = cut.head.slice(..10);
    assert!(complaint::<Publish<'_>>(&cut).contains("cut short"));
    assert!(complaint::<Ack>(&sent).contains("Ack frame was expected"));
}

#[test]
fn unknown_codes_are_refused() {
    let mut encoder = Encoder::default();
    let verdict =
        encoder.frame(SESSION, [Judged { network: 0, ticket: Ticket(1), verdict: Verdict::Accept, reason: 0, text: "" }]).unwrap();
    let gap = encoder.frame(SESSION, [Lost { network: 0, from: 1, to: 1, count: 1, reason: GapReason::Restart }]).unwrap();
    let credit = encoder.frame(SESSION, [Credit { network: 0, role: Roles::VERIFY, window: Window { messages: 1, bytes: 1 } }]).unwrap();
    let code = |frame: &Frame, at: usize, code: u8| {
        let mut archive = frame.head.to_vec();
        archive[at] = code;
        doctored(frame, 1, archive, vec![], vec![])
    };
    assert!(complaint::<Judged>(&code(&verdict, 12, 4)).contains("verdict code"));
    assert!(complaint::<Lost>(&code(&gap, 26, 0)).contains("gap reason"));
    assert!(complaint::<Credit>(&code(&credit, 14, 3)).contains("credit is for"));
}

#[test]
fn the_first_topic_of_a_batch_cannot_repeat_another() {
    let offered =
        Offered { network: 0, ticket: Ticket(1), remaining: Duration::ZERO, topic: "t", id: MessageId::EMPTY, payload: Bytes::new() };
    let sent = Encoder::default().frame(SESSION, [offered]).unwrap();
    let mut archive = sent.head[..sent.prefix.archive as usize].to_vec();
    archive[18..20].fill(0);
    assert!(complaint::<Offered<'_>>(&doctored(&sent, 1, archive, vec![], vec![])).contains("first topic"));
}
