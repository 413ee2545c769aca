//! The sections behind the archive: names and payloads, written and read in the order of the heads.

#![allow(unreachable_pub, missing_docs, reason = "public so that the sealed trait may name them; the module is private")]

use std::ops::Range;

use bytes::Bytes;

use super::Bad;
use crate::wire::MessageId;

/// The names section as it is written.
pub struct NamesOut<'a> {
    buffer: &'a mut Vec<u8>,
    /// Where the last topic stands that a batch may repeat.
    topic: Range<usize>,
}

impl<'a> NamesOut<'a> {
    pub(in crate::wire) fn new(buffer: &'a mut Vec<u8>) -> Self {
        buffer.clear();
        Self { buffer, topic: 0..0 }
    }

    pub(in crate::wire) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Where to return to if the entry that follows finds no room.
    pub(in crate::wire) fn mark(&self) -> (usize, Range<usize>) {
        (self.buffer.len(), self.topic.clone())
    }

    pub(in crate::wire) fn rewind(&mut self, (len, topic): (usize, Range<usize>)) {
        self.buffer.truncate(len);
        self.topic = topic;
    }

    pub(in crate::wire) fn into_bytes(self) -> &'a [u8] {
        self.buffer
    }

    /// Appends a text and answers its length.
    pub(super) fn text(&mut self, text: &str) -> Result<u16, Bad> {
        let len = u16::try_from(text.len()).map_err(|_| "a name is longer than 65535 bytes")?;
        self.buffer.extend_from_slice(text.as_bytes());
        Ok(len)
    }

    /// Appends a topic unless it is the one before, which costs nothing.
    pub(super) fn topic(&mut self, topic: &str) -> Result<u16, Bad> {
        if topic.is_empty() {
            return Err("a topic is empty");
        }
        if self.buffer.get(self.topic.clone()) == Some(topic.as_bytes()) {
            return Ok(0);
        }
        let from = self.buffer.len();
        let len = self.text(topic)?;
        self.topic = from..self.buffer.len();
        Ok(len)
    }

    /// Appends an id and answers its length, which is at most [`MAX_ID`](crate::wire::MAX_ID).
    pub(super) fn id(&mut self, id: &MessageId) -> u8 {
        self.buffer.extend_from_slice(id.as_bytes());
        id.as_bytes().len() as u8
    }
}

/// The names section as it is read.
#[derive(Clone)]
pub struct NamesIn<'a> {
    rest: &'a [u8],
    topic: &'a str,
}

impl<'a> NamesIn<'a> {
    pub(super) fn new(names: &'a [u8]) -> Self {
        Self { rest: names, topic: "" }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Bad> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or("the names are shorter than the heads say")?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn text(&mut self, len: u16) -> Result<&'a str, Bad> {
        std::str::from_utf8(self.take(len.into())?).map_err(|_| "a name is not UTF-8")
    }

    /// A topic that may repeat the one before.
    pub(super) fn topic(&mut self, len: u16) -> Result<&'a str, Bad> {
        if len > 0 {
            self.topic = self.text(len)?;
        } else if self.topic.is_empty() {
            return Err("the first topic is empty");
        }
        Ok(self.topic)
    }

    pub(super) fn id(&mut self, len: u8) -> Result<MessageId, Bad> {
        MessageId::new(self.take(len.into())?).map_err(|_| "a message id is longer than 64 bytes")
    }
}

/// The payloads as they are read: one slice a message in a frame that was never on a stream, one contiguous slice otherwise.
#[derive(Clone)]
pub struct PayloadsIn<'a> {
    parts: &'a [Bytes],
    /// Bytes of the first part that are taken.
    taken: usize,
    /// Whether what is taken is handed out; otherwise its length alone counts.
    shared: bool,
}

impl<'a> PayloadsIn<'a> {
    pub(super) fn new(parts: &'a [Bytes]) -> Self {
        Self { parts, taken: 0, shared: true }
    }

    /// For a trial: the same checks, but every payload comes out empty, since a clone for each costs more than all of its checks.
    pub(super) fn lengths(parts: &'a [Bytes]) -> Self {
        Self { parts, taken: 0, shared: false }
    }

    /// Goes past parts that are used up, empty ones included: an empty payload needs no part.
    fn settle(&mut self) {
        while let [first, rest @ ..] = self.parts
            && self.taken == first.len()
        {
            self.parts = rest;
            self.taken = 0;
        }
    }

    pub(super) fn is_empty(&mut self) -> bool {
        self.settle();
        self.parts.is_empty()
    }

    pub(super) fn take(&mut self, len: u32) -> Result<Bytes, Bad> {
        let len = len as usize;
        if len == 0 {
            return Ok(Bytes::new());
        }
        self.settle();
        let first = self.parts.first().ok_or("the payloads are shorter than the heads say")?;
        // `taken` is at most the part's length.
        if len > first.len() - self.taken {
            return Err("the payloads are shorter than the heads say");
        }
        let from = self.taken;
        self.taken += len;
        Ok(if self.shared { first.slice(from..self.taken) } else { Bytes::new() })
    }
}
