#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;

use super::super::p2pmq::{ListenRequest, PublishRequest};
use super::super::proto::{Ack, Acks, Frame, frame::Body};
use super::{MAX_ENTRIES, bounded, entries};

fn acks(count: usize) -> Frame {
    Frame { session: 7, body: Some(Body::Acks(Acks { acks: vec![Ack { network: 1, counter: 2 }; count] })) }
}

#[test]
fn entries_are_counted_before_they_are_made() {
    for count in [0, 1, 10, MAX_ENTRIES] {
        let counted = entries::<true>(acks(count).encode_to_vec().into()).unwrap();
        assert_eq!(counted, count + 2, "the entries, the session and the body");
    }
    let networks = vec![1; MAX_ENTRIES + 1];
    let packed = Frame { session: 0, body: Some(Body::Pause(super::super::proto::Networks { networks })) };
    assert!(super::decode::<Frame>(packed.encode_to_vec().into()).is_err(), "packed numbers are entries, too");
    // Two bytes each on the wire.
    let empty = Frame { session: 0, body: Some(Body::Acks(Acks { acks: vec![Ack::default(); 100_000] })) };
    assert!(entries::<true>(empty.encode_to_vec().into()).unwrap() > MAX_ENTRIES);
}

/// Whatever a payload looks like: this one would be two hundred thousand fields.
#[test]
fn a_payload_is_not_looked_into() {
    let data = Bytes::from(vec![b'x'; 400_000]);
    let publish = PublishRequest { topic: "weather".to_owned(), data: data.clone() };
    assert_eq!(bounded::<PublishRequest, false>(publish.encode_to_vec().into()).unwrap().data, data);
    assert!(bounded::<PublishRequest, true>(publish.encode_to_vec().into()).is_err());
    let topics = ListenRequest { topics: vec![String::new(); MAX_ENTRIES + 1], max_rate: 0 };
    assert!(bounded::<ListenRequest, false>(topics.encode_to_vec().into()).is_err());
    // Where a frame has its payloads nothing is counted but the entry.
    let publish = super::super::proto::Publish { payload: data, ..Default::default() };
    let frame = Frame { session: 0, body: Some(Body::Publishes(super::super::proto::Publishes { publishes: vec![publish; 3] })) };
    assert_eq!(entries::<true>(frame.encode_to_vec().into()).unwrap(), 4);
    super::decode::<Frame>(frame.encode_to_vec().into()).unwrap();
}

proptest! {
    #[test]
    fn garbage_is_counted_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let length = bytes.len();
        if let Ok(count) = entries::<true>(Bytes::from(bytes)) {
            prop_assert!(count <= length);
        }
    }
}
