#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Instant;

use super::*;
use crate::testing::{arrival, topic};

#[test]
fn what_does_not_get_in_is_counted_by_topic_until_it_is_taken() {
    let (sender, mut receiver) = mpsc::channel(1);
    let overflowed = Overflowed::default();
    let inlet = Inlet::new(sender, overflowed.clone());
    let offer = |number, index| inlet.offer(Arrival { topic: topic(index), ..arrival(number, vec![1], Instant::now()) });
    assert!(offer(1, 0));
    assert!(!offer(2, 0) && !offer(3, 0) && !offer(4, 7));
    receiver.close();
    assert!(!offer(5, 7), "nobody is there any more");
    inlet.refused(&topic(8));
    let counts: Vec<_> = overflowed.take().into_values().map(|(topic, count)| (topic.index, count)).collect();
    assert_eq!(counts, [(0, 2), (7, 2), (8, 1)]);
    assert!(overflowed.take().is_empty(), "each is taken once");
    assert!(receiver.try_recv().is_ok());
}
