#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;

use super::{Counts, Order};
use crate::wire::{Kind, Lane};

#[test]
fn the_bytes_are_two_words() {
    let mut counts = Counts::default();
    counts.send(Kind::Validate);
    counts.send(Kind::Deliver);
    counts.send(Kind::Deliver);
    let order = counts.send(Kind::Refuse);
    assert_eq!(order.write(), [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(Order::read(order.write()), order);
}

#[test]
fn a_verdict_waits_for_no_message_and_a_refusal_for_all() {
    let (mut sent, taken) = (Counts::default(), Counts::default());
    sent.send(Kind::Publish);
    let verdict = sent.send(Kind::Verdict);
    assert!(taken.allow(Lane::Control, verdict));
    let refusal = sent.send(Kind::Refuse);
    assert!(!taken.allow(Lane::Control, refusal), "the publish before it has not come");
}

proptest! {
    /// Lanes arrive whole and in order, but with any interleaving: everything is taken, and nothing overtakes what it must not.
    #[test]
    fn whatever_comes_first_the_order_holds(
        kinds in prop::collection::vec(prop::sample::select(Kind::ALL), 0..40),
        picks in prop::collection::vec(0usize..3, 0..400),
    ) {
        let mut sent = Counts::default();
        let mut lanes: [std::collections::VecDeque<(usize, Kind, Order)>; 3] = Default::default();
        for (number, &kind) in kinds.iter().enumerate() {
            lanes[Lane::of(kind).index()].push_back((number, kind, sent.send(kind)));
        }
        let mut counts = Counts::default();
        let mut taken = Vec::new();
        // The picks are where the network is fast; after them every lane has arrived.
        for lane in picks.into_iter().chain((0..3).cycle().take(3 * kinds.len() * 3)).map(|at| Lane::ALL[at]) {
            let next = lanes[lane.index()].front().copied();
            if let Some((number, kind, order)) = next && counts.allow(lane, order) {
                lanes[lane.index()].pop_front();
                counts.take(lane);
                taken.push((number, kind));
            }
        }
        prop_assert_eq!(taken.len(), kinds.len(), "something waits for ever");
        for (at, &(number, kind)) in taken.iter().enumerate() {
            let late = taken[at + 1..].iter().find(|&&(other, lane)| other < number && Lane::waits(kind).contains(Lane::of(lane)));
            prop_assert!(late.is_none(), "{:?} {} overtook {:?}", kind, number, late);
        }
    }
}
