//! What goes down the line: the header that the codec `pmq` reads, so that agents run every stage, and content that tells when it was due.
//!
//! ```text
//! | header, 48 | run u32 | index u64 | due u64 | zeros up to the size |
//! ```
//! Integers of the content are little-endian. The size that is asked for is the content's.

use crate::Nanos;
use pmq_client::{HeaderOrigin, PmqHeader};

/// Everything comes from one origin.
const ORIGIN: HeaderOrigin = HeaderOrigin::Short([0x51; 20]);
/// Bytes of a short header.
pub(crate) const HEADER: usize = 48;
/// Bytes of the content that are read.
pub(crate) const SMALLEST: usize = 4 + 8 + 8;

/// The mark of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Of which step.
    pub(crate) run: u32,
    /// Its number in the step, from 0.
    pub(crate) index: u64,
    /// When it was to be sent.
    pub(crate) due: Nanos,
}

impl Mark {
    /// The whole payload; `seq` is its number in the line's life, `size` at least [`SMALLEST`].
    #[allow(clippy::cast_possible_truncation, reason = "sizes are at most 1 MiB")]
    pub(crate) fn write(self, seq: u64, size: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + size);
        PmqHeader { origin: ORIGIN, epoch: 1, seq, content: size as u32 }.write(&mut out);
        out.extend_from_slice(&self.run.to_le_bytes());
        out.extend_from_slice(&self.index.to_le_bytes());
        out.extend_from_slice(&self.due.to_le_bytes());
        out.resize(HEADER + size, 0);
        out
    }

    /// `None` for what is no message of this benchmark.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let (run, rest) = payload.get(HEADER..)?.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        let (due, _) = rest.split_first_chunk()?;
        Some(Self { run: u32::from_le_bytes(*run), index: u64::from_le_bytes(*index), due: u64::from_le_bytes(*due) })
    }
}
