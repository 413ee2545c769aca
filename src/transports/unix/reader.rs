//! Frames from a socket.

use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::unix::OwnedReadHalf;

use super::super::LinkError;
use super::super::link::frame_len;
use super::gone;
use crate::wire::{Frame, FrameError, Limits, PREFIX, Prefix};

/// Bytes asked of the kernel at once. Frames that arrive together share one buffer of this size and are sliced out of it.
const READ: usize = 64 * 1024;

/// Room below which the buffer is exchanged for a new one rather than used to its end.
const LEAST: usize = 4 * 1024;

#[derive(Debug)]
pub(crate) struct Reader {
    socket: OwnedReadHalf,
    /// What was read and is not yet a whole frame. CORRECTNESS: all progress is here, so that a dropped `next` loses nothing.
    buffer: BytesMut,
    /// The prefix of the frame whose body is still coming.
    prefix: Option<Prefix>,
    limits: Limits,
    ended: bool,
}

impl Reader {
    pub(super) fn new(socket: OwnedReadHalf, limits: Limits) -> Self {
        Self { socket, buffer: BytesMut::with_capacity(READ), prefix: None, limits, ended: false }
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, LinkError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        loop {
            match self.cut() {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) => {}
                Err(error) => return self.end(Some(error.into())),
            }
            match ready!(self.poll_fill(cx)) {
                Ok(0) => return self.eof(),
                Ok(_) => {}
                Err(error) if gone(&error) => return self.eof(),
                Err(source) => return self.end(Some(LinkError::Io { what: "read from the peer".to_owned(), source })),
            }
        }
    }

    /// The next frame out of the buffer, if it is there in full. The body is sliced, not copied.
    fn cut(&mut self) -> Result<Option<Frame>, FrameError> {
        let prefix = match self.prefix {
            Some(prefix) => prefix,
            None => {
                let Some(bytes) = self.buffer.first_chunk::<PREFIX>() else { return Ok(None) };
                *self.prefix.insert(Prefix::read(bytes, self.limits)?)
            }
        };
        let need = frame_len(&prefix);
        if self.buffer.len() < need {
            return Ok(None);
        }
        self.prefix = None;
        let mut body = self.buffer.split_to(need).freeze().split_off(PREFIX);
        let head = body.split_to(prefix.head_len());
        let payloads = if body.is_empty() { Vec::new() } else { vec![body] };
        Ok(Some(Frame { prefix, head, payloads }))
    }

    /// Reads more. The lengths have been checked: no more is reserved than one frame within the limits and one read.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let missing = self.prefix.map_or(PREFIX, |p| frame_len(&p)).saturating_sub(self.buffer.len());
        if self.buffer.capacity() - self.buffer.len() < missing.max(LEAST) {
            self.buffer.reserve(missing.max(READ));
        }
        // `ReadBuf` has no state of its own: dropped while pending, nothing was read.
        pin!(self.socket.read_buf(&mut self.buffer)).poll(cx)
    }

    fn eof(&mut self) -> Poll<Option<Result<Frame, LinkError>>> {
        let have = self.buffer.len();
        let need = self.prefix.map_or(PREFIX, |p| frame_len(&p));
        self.end((have > 0).then_some(FrameError::Truncated { have, need }.into()))
    }

    fn end(&mut self, error: Option<LinkError>) -> Poll<Option<Result<Frame, LinkError>>> {
        self.ended = true;
        self.buffer = BytesMut::new();
        Poll::Ready(error.map(Err))
    }
}
