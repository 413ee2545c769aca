//! Frames out of a stream of bytes, without IO.

use bytes::{Buf, Bytes, BytesMut};

use super::{Frame, FrameError, Limits, PREFIX, Prefix};

/// Bytes read at once. Frames that arrive together share one buffer of this size and are sliced out of it.
const READ: usize = 64 * 1024;

/// Room below which the buffer is exchanged for a new one rather than used to its end.
const LEAST: usize = 4 * 1024;

/// Cuts a stream of bytes into frames, in whatever pieces it comes: append to [`FrameBuffer::room`], then take frames until there is none.
///
/// Never reserves more than one frame within the limits and one read, whatever a prefix announces.
#[derive(Debug)]
pub struct FrameBuffer {
    /// What came and is not yet a whole frame.
    buffer: BytesMut,
    /// The prefix of the frame whose body is still coming.
    prefix: Option<Prefix>,
    limits: Limits,
}

impl FrameBuffer {
    /// An empty one. Frames beyond `limits` are refused before room is made for them.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { buffer: BytesMut::with_capacity(READ), prefix: None, limits }
    }

    /// Where to append what was read; what is in it already must stay. Has room for the rest of the frame that is coming.
    pub fn room(&mut self) -> &mut BytesMut {
        // The lengths have been checked.
        let missing = self.need().saturating_sub(self.buffer.len());
        if self.buffer.capacity() - self.buffer.len() < missing.max(LEAST) {
            self.buffer.reserve(missing.max(READ));
        }
        &mut self.buffer
    }

    /// The next frame, if it is there in full. Its parts are slices of the buffer, not copies.
    ///
    /// # Errors
    /// As [`Prefix::read`]; nothing behind such a prefix can be read any more.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let prefix = match self.prefix {
            Some(prefix) => prefix,
            None => {
                let Some(bytes) = self.buffer.first_chunk::<PREFIX>() else { return Ok(None) };
                *self.prefix.insert(Prefix::read(bytes, self.limits)?)
            }
        };
        if self.buffer.len() < prefix.frame_len() {
            return Ok(None);
        }
        self.prefix = None;
        let mut body = self.buffer.split_to(prefix.frame_len()).freeze().split_off(PREFIX);
        let head = body.split_to(prefix.head_len());
        let payloads: Vec<Bytes> = if body.is_empty() { Vec::new() } else { vec![body] };
        Ok(Some(Frame { prefix, head, payloads }))
    }

    /// Takes `N` bytes that stand before a frame; `None` while they are not all there. To be called between frames only, and not together with a
    /// stream that has none.
    pub fn lead<const N: usize>(&mut self) -> Option<[u8; N]> {
        debug_assert!(self.prefix.is_none(), "within a frame");
        let lead = *self.buffer.first_chunk::<N>()?;
        self.buffer.advance(N);
        Some(lead)
    }

    /// To be asked when the stream has ended.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] if it ended within a frame.
    pub fn finish(&self) -> Result<(), FrameError> {
        let have = self.buffer.len();
        if have == 0 { Ok(()) } else { Err(FrameError::Truncated { have, need: self.need() }) }
    }

    /// Bytes that are held, room for what is coming included.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Bytes up to the end of the frame that is coming, as far as that is known.
    fn need(&self) -> usize {
        self.prefix.map_or(PREFIX, |prefix| prefix.frame_len())
    }
}
