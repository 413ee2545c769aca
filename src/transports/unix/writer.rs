//! Frames to a socket: what is ready goes out in one vectored write.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use tokio::net::unix::OwnedWriteHalf;

use super::super::ends::frame_len;
use super::super::{LinkError, SEND_BYTES, SEND_FRAMES};
use super::gone;
use pmq_protocol::wire::{Frame, PREFIX};

/// Slices of one write (Linux allows no more).
const SLICES: usize = 1024;

/// Slices of a write when little is ready: an array of [`SLICES`] costs a measurable time to clear.
const FEW: usize = 16;

#[derive(Debug)]
struct Queued {
    prefix: [u8; PREFIX],
    frame: Frame,
}

#[derive(Debug)]
pub(crate) struct Writer {
    socket: OwnedWriteHalf,
    /// At most [`SEND_FRAMES`] frames and [`SEND_BYTES`] bytes, or one frame of any size; past it the sink is not ready.
    queue: VecDeque<Queued>,
    /// Bytes of the queue, those already written of the first frame included.
    bytes: usize,
    /// Bytes of the first frame that are written. CORRECTNESS: all progress is here, so that a dropped `flush` loses nothing.
    written: usize,
}

impl Writer {
    pub(super) fn new(socket: OwnedWriteHalf) -> Self {
        Self { socket, queue: VecDeque::new(), bytes: 0, written: 0 }
    }

    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        while self.queue.len() >= SEND_FRAMES || self.bytes >= SEND_BYTES {
            ready!(self.poll_write(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn queue(&mut self, frame: Frame) -> Result<(), LinkError> {
        self.bytes += frame_len(&frame.prefix);
        self.queue.push_back(Queued { prefix: frame.prefix.write(), frame });
        Ok(())
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        while !self.queue.is_empty() {
            ready!(self.poll_write(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        ready!(self.poll_flush(cx))?;
        match ready!(Pin::new(&mut self.socket).poll_shutdown(cx)) {
            Err(error) if !gone(&error) => Poll::Ready(Err(LinkError::Io { what: "close the link".to_owned(), source: error })),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// One write of as much as is queued and fits.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let few = self.queue.iter().map(|q| 2 + q.frame.payloads.len()).try_fold(0, |sum, n| Some(sum + n).filter(|&sum| sum <= FEW));
        let wrote = match few {
            Some(_) => self.poll_vectored::<FEW>(cx),
            None => self.poll_vectored::<SLICES>(cx),
        };
        match ready!(wrote) {
            Ok(0) => Poll::Ready(Err(LinkError::Closed)),
            Ok(n) => {
                self.advance(n);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Poll::Ready(Ok(())),
            Err(error) if gone(&error) => Poll::Ready(Err(LinkError::Closed)),
            Err(source) => Poll::Ready(Err(LinkError::Io { what: "write to the peer".to_owned(), source })),
        }
    }

    fn poll_vectored<const N: usize>(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); N];
        let mut used = 0;
        let mut skip = self.written;
        let parts = self.queue.iter().flat_map(|q| {
            let fixed = [&q.prefix[..], &q.frame.head];
            fixed.into_iter().chain(q.frame.payloads.iter().map(|p| &p[..]))
        });
        for part in parts {
            // Only the first frame's parts can be written already.
            let done = skip.min(part.len());
            skip -= done;
            if done == part.len() {
                continue;
            }
            let Some(slice) = slices.get_mut(used) else { break };
            *slice = IoSlice::new(&part[done..]);
            used += 1;
        }
        Pin::new(&mut self.socket).poll_write_vectored(cx, &slices[..used])
    }

    fn advance(&mut self, n: usize) {
        self.written += n;
        while let Some(first) = self.queue.front() {
            let len = frame_len(&first.frame.prefix);
            if self.written < len {
                break;
            }
            self.written -= len;
            self.bytes -= len;
            self.queue.pop_front();
        }
    }
}
