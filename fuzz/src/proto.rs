//! Frames in protobuf.

use bytes::Bytes;
use pmq_protocol::wire::{Encoder, Limits};
use pmq_transports::grpc::{decode, from_proto, into_proto, proto};

/// What is read is a frame that says the same in protobuf again.
///
/// # Panics
/// If it does not.
pub fn proto(data: &[u8]) -> bool {
    let mut encoder = Encoder::new(Limits { head: usize::MAX, payloads: usize::MAX });
    let Ok(read) = decode::<proto::Frame>(Bytes::copy_from_slice(data)) else { return false };
    let Ok(frame) = from_proto(&mut encoder, &read) else { return false };
    // What an entry may not say is refused where frames are read.
    let Ok(said) = into_proto(&frame) else { return false };
    let again = from_proto(&mut encoder, &said).expect("what was said can be read");
    assert_eq!(again.prefix, frame.prefix);
    assert_eq!(again.head, frame.head);
    assert_eq!(again.payloads.concat(), frame.payloads.concat());
    true
}
