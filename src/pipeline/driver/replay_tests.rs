#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use crate::testing::topic;

fn mark(epoch: u64, action: MarkAction) -> Order {
    Order::Mark { topic: topic(0), origin: Origin::default(), epoch, action }
}

fn marks(standing: &Replay) -> Vec<(u64, MarkAction)> {
    let of = |order| match order {
        Order::Mark { epoch, action, .. } => Some((epoch, action)),
        _ => None,
    };
    standing.orders().into_iter().filter_map(of).collect()
}

#[test]
fn the_last_word_on_each_mark_holds() {
    use MarkAction::{Raise, Reset, Retire, Seed};
    for (orders, holds) in [
        (vec![Seed(5)], Seed(5)),
        (vec![Seed(5), Seed(9)], Seed(5)),
        (vec![Seed(5), Raise(9)], Seed(9)),
        (vec![Raise(9), Raise(5)], Seed(9)),
        (vec![Raise(9), Reset(5)], Seed(5)),
        (vec![Seed(5), Retire], Retire),
        (vec![Retire, Seed(5), Raise(9)], Retire),
        (vec![Retire, Reset(5)], Seed(5)),
    ] {
        let mut standing = Replay::new(4);
        orders.iter().for_each(|&action| standing.keep(mark(0, action)));
        assert_eq!(marks(&standing), [(0, holds)], "{orders:?}");
    }
}

#[test]
fn marks_are_bounded_and_the_oldest_makes_room() {
    let mut standing = Replay::new(2);
    for epoch in [1, 2, 1, 3] {
        standing.keep(mark(epoch, MarkAction::Seed(7)));
    }
    assert_eq!(marks(&standing), [(1, MarkAction::Seed(7)), (3, MarkAction::Seed(7))]);
    assert_eq!((standing.marks.len(), standing.ages.len()), (2, 2));
}

#[test]
fn thresholds_for_all_topics_take_back_those_for_one() {
    let mut standing = Replay::new(2);
    let mut set = |index: Option<u32>, skip| standing.keep(Order::Thresholds { topic: index.map(topic), skip, validity: 100 });
    set(Some(1), 1);
    set(None, 2);
    set(Some(1), 3);
    set(Some(1), 4);
    let of = |order| match order {
        Order::Thresholds { topic, skip, .. } => (topic.map(|topic| topic.index), skip),
        other => panic!("{other:?}"),
    };
    assert_eq!(standing.orders().into_iter().map(of).collect::<Vec<_>>(), [(None, 2), (Some(1), 4)]);
}
