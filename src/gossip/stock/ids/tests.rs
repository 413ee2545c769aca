//! Vectors, computed with another implementation of the hashes.
#![allow(clippy::unwrap_used)]

use super::*;

fn content(hash: ContentHash, size: usize, payload: &str) -> String {
    String::from_utf8(message_id(MessageIdFunction::Content { hash, size }, "any topic", payload.as_bytes())).unwrap()
}

#[test]
fn topic_and_content() {
    let id = message_id(MessageIdFunction::TopicContent, "test/t", b"hello");
    assert_eq!(::hex::encode(id), "93c3792356a298dab1a439660693d1da068a1711");
    assert_ne!(message_id(MessageIdFunction::TopicContent, "a", b"bc"), message_id(MessageIdFunction::TopicContent, "ab", b"c"));
    assert_eq!(message_id(MessageIdFunction::TopicContent, "t", b"").len(), 20);
}

#[test]
fn content_as_the_predecessor_has_it() {
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(content(ContentHash::Sha256, 20, "hello"), sha256[..40]);
    assert_eq!(content(ContentHash::Sha256, 32, "hello"), sha256);
    assert_eq!(content(ContentHash::Sha256, 1000, "hello"), sha256, "a size beyond the hash is cut to it");
    assert_eq!(content(ContentHash::Md5, 20, "hello"), "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(content(ContentHash::Md5, 3, "hello"), "5d4140");
    assert_eq!(content(ContentHash::Sha256, 20, ""), "", "no payload, no id");
}
