#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;

use super::{HeaderError, HeaderOrigin, MAX_HEADER, PmqHeader};

/// Layout of version 1, byte for byte: other languages read it so.
#[rustfmt::skip]
const SHORT: &[u8] = &[
    b'P', b'M', b'Q', 1, 0, 0, 0, 0,
    0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
    0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,
    3, 0, 0, 0,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    b'a', b'b', b'c',
    b's', b'i', b'g',
];

#[test]
fn golden_vector() {
    let header = PmqHeader { origin: HeaderOrigin::Short([7; 20]), epoch: 0x0102_0304_0506_0708, seq: 0x1112_1314_1516_1718, content: 3 };
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    assert_eq!(bytes.len(), header.len());
    bytes.extend_from_slice(b"abcsig");
    assert_eq!(bytes, SHORT);
    assert_eq!(PmqHeader::split(SHORT), Ok((header, &b"abc"[..], &b"sig"[..])));
}

#[test]
fn a_long_origin_sets_its_flag() {
    let header = PmqHeader { origin: HeaderOrigin::Long([9; 32]), epoch: 0, seq: u64::MAX, content: 0 };
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    assert_eq!((bytes.len(), bytes[4]), (MAX_HEADER, 1));
    assert_eq!(PmqHeader::split(&bytes), Ok((header, &[][..], &[][..])));
}

#[test]
fn foreign_bytes_are_named() {
    let with = |at: usize, byte: u8| {
        let mut bytes = SHORT.to_vec();
        bytes[at] = byte;
        PmqHeader::split(&bytes).unwrap_err()
    };
    assert_eq!(with(0, b'X'), HeaderError::Magic);
    assert_eq!(with(3, 2), HeaderError::Version(2));
    assert_eq!(with(4, 2), HeaderError::Reserved);
    assert_eq!(with(7, 1), HeaderError::Reserved);
    assert_eq!(with(24, 7), HeaderError::Short { have: 54, need: 55 });
    assert_eq!(PmqHeader::split(&SHORT[..47]), Err(HeaderError::Short { have: 47, need: 48 }));
}

proptest! {
    #[test]
    fn any_bytes_are_a_header_or_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..128), ours in any::<bool>()) {
        if ours && bytes.len() > 8 {
            let long = bytes[4] & 1;
            bytes[..8].copy_from_slice(&[b'P', b'M', b'Q', 1, long, 0, 0, 0]);
            if bytes.len() > 28 {
                bytes[25..28].fill(0);
            }
        }
        if let Ok((header, content, signatures)) = PmqHeader::split(&bytes) {
            let mut again = Vec::new();
            header.write(&mut again);
            again.extend_from_slice(content);
            again.extend_from_slice(signatures);
            prop_assert_eq!(again, bytes);
        }
    }
}
