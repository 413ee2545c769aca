#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;

use super::{Counts, Order};
use pmq_protocol::wire::{Lane, Lanes};

/// A frame's lane and what it waits for; `true` stands for a refusal that ends the session.
fn of((lane, last): (Lane, bool)) -> (Lane, Lanes) {
    match lane {
        Lane::Control if last => (lane, Lanes::ALL),
        Lane::Control => (lane, lane.into()),
        _ => (lane, Lanes::from(lane) | Lane::Control.into()),
    }
}

fn send(counts: &mut Counts, frame: (Lane, bool)) -> Order {
    let (lane, waits) = of(frame);
    counts.send(lane, waits)
}

#[test]
fn the_bytes_are_two_words() {
    let mut counts = Counts::default();
    send(&mut counts, (Lane::Messages, false));
    send(&mut counts, (Lane::Records, false));
    send(&mut counts, (Lane::Records, false));
    let order = send(&mut counts, (Lane::Control, true));
    assert_eq!(order.write(), [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(Order::read(order.write()), order);
}

#[test]
fn a_verdict_waits_for_no_message_and_the_last_word_for_all() {
    let (mut sent, taken) = (Counts::default(), Counts::default());
    send(&mut sent, (Lane::Messages, false));
    let verdict = send(&mut sent, (Lane::Control, false));
    assert!(taken.allow(Lane::Control, verdict));
    let last = send(&mut sent, (Lane::Control, true));
    assert!(!taken.allow(Lane::Control, last), "the publish before it has not come");
}

proptest! {
    /// Lanes arrive whole and in order, but with any interleaving: everything is taken, and nothing overtakes what it must not.
    #[test]
    fn whatever_comes_first_the_order_holds(
        frames in prop::collection::vec((prop::sample::select(&Lane::ALL[..]), any::<bool>()), 0..40),
        picks in prop::collection::vec(0usize..3, 0..400),
    ) {
        let mut sent = Counts::default();
        let mut lanes: [std::collections::VecDeque<(usize, Order)>; 3] = Default::default();
        for (number, &frame) in frames.iter().enumerate() {
            lanes[frame.0.index()].push_back((number, send(&mut sent, frame)));
        }
        let mut counts = Counts::default();
        let mut taken = Vec::new();
        // The picks are where the network is fast; after them every lane has arrived.
        for lane in picks.into_iter().chain((0..3).cycle().take(3 * frames.len() * 3)).map(|at| Lane::ALL[at]) {
            let next = lanes[lane.index()].front().copied();
            if let Some((number, order)) = next && counts.allow(lane, order) {
                lanes[lane.index()].pop_front();
                counts.take(lane);
                taken.push(number);
            }
        }
        prop_assert_eq!(taken.len(), frames.len(), "something waits for ever");
        for (at, &number) in taken.iter().enumerate() {
            let (_, waits) = of(frames[number]);
            let late = taken[at + 1..].iter().find(|&&other| other < number && waits.contains(frames[other].0));
            prop_assert!(late.is_none(), "{} overtook {:?}", number, late);
        }
    }
}
