#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::oracle::{Ages, NodeKey, Roster};

const NET: Network = Network::Quakes;
const SECOND: Nanos = 1_000_000_000;

fn setup(part: Part, node: u8) -> Setup {
    Setup {
        name: String::new(),
        part,
        network: Some(NET),
        node,
        networks: vec![NET],
        nodes: 4,
        attach: String::new(),
        token: None,
        identity: None,
        key: None,
        roster: "".into(),
        facts: "".into(),
        input: None,
        seed: 3,
        rate: 5.0,
        seconds: 20.0,
        epoch: 1,
        ages: Ages { skip: 20, validity: 40, slack: 5 },
    }
}

fn network() -> (Vec<Actor>, Arc<Roster>) {
    let keys: Vec<_> = (0..4).map(|_| Arc::new(NodeKey::generate())).collect();
    let roster = Arc::new(Roster::new(&BTreeMap::from([(NET, keys.iter().map(|key| key.public()).collect())])).unwrap());
    let actors = keys.into_iter().zip(0_u8..).map(|(key, node)| {
        let me = Identity { network: NET, node, key, roster: roster.clone() };
        actor(&setup(Part::Member, node), Some((me, vec![310, 1350, 5300])))
    });
    (actors.collect(), roster)
}

/// Runs the clock and hands every valid message to everybody, as their agents would.
fn run(actors: &mut [Actor], roster: &Roster, seconds: u64) -> Vec<Send> {
    let mut all = Vec::new();
    for now in (SECOND..=(1 + seconds) * SECOND).step_by(20_000_000) {
        let mut queue: Vec<Send> = actors.iter_mut().flat_map(|actor| actor.tick(now)).collect();
        while let Some(send) = queue.pop() {
            let valid = match Network::from_reports(send.topic) {
                Some(network) => roster.check_report(network, &send.payload).is_ok(),
                None => roster.check_internal(NET, &send.payload).is_ok(),
            };
            if send.lie.is_some() {
                // Nobody forwards it; its own parent gets it by loopback.
                let liar = actors.iter_mut().filter(|actor| matches!(actor, Actor::Dishonest(_)));
                liar.for_each(|actor| drop(actor.delivered(send.topic, &send.payload, now)));
            } else if valid {
                queue.extend(actors.iter_mut().flat_map(|actor| actor.delivered(send.topic, &send.payload, now)));
            }
            all.push(send);
        }
    }
    all
}

#[test]
fn five_rounds_a_second_make_five_reports_a_second() {
    let (mut actors, roster) = network();
    actors.iter_mut().for_each(|actor| actor.start(SECOND, SECOND / 2));
    let sent = run(&mut actors, &roster, 25);
    let reports: Vec<_> = sent.iter().filter_map(|send| send.report).collect();
    assert_eq!(reports.len(), 100, "20 seconds, then no more");
    assert_eq!(reports.iter().map(|round| round.seq).collect::<BTreeSet<_>>(), (1..=100).collect());
}

#[test]
fn three_of_four_go_on() {
    let (mut actors, roster) = network();
    actors.iter_mut().take(3).for_each(|actor| actor.start(SECOND, SECOND));
    let reports = run(&mut actors[..3], &roster, 25).iter().filter_map(|send| send.report).collect::<BTreeSet<_>>();
    assert_eq!(reports.len(), 100);
}

#[test]
fn who_comes_late_takes_part_from_the_next_round_on() {
    let mut beat = Beat::new(5.0, 20.0);
    beat.start(SECOND, 3 * SECOND + SECOND / 10);
    assert_eq!(beat.due(3 * SECOND + SECOND / 10), None);
    assert_eq!(beat.due(3 * SECOND + SECOND / 5), Some(12));
    assert_eq!(beat.due(3 * SECOND + SECOND / 5), None);
}

#[test]
fn the_dishonest_node_tries_everything_and_ends_with_falsehoods() {
    let (mut actors, roster) = network();
    actors.push(actor(&setup(Part::Dishonest, 0), None));
    actors.iter_mut().for_each(|actor| actor.start(SECOND, SECOND));
    let sent = run(&mut actors, &roster, 25);
    let mut newest = 0;
    for send in &sent {
        newest = newest.max(send.report.map_or(0, |round| round.seq));
        match &send.lie {
            Some(lie) if lie.kind == Kind::Replay => assert!(newest - lie.round.seq > 20, "{newest}: {:?}", lie.round),
            Some(lie) if lie.kind == Kind::Expired => assert!(newest - lie.round.seq > 40, "{newest}: {:?}", lie.round),
            _ => {}
        }
    }
    let kinds: Vec<_> = sent.into_iter().filter_map(|send| send.lie.map(|lie| lie.kind)).collect();
    assert_eq!(kinds.iter().copied().collect::<BTreeSet<_>>(), Kind::ALL.into());
    assert_eq!(kinds.first(), Some(&Kind::Replay));
    let false_ones = |kind: &&Kind| matches!(kind, Kind::Forged | Kind::RepeatedSigner | Kind::WrongMedian);
    assert!(kinds.iter().position(|kind| *kind == Kind::Expired) < kinds.iter().position(|kind| false_ones(&kind)));
}
