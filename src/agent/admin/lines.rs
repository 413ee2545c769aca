//! Lines of bounded length from a stream.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Room that a read has, in bytes.
const READ: usize = 8 * 1024;

/// A line that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Nothing of it is kept.
    #[error("a line of more than {0} bytes; send shorter ones")]
    TooLong(usize),
    /// The stream's error.
    #[error("cannot read: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads lines. Bounded: a line longer than the bound is an error, and the end.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    buffer: BytesMut,
    /// Up to here there is no newline.
    scanned: usize,
    bound: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `bound` bytes, without the newline.
    #[must_use]
    pub fn new(reader: R, bound: usize) -> Self {
        Self { reader, buffer: BytesMut::new(), scanned: 0, bound }
    }

    /// From now on lines may have so many bytes.
    pub fn bound(&mut self, bound: usize) {
        self.bound = bound;
    }

    /// The next line without its newline; `None` at the end. Cancel-safe. A last line needs no newline.
    ///
    /// # Errors
    /// [`LineError`]; then nothing more is to be read.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LineError> {
        loop {
            let unseen = self.buffer.get(self.scanned..).unwrap_or_default();
            let end = unseen.iter().position(|&byte| byte == b'\n').map(|at| self.scanned + at);
            let length = end.unwrap_or(self.buffer.len());
            if length > self.bound {
                return Err(LineError::TooLong(self.bound));
            }
            if let Some(end) = end {
                self.scanned = 0;
                let mut line = self.buffer.split_to(end + 1);
                line.truncate(end);
                return Ok(Some(line.freeze()));
            }
            self.scanned = length;
            self.buffer.reserve(READ);
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                self.scanned = 0;
                let rest = self.buffer.split();
                return Ok(Some(rest.freeze()).filter(|line| !line.is_empty()));
            }
        }
    }
}
