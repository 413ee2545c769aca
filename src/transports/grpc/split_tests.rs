#![allow(clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;

use super::*;

/// The default limit of gRPC's libraries.
const LIMIT: usize = 4 * 1024 * 1024;

fn delivered(counter: u64, size: usize) -> proto::Delivered {
    proto::Delivered { counter, topic: "t".repeat(1024), payload: Bytes::from(vec![0; size]), ..proto::Delivered::default() }
}

/// The counters of each frame that one of these sizes becomes.
fn counters(sizes: &[usize]) -> Vec<Vec<u64>> {
    let messages = (1..).zip(sizes).map(|(counter, &size)| delivered(counter, size)).collect();
    let mut rest = VecDeque::new();
    let first = split(proto::Frame { session: 7, body: Some(Body::Deliver(proto::Deliver { messages })) }, &mut rest);
    rest.push_front(first);
    let frames = rest.into_iter().map(|frame| {
        assert_eq!(frame.session, 7);
        let bytes = frame.encoded_len();
        let Some(Body::Deliver(list)) = frame.body else { panic!("another kind") };
        assert!(list.messages.len() == 1 || bytes <= LIMIT, "{} messages of {bytes} bytes", list.messages.len());
        list.messages.iter().map(|message| message.counter).collect()
    });
    frames.collect()
}

#[test]
fn a_long_frame_is_cut_and_its_entries_keep_their_order() {
    let mb = 1_000_000;
    assert_eq!(counters(&[mb; 6]), [vec![1, 2, 3, 4], vec![5, 6]]);
    assert_eq!(counters(&[10, 10]), [vec![1, 2]]);
    // What is above the limit by itself goes alone.
    assert_eq!(counters(&[10, 5 * mb, 10, 10]), [vec![1], vec![2], vec![3, 4]]);
    assert_eq!(counters(&[5 * mb]), [vec![1]]);
    // No payload at all: the topic, which the wire has once, stands in every entry.
    let many = counters(&vec![0; 10_000]);
    assert_eq!((many.len(), many.concat()), (3, (1..=10_000).collect()));
}

#[test]
fn a_message_at_the_edge_of_the_limit_is_within_it() {
    for size in (LIMIT - 70_000..=LIMIT).step_by(499) {
        counters(&[size, 0, 0, 0]);
    }
}

#[test]
fn offers_and_publishes_are_cut_too() {
    let payload = Bytes::from(vec![0; 3_000_000]);
    let offers = vec![proto::Offer { payload: payload.clone(), ..proto::Offer::default() }; 3];
    let publishes = vec![proto::Publish { payload, ..proto::Publish::default() }; 3];
    for body in [Body::Validate(proto::Validate { offers }), Body::Publishes(proto::Publishes { publishes })] {
        let mut rest = VecDeque::new();
        let first = split(proto::Frame { session: 1, body: Some(body) }, &mut rest);
        assert_eq!(rest.len(), 2);
        assert!(first.encoded_len() <= LIMIT && rest.iter().all(|frame| frame.encoded_len() <= LIMIT));
    }
}
