#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use tonic::{Code, Status};

use super::{id_text, leaving, stream};
use pmq_protocol::wire::MessageId;

#[test]
fn the_last_word_has_its_place_behind_a_full_stream() {
    let (sender, mut receiver, last) = stream::<u32>(2).unwrap();
    assert!([1, 2].into_iter().all(|item| sender.try_send(Ok(item)).is_ok()));
    // Said like any other item it would be lost.
    assert!(sender.try_send(Err(leaving())).is_err());
    last.say(leaving());
    let said: Vec<Result<u32, Code>> =
        std::iter::from_fn(|| receiver.try_recv().ok()).map(|item| item.map_err(|status: Status| status.code())).collect();
    assert_eq!(said, [Ok(1), Ok(2), Err(Code::Unavailable)]);
}

#[test]
fn ids_are_text_or_hex() {
    let text = |bytes| MessageId::new(bytes).map(|id| id_text(&id)).ok();
    assert_eq!(text(b"a1b2"), Some("a1b2".to_owned()));
    assert_eq!(text(&[0xff, 0x00]), Some("ff00".to_owned()));
}
