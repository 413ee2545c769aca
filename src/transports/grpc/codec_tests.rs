#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;

use super::super::proto::{Ack, Acks, Frame, frame::Body};
use super::{MAX_ENTRIES, entries};

fn acks(count: usize) -> Frame {
    Frame { session: 7, body: Some(Body::Acks(Acks { acks: vec![Ack { network: 1, counter: 2 }; count] })) }
}

#[test]
fn entries_are_counted_before_they_are_made() {
    for count in [0, 1, 10, MAX_ENTRIES] {
        let counted = entries(acks(count).encode_to_vec().into()).unwrap();
        assert_eq!(counted, count + 2, "the entries, the session and the body");
    }
    let networks = vec![1; MAX_ENTRIES + 1];
    let packed = Frame { session: 0, body: Some(Body::Pause(super::super::proto::Networks { networks })) };
    assert!(super::decode::<Frame>(packed.encode_to_vec().into()).is_err(), "packed numbers are entries, too");
    // Two bytes each on the wire.
    let empty = Frame { session: 0, body: Some(Body::Acks(Acks { acks: vec![Ack::default(); 100_000] })) };
    assert!(entries(empty.encode_to_vec().into()).unwrap() > MAX_ENTRIES);
}

proptest! {
    #[test]
    fn garbage_is_counted_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let length = bytes.len();
        if let Ok(count) = entries(Bytes::from(bytes)) {
            prop_assert!(count <= length);
        }
    }
}
