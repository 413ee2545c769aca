//! Silence.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::wire::message::{Ping, Pong};
use crate::wire::{Encoder, Kind};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn a_hello_must_come_within_three_seconds_whatever_else_comes() {
    let start = Instant::now();
    let mut agent = AgentEnd::new(vec![], terms(), SessionId(1), start);
    assert_eq!(agent.next_tick(), Some(start + ms(3000)));
    let ping = Encoder::default().frame(SessionId(0), [Ping { nonce: 1 }]).unwrap();
    agent.receive(ping, start + ms(2900)).unwrap();
    assert_eq!(agent.tick(start + ms(2999)), Ok(()));
    assert!(agent.tick(start + ms(3000)).is_err());
    assert!(agent.is_closed());
    assert_eq!(agent.next_tick(), None);
}

#[test]
fn a_ping_is_answered_and_the_answer_keeps_both_alive() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::VERIFY)]);
    for _ in 0..20 {
        pair.now += ms(1000);
        pair.parent.tick(pair.now).unwrap();
        pair.agent.tick(pair.now).unwrap();
        pair.settle();
    }
    assert!(pair.agent.is_attached() && pair.parent.is_attached());
}

/// Every word puts death off and brings the next ping; of those, no more than one waits for a peer that does not read.
#[test]
fn a_peer_that_speaks_and_does_not_read_gets_one_ping() {
    let mut pair = Pair::attached(vec![want("quakes", Roles::VERIFY)]);
    for _ in 0..50 {
        pair.now += ms(1100);
        pair.agent.tick(pair.now).unwrap();
        pair.parent.tick(pair.now).unwrap();
        let pong = Encoder::default().frame(SessionId(77), [Pong { nonce: 0 }]).unwrap();
        pair.agent.receive(pong.clone(), pair.now).unwrap();
        pair.parent.receive(pong, pair.now).unwrap();
    }
    assert_eq!(std::iter::from_fn(|| pair.agent.poll_frame()).count(), 1);
    assert_eq!(std::iter::from_fn(|| pair.parent.poll_frame()).count(), 1);
    // Once it is written, the next one follows.
    pair.now += ms(1100);
    pair.agent.tick(pair.now).unwrap();
    assert_eq!(pair.agent.poll_frame().unwrap().prefix.kind, Kind::Ping);
}

proptest! {
    /// Frames come at random moments; ticks come when asked for and at random moments besides.
    #[test]
    fn death_is_declared_exactly_at_three_seconds_of_silence(silences in vec(1_u64..3000, 0..20), extra in vec(1_u64..3000, 0..6)) {
        let mut pair = Pair::attached(vec![want("quakes", Roles::VERIFY)]);
        let pong = Encoder::default().frame(SessionId(77), [Ping { nonce: 0 }]).unwrap();
        let mut heard = pair.now;
        for silence in silences {
            let due = heard + ms(silence);
            while pair.agent.next_tick().unwrap() < due {
                let at = pair.agent.next_tick().unwrap();
                prop_assert_eq!(pair.agent.tick(at), Ok(()));
            }
            for at in extra.iter().filter(|&&at| at < silence) {
                prop_assert_eq!(pair.agent.tick(heard + ms(*at)), Ok(()));
            }
            heard = due;
            pair.agent.receive(pong.clone(), heard).unwrap();
            while pair.agent.poll_frame().is_some() {}
        }
        // From here on nothing comes: one ping a second, then death, not a moment before.
        let mut pings = Vec::new();
        let died = loop {
            let at = pair.agent.next_tick().unwrap();
            match pair.agent.tick(at) {
                Ok(()) => pings.extend(pair.agent.poll_frame().map(|frame| (frame.prefix.kind, at - heard))),
                Err(dead) => break (at - heard, dead.silence),
            }
        };
        prop_assert_eq!(pings, [(Kind::Ping, ms(1000)), (Kind::Ping, ms(2000))]);
        prop_assert_eq!(died, (ms(3000), ms(3000)));
        prop_assert_eq!(pair.agent.poll_frame().map(|frame| frame.prefix.kind), Some(Kind::Refuse));
    }
}

#[test]
fn the_parent_finds_a_silent_agent_dead_before_and_after_the_welcome() {
    let start = Instant::now();
    let mut parent = ParentEnd::new(vec![want("quakes", Roles::VERIFY)], "", ParentTerms::default(), start).unwrap();
    assert_eq!(parent.tick(start + ms(2999)), Ok(()));
    assert!(parent.tick(start + ms(3000)).is_err());
    let mut pair = Pair::attached(vec![want("quakes", Roles::VERIFY)]);
    assert_eq!(pair.parent.tick(pair.now + ms(2999)), Ok(()));
    assert!(pair.parent.tick(pair.now + ms(3000)).is_err());
}
