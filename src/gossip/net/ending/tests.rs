#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
use std::io;

use super::*;

#[test]
fn only_a_goodbye_is_agreed() {
    let of = |error: io::Error| Ending::of(Some(&ConnectionError::IO(error)));
    assert_eq!(Ending::of(None), Ending::Agreed);
    assert_eq!(Ending::of(Some(&ConnectionError::KeepAliveTimeout)), Ending::Agreed);
    assert_eq!(of(io::Error::other("closed by peer: 0")), Ending::Agreed);
    assert_eq!(of(io::Error::other(io::Error::other("connection is closed"))), Ending::Unclear);
    for lost in ["timed out", "reset by peer", "aborted by peer: closed by peer: 0"] {
        assert_eq!(of(io::Error::other(lost)), Ending::Lost);
    }
    assert_eq!(of(io::ErrorKind::ConnectionReset.into()), Ending::Lost);
}
