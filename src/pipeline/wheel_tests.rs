#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Set(u32, u64),
    Lift(u32),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..40_u32, 0..20_000_u64).prop_map(|(slot, ms)| Step::Set(slot, ms)),
        1 => (0..40_u32).prop_map(Step::Lift),
        2 => prop_oneof![0..30_u64, 0..3_000_u64, Just(60_000)].prop_map(Step::Pass),
    ]
}

proptest! {
    /// Every deadline fires once: not before its time, at the latest one tick after it; a lifted one never does.
    #[test]
    fn agrees_with_a_sorted_list(steps in prop::collection::vec(step(), 1..200)) {
        let start = Instant::now();
        let (mut wheel, mut model, mut now) = (Wheel::new(start), BTreeMap::new(), start);
        for step in steps {
            match step {
                Step::Set(slot, ms) => {
                    let deadline = now + Duration::from_millis(ms);
                    wheel.set(slot, deadline);
                    model.insert(slot, deadline);
                }
                Step::Lift(slot) => {
                    wheel.lift(slot);
                    model.remove(&slot);
                }
                Step::Pass(ms) => {
                    now += Duration::from_millis(ms);
                    let mut fired = Vec::new();
                    wheel.expire(now, |slot| fired.push(slot));
                    for slot in fired {
                        let deadline = model.remove(&slot);
                        prop_assert!(deadline.is_some_and(|d| d <= now), "slot {slot} fired early or twice");
                    }
                    prop_assert!(model.values().all(|&d| d + TICK + TICK > now), "a deadline was missed: {model:?}");
                }
            }
        }
    }
}
