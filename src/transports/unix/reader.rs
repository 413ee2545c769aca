//! Frames from a socket.

use std::pin::pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncReadExt;
use tokio::net::unix::OwnedReadHalf;

use super::super::LinkError;
use super::gone;
use pmq_protocol::wire::{Frame, FrameBuffer, Limits};

#[derive(Debug)]
pub(crate) struct Reader {
    socket: OwnedReadHalf,
    /// `None` when the stream has ended. CORRECTNESS: all progress is here, so that a dropped `next` loses nothing.
    buffer: Option<FrameBuffer>,
}

impl Reader {
    pub(super) fn new(socket: OwnedReadHalf, limits: Limits) -> Self {
        Self { socket, buffer: Some(FrameBuffer::new(limits)) }
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, LinkError>>> {
        let Some(buffer) = &mut self.buffer else {
            return Poll::Ready(None);
        };
        let error = loop {
            match buffer.next_frame() {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) => {}
                Err(error) => break Some(error.into()),
            }
            // `ReadBuf` has no state of its own: dropped while pending, nothing was read.
            match ready!(pin!(self.socket.read_buf(buffer.room())).poll(cx)) {
                Ok(0) => break buffer.finish().err().map(LinkError::from),
                Ok(_) => {}
                Err(error) if gone(&error) => break buffer.finish().err().map(LinkError::from),
                Err(source) => break Some(LinkError::Io { what: "read from the peer".to_owned(), source }),
            }
        };
        self.buffer = None;
        Poll::Ready(error.map(Err))
    }
}
