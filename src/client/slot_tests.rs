#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
use super::*;
use pmq_protocol::wire::MessageId;

/// A consumer's slot with a window of `messages` and `bytes`.
fn slot(messages: u32, bytes: u64) -> Slot {
    let none = Window { messages: 0, bytes: 0 };
    Slot::new(Want {
        network: "weather".into(),
        roles: Roles::CONSUME,
        verify: none,
        consume: Window { messages, bytes },
        consumer: "archive".into(),
        group: "".into(),
        cursor: Cursor { stream: 7, counter: 0 },
        policy: None,
    })
}

fn receive(slot: &mut Slot, counters: std::ops::RangeInclusive<u64>, size: usize) {
    for counter in counters {
        let cursor = Cursor { stream: 7, counter };
        slot.show(Delivery::Message { cursor, topic: "t".into(), id: MessageId::EMPTY, payload: vec![0; size].into() }, &mut Vec::new());
    }
}

#[test]
fn an_ack_may_be_held_until_a_quarter_of_the_window_is_used_up() {
    let mut few = slot(16, 1 << 20);
    receive(&mut few, 1..=3, 10);
    assert!(!few.needs_credit());
    receive(&mut few, 4..=4, 10);
    assert!(few.needs_credit(), "four of sixteen messages");
    let mut large = slot(1000, 4000);
    receive(&mut large, 1..=1, 999);
    assert!(!large.needs_credit());
    receive(&mut large, 2..=2, 1);
    assert!(large.needs_credit(), "1000 of 4000 bytes");
}

#[test]
fn an_ack_of_some_leaves_the_others_share_of_the_bytes() {
    let mut slot = slot(1000, 4000);
    receive(&mut slot, 1..=4, 400);
    assert!(slot.needs_credit());
    slot.acknowledged(2);
    assert_eq!((slot.acked, slot.unacked(), slot.unacked_bytes), (2, 2, 800));
    assert!(!slot.needs_credit());
    receive(&mut slot, 5..=5, 200);
    assert!(slot.needs_credit());
    slot.acknowledged(5);
    assert_eq!((slot.unacked(), slot.unacked_bytes), (0, 0));
    // The share is rounded up, so that it never falls behind what is really unacknowledged.
    receive(&mut slot, 6..=8, 1);
    receive(&mut slot, 9..=9, 0);
    slot.acknowledged(6);
    assert_eq!((slot.unacked(), slot.unacked_bytes), (3, 3));
}
