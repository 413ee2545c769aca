//! Payloads as the router hands them over: shared, without a block of memory for each one's reference count.

use bytes::{Bytes, BytesMut};

/// Payloads up to this size, in bytes, are copied next to each other.
const COPIED: usize = 1024;
/// Bytes of memory in which copies share one reference count. A payload that is held keeps its chunk, so this is what a small one can cost at most.
const CHUNK: usize = 8 * COPIED;

/// Makes payloads of the router's vectors.
///
/// A [`Bytes`] made of a vector allocates its reference count at the first clone, and every message is cloned: its queue keeps it while a verifier looks at it.
/// Up to 1 KiB a copy into a shared chunk costs no more than that block and its release on another thread; a larger payload is not copied, and has its block.
#[derive(Debug, Default)]
pub struct Payloads {
    chunk: BytesMut,
}

impl Payloads {
    /// The vector's bytes as a payload whose clones do not allocate, if it is at most 1 KiB long.
    pub fn share(&mut self, payload: Vec<u8>) -> Bytes {
        if payload.len() > COPIED {
            return Bytes::from(payload);
        }
        // Takes the old chunk again if nobody holds any of it.
        if !self.chunk.try_reclaim(payload.len()) {
            self.chunk = BytesMut::with_capacity(CHUNK);
        }
        self.chunk.extend_from_slice(&payload);
        self.chunk.split().freeze()
    }
}

#[cfg(test)]
mod tests;
