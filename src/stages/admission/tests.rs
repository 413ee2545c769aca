#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::{Duration, Instant};

use bytesize::ByteSize;

use super::{Admission, AdmissionSettings, AdmissionStage, By};
use crate::fixture::{envelope, inward, network, origin, topic};
use pmq_pipeline::{Blueprint, Envelope, Header, Outcome, Settled, Stage, Topic};
use pmq_protocol::wire::{Reason, Verdict};

fn settings() -> AdmissionSettings {
    AdmissionSettings {
        rate: 10,
        burst: 4,
        byte_rate: ByteSize::b(1_000),
        byte_burst: ByteSize::b(1_000),
        in_flight: 100,
        in_flight_total: 100,
        entries: 10,
        ..AdmissionSettings::default()
    }
}

fn stage(settings: AdmissionSettings) -> AdmissionStage {
    settings.check(network().max_message).unwrap();
    Admission::new(settings, network()).stage()
}

/// The reason of a refusal, or the message that was let in.
fn enter(stage: &mut AdmissionStage, peer: u32, bytes: usize, now: Instant) -> Result<Envelope, Reason> {
    inward(stage, envelope(peer, topic(0), &vec![0; bytes]), now).map_err(|outcome| {
        assert_eq!(outcome, Outcome::ignore(outcome.reason), "a limit of our own is no Reject");
        outcome.reason
    })
}

fn leave(stage: &mut AdmissionStage, envelope: Envelope, now: Instant) {
    stage.outward(&mut [Settled::new(envelope, Outcome::ignore(Reason::Timeout))], now);
}

#[test]
fn defaults_make_sense() {
    AdmissionSettings::default().check(1 << 20).unwrap();
    assert!(settings().check(1_001).unwrap_err().to_string().contains("byte_burst"));
    assert_eq!(AdmissionSettings { in_flight: 101, ..settings() }.check(1).unwrap_err().key, "in_flight");
    assert_eq!(AdmissionSettings { entries: 0, ..settings() }.check(1).unwrap_err().key, "entries");
}

#[test]
fn foreign_topics_are_ignored_and_large_messages_rejected() {
    let (mut stage, now) = (stage(settings()), Instant::now());
    for index in [1, 1, 99] {
        let foreign = Topic { index, name: "foreign".into() };
        let outcome = inward(&mut stage, envelope(1, foreign, b"x"), now).unwrap_err();
        assert_eq!(outcome, Outcome::ignore(Reason::TopicUnknown));
    }
    let outcome = inward(&mut stage, envelope(1, topic(0), &[0; 1_001]), now).unwrap_err();
    assert_eq!((outcome.verdict, outcome.reason), (Verdict::Reject, Reason::TooLarge));
    inward(&mut stage, envelope(1, topic(0), &[0; 1_000]), now).unwrap();
    assert_eq!(stage.counters().in_flight, 1, "what is refused is not in flight");
}

#[test]
fn a_peer_has_its_message_rate() {
    let (mut stage, start) = (stage(settings()), Instant::now());
    for _ in 0..4 {
        enter(&mut stage, 1, 1, start).unwrap();
    }
    assert_eq!(enter(&mut stage, 1, 1, start).unwrap_err(), Reason::RatePeer);
    enter(&mut stage, 2, 1, start).unwrap();
    let later = start + Duration::from_millis(110);
    enter(&mut stage, 1, 1, later).unwrap();
    assert_eq!(enter(&mut stage, 1, 1, later).unwrap_err(), Reason::RatePeer, "one token in 100 ms");
    let much_later = start + Duration::from_secs(3_600);
    let burst = (0..10).filter(|_| enter(&mut stage, 1, 1, much_later).is_ok()).count();
    assert_eq!(burst, 4, "never more than the burst");
    assert_eq!(enter(&mut stage, 1, 1, start).unwrap_err(), Reason::RatePeer, "a clock behind adds nothing");
}

#[test]
fn a_peer_has_its_byte_rate() {
    let (mut stage, start) = (stage(settings()), Instant::now());
    enter(&mut stage, 1, 900, start).unwrap();
    assert_eq!(enter(&mut stage, 1, 200, start).unwrap_err(), Reason::RatePeerBytes);
    enter(&mut stage, 1, 100, start).unwrap();
    enter(&mut stage, 1, 200, start + Duration::from_millis(250)).unwrap();
}

#[test]
fn quotas_are_given_back_with_the_outcome() {
    let mut stage = stage(AdmissionSettings { in_flight: 1, in_flight_total: 2, ..settings() });
    let now = Instant::now();
    let first = enter(&mut stage, 1, 1, now).unwrap();
    assert_eq!(enter(&mut stage, 1, 1, now).unwrap_err(), Reason::QuotaPeer);
    let second = enter(&mut stage, 2, 1, now).unwrap();
    assert_eq!(enter(&mut stage, 3, 1, now).unwrap_err(), Reason::QuotaTotal);
    leave(&mut stage, first, now);
    enter(&mut stage, 3, 1, now).unwrap();
    leave(&mut stage, second, now);
    enter(&mut stage, 1, 1, now).unwrap();
    assert_eq!(stage.counters().in_flight, 2);
}

#[test]
fn the_table_is_bounded_and_keeps_who_is_in_flight() {
    let mut stage = stage(AdmissionSettings { entries: 2, burst: 1, ..settings() });
    let now = Instant::now();
    let one = enter(&mut stage, 1, 1, now).unwrap();
    let two = enter(&mut stage, 2, 1, now).unwrap();
    assert_eq!(enter(&mut stage, 3, 1, now).unwrap_err(), Reason::QuotaTotal, "both entries are in flight");
    leave(&mut stage, one, now);
    enter(&mut stage, 3, 1, now).unwrap();
    assert_eq!(stage.counters().evicted, 1);
    leave(&mut stage, two, now);
    assert_eq!(enter(&mut stage, 2, 1, now).unwrap_err(), Reason::RatePeer, "peer 2 was kept, with its empty bucket");
}

#[test]
fn idle_entries_are_swept() {
    let (mut stage, now) = (stage(settings()), Instant::now());
    for peer in 0..10 {
        let envelope = enter(&mut stage, peer, 1, now).unwrap();
        if peer > 0 {
            leave(&mut stage, envelope, now);
        }
    }
    stage.tick(now);
    assert_eq!(stage.counters().entries, 10, "no bucket is full yet");
    stage.tick(now + Duration::from_secs(1));
    assert_eq!(stage.counters().entries, 1, "peer 0 is in flight");
}

#[test]
fn origins_have_limits_of_their_own() {
    let settings = AdmissionSettings { by: By::Origin, burst: 1, ..settings() };
    assert!(Admission::new(settings.clone(), network()).needs_header());
    let (mut stage, now) = (stage(settings), Instant::now());
    let mut from = |name: u8| {
        let header = Header { origin: origin(name), ..Header::default() };
        inward(&mut stage, Envelope { header: Some(header), ..envelope(1, topic(0), b"x") }, now)
    };
    from(1).unwrap();
    assert_eq!(from(1).unwrap_err(), Outcome::ignore(Reason::RateOrigin));
    from(2).unwrap();
    assert_eq!(stage.counters().in_flight, 2);
}
