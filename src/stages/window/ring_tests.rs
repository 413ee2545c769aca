#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Ring, Seen};

/// Every number that the ring must know, compared with a map that forgets nothing.
fn compare(ring: &Ring, all: &BTreeMap<u64, u64>) -> Result<(), TestCaseError> {
    for seq in ring.high().saturating_sub(ring.reach())..=ring.high() {
        let expected = match all.get(&seq) {
            None => Seen::Never,
            Some(1) => Seen::Same,
            Some(_) => Seen::Other,
        };
        prop_assert_eq!(ring.look(seq, 1), expected, "{} of {}", seq, ring.high());
    }
    Ok(())
}

proptest! {
    #[test]
    fn forgets_what_it_left_and_nothing_else(
        window in 0..200_u64,
        start in prop_oneof![Just(0), any::<u64>(), Just(u64::MAX - 900)],
        moves in prop::collection::vec((prop_oneof![4 => 0..5_u64, 4 => 30..90_u64, 1 => 0..700_u64], 0..200_u64, 1..3_u64), 1..40),
    ) {
        let (mut ring, mut all) = (Ring::new(window, start), BTreeMap::new());
        prop_assert!(ring.reach() >= window);
        for (ahead, behind, tag) in moves {
            ring.raise(ring.high().saturating_add(ahead));
            let late = ring.high().saturating_sub(behind.min(ring.reach()));
            for seq in [ring.high(), late] {
                ring.mark(seq, tag);
                all.insert(seq, tag);
            }
            compare(&ring, &all)?;
        }
    }
}

#[test]
fn a_lower_mark_changes_nothing() {
    let mut ring = Ring::new(64, 500);
    ring.mark(500, 1);
    ring.raise(10);
    assert_eq!((ring.high(), ring.look(500, 1)), (500, Seen::Same));
    ring.raise(499);
    assert_eq!((ring.high(), ring.look(500, 1)), (500, Seen::Same));
}
