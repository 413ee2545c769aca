//! The delivery log: what was accepted, in the order of release. Consumers are cursors over it.

use std::sync::Arc;

use bytes::Bytes;

use pmq_protocol::wire::{MessageId, Reason};

/// One entry of a network's delivery log.
#[derive(Debug, Clone)]
pub enum Entry {
    /// An accepted message.
    Message {
        /// Its topic.
        topic: Arc<str>,
        /// Its id in the overlay.
        id: MessageId,
        /// Its bytes.
        payload: Bytes,
    },
    /// Messages that never had a verdict for a cause of our own.
    Unverified {
        /// Their topic.
        topic: Arc<str>,
        /// The cause.
        cause: Reason,
        /// How many in a row.
        count: u64,
    },
}

impl Entry {
    /// Payload bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Message { payload, .. } => payload.len() as u64,
            Self::Unverified { .. } => 0,
        }
    }
}

/// The log could not keep its promise; the disk's error is named.
#[derive(Debug, thiserror::Error)]
#[error("the delivery log failed: {0}; consumers are no longer served from it")]
pub struct LogError(#[source] pub std::io::Error);

/// Where accepted messages rest until consumers have them: the face of the memory ring and of a durable spool.
///
/// Positions start at 2 and rise by one an entry; position 1 stands for whatever was before this stream, so that a consumer that comes from
/// another stream can be told in counter order that something may be missing. Bounded: the oldest entries make room, and a consumer that needed them gets a gap.
pub trait Log: Send {
    /// Appends an entry and answers its position.
    fn append(&mut self, entry: Entry) -> u64;
    /// Adds `count` to the newest entry if that is an unverified record of the same topic and cause. Answers whether it was.
    fn merge(&mut self, topic: &str, cause: Reason, count: u64) -> bool;
    /// The oldest position that can be read; equals [`Log::next`] when empty.
    fn first(&self) -> u64;
    /// The position of the next entry.
    fn next(&self) -> u64;
    /// Reads the entry at `position`.
    fn read(&mut self, position: u64) -> Option<Entry>;
    /// Makes everything appended so far as safe as the log can; called once a batch, before an Accept takes effect.
    ///
    /// # Errors
    /// [`LogError`] when the promise cannot be kept.
    fn commit(&mut self) -> Result<(), LogError>;
}
