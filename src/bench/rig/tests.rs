#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use pmq_protocol::wire::{Limits, PmqHeader, Verdict};
use pmq_transports::{Address, Listener};

#[test]
fn a_message_has_its_size_and_says_when_it_was_due() {
    let mut messages = Messages::new(256);
    let message = messages.make(1_234);
    assert_eq!((message.payload.len(), message.payload.capacity()), (256, 256));
    assert!(PmqHeader::split(&message.payload).is_ok());
    assert_eq!(due(&message.payload), Some(1_234));
    assert_eq!(due(&messages.make(0).payload), None);
    assert_eq!(due(b"something else"), None);
    assert_eq!(messages.next(), 3);
    let sizes = [1, SMALLEST as usize, 57].map(|size| Messages::new(size).make(0).payload.len());
    assert_eq!(sizes, [56, 56, 57]);
}

#[test]
fn a_plan_that_cannot_work_is_refused() {
    assert!(plan(FULL).is_ok() && plan(EMPTY).is_ok());
    for text in ["", "stage = 1", "[[stage]]\nuse = 'nothing'", "[[stage]]\nuse = 'delivery'"] {
        assert!(plan(text).is_err(), "{text:?}");
    }
}

async fn passes(stages: &str, work: Work, name: &str) {
    const COUNT: u64 = 500;
    let listener = Listener::bind(&Address::Memory(name.into()), 1_000, Limits::default()).await.unwrap();
    let mut rig = Rig::start(stages, vec![listener]).await.unwrap();
    let parent = Parent::attach(&format!("memory:{name}"), work).await.unwrap();
    let mut messages = Messages::new(300);
    for number in 0..COUNT {
        let message = messages.make(if number < 100 { 0 } else { crate::now() });
        let arrival = messages.hand_over(message);
        assert!(rig.inlet.offer(arrival));
    }
    for _ in 0..COUNT {
        assert_eq!(rig.reports.recv().await.unwrap().outcome.verdict, Verdict::Accept);
    }
    parent.until(COUNT).await.unwrap();
    assert_eq!((parent.done(), parent.lost()), (COUNT, 0));
    assert_eq!((parent.take_latency().count(), parent.take_latency().count()), (COUNT - 100, 0));
    rig.end().await.unwrap();
}

#[tokio::test]
async fn every_message_passes_the_full_stack_and_is_consumed() {
    passes(FULL, Work::Consume, "rig-full").await;
}

#[tokio::test]
async fn every_message_passes_the_empty_stack_and_is_verified() {
    passes(EMPTY, Work::Verify, "rig-empty").await;
}
