//! Random schedules of both ends: delays, cuts, resumption, windows that change.

use proptest::collection::vec;
use proptest::prelude::*;

use super::world::{Step, World};

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..150).prop_map(Step::Offer),
        4 => (1_usize..6, 0_u8..60).prop_map(|(count, kind)| Step::Produce(count, kind)),
        4 => (1_usize..6).prop_map(Step::Ship),
        6 => (1_usize..4).prop_map(Step::ToAgent),
        6 => (1_usize..4).prop_map(Step::ToParent),
        4 => (1_usize..5).prop_map(Step::Judge),
        3 => (0_usize..4).prop_map(Step::Ack),
        1 => (any::<bool>(), 0_u32..10, 0_u64..300).prop_map(|(verify, messages, bytes)| Step::Credit(verify, messages, bytes)),
        1 => (1_u64..1500).prop_map(Step::Sleep),
        1 => Just(Step::Cut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn one_verdict_no_leak_no_silent_loss(steps in vec(step(), 1..150)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.finish();
    }
}

/// The property above would hold of a schedule in which nothing happens: this one shows that gaps, resumption and redelivery do occur.
#[test]
fn a_schedule_with_a_cut_in_the_middle() {
    let mut world = World::new();
    let attach = [Step::ToAgent(1), Step::ToParent(1)];
    attach.iter().for_each(|step| world.step(step));
    for step in [Step::Produce(3, 5), Step::Ship(3), Step::ToParent(3), Step::Ack(1), Step::Offer(10), Step::Cut] {
        world.step(&step);
    }
    assert_eq!(world.parent.wants()[0].cursor.counter, 2);
    world.step(&Step::Produce(20, 5));
    world.finish();
    assert_eq!(world.seen.values().filter(|&&what| what == 255).count(), 8, "records 4 to 11 fell out of the ring of 12");
    assert!(!world.seen.is_empty() && world.seen[&3] == 1);
}
