//! Message ids, as they travel in IHAVE, IWANT and IDONTWANT.

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::settings::{ContentHash, MessageIdFunction};
use pmq_protocol::wire::MessageId;

/// The longest id: sha256 in hex.
const MAX: usize = 64;

/// Bytes of sha256 in an id made from topic and content.
const TOPIC_CONTENT: usize = 20;

/// A message's id, for whoever has to name it without the router.
#[must_use]
pub fn id(function: MessageIdFunction, topic: &str, payload: &[u8]) -> MessageId {
    // No id is longer than the longest.
    MessageId::new(&message_id(function, topic, payload)).unwrap_or(MessageId::EMPTY)
}

/// A message's id.
pub(super) fn message_id(function: MessageIdFunction, topic: &str, payload: &[u8]) -> Vec<u8> {
    match function {
        MessageIdFunction::TopicContent => {
            let digest = Sha256::new().chain_update(topic).chain_update([0]).chain_update(payload).finalize();
            digest.iter().take(TOPIC_CONTENT).copied().collect()
        }
        // As the Go predecessor has it: no payload, no id.
        MessageIdFunction::Content { .. } if payload.is_empty() => Vec::new(),
        MessageIdFunction::Content { hash: ContentHash::Sha256, size } => hex(&Sha256::digest(payload), size),
        MessageIdFunction::Content { hash: ContentHash::Md5, size } => hex(&Md5::digest(payload), size),
    }
}

/// Lower-case hex of at most `size` bytes.
fn hex(digest: &[u8], size: usize) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut id = Vec::with_capacity(MAX);
    for byte in digest.iter().take(size) {
        id.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    id
}

#[cfg(test)]
mod tests;
