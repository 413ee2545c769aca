//! One direction of a memory link: a bounded queue of frames. Once its capacity has grown to the bursts it sees, it allocates nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::super::ends::{frame_len, within};
use super::super::{LinkError, SEND_BYTES, SEND_FRAMES};
use pmq_protocol::wire::{Frame, Limits};

#[derive(Debug, Default)]
struct State {
    /// At most [`SEND_FRAMES`] frames and [`SEND_BYTES`] bytes, or one frame of any size; past it the sender waits.
    frames: VecDeque<Frame>,
    bytes: usize,
    /// Set when either end is gone.
    closed: bool,
    /// Set when the receiving end is gone.
    taken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

type Shared = Arc<Mutex<State>>;

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    // Nothing panics between two changes that belong together.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes the pipe and wakes whoever waits at it.
fn close(shared: &Shared) {
    let (reader, writer) = {
        let mut state = lock(shared);
        state.closed = true;
        (state.reader.take(), state.writer.take())
    };
    [reader, writer].into_iter().flatten().for_each(Waker::wake);
}

/// A receiving end that does not know its owner's limits yet.
pub(in super::super) struct Unlimited(Receiver);

impl Unlimited {
    pub(in super::super) fn limited(mut self, limits: Limits) -> Receiver {
        self.0.limits = limits;
        self.0
    }
}

pub(in super::super) fn pipe() -> (Sender, Unlimited) {
    let shared = Shared::default();
    (Sender { shared: shared.clone(), fed: false }, Unlimited(Receiver { shared, limits: Limits::default(), ended: false }))
}

#[derive(Debug)]
pub(crate) struct Sender {
    shared: Shared,
    /// Frames were queued that the reader was not woken for.
    fed: bool,
}

impl Sender {
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let mut state = lock(&self.shared);
        if state.closed {
            return Poll::Ready(Err(LinkError::Closed));
        }
        if state.frames.len() < SEND_FRAMES && state.bytes < SEND_BYTES {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(cx.waker().clone());
        // A full pipe is read only if its reader knows of it.
        let reader = state.reader.take();
        drop(state);
        self.fed = false;
        reader.into_iter().for_each(Waker::wake);
        Poll::Pending
    }

    pub(crate) fn queue(&mut self, frame: Frame) -> Result<(), LinkError> {
        let mut state = lock(&self.shared);
        if state.closed {
            return Err(LinkError::Closed);
        }
        state.bytes += frame_len(&frame.prefix);
        state.frames.push_back(frame);
        self.fed = true;
        Ok(())
    }

    /// Hands over what was queued. Unlike a socket's, it never waits: what is queued is already with the peer.
    pub(crate) fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        if !std::mem::take(&mut self.fed) {
            return Poll::Ready(Ok(()));
        }
        let (closed, reader) = {
            let mut state = lock(&self.shared);
            (state.closed, state.reader.take())
        };
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(if closed { Err(LinkError::Closed) } else { Ok(()) })
    }

    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let flushed = self.poll_flush(cx);
        close(&self.shared);
        flushed
    }
}

#[cfg(feature = "grpc")]
impl Sender {
    /// Closes it, and is ready when the receiving end is gone: where that hands over what it takes, it has done so.
    pub(in super::super) fn poll_close_taken(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        close(&self.shared);
        let mut state = lock(&self.shared);
        if state.taken {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        close(&self.shared);
    }
}

/// Closes a pipe from outside of it: what is in it is still read, nothing more is taken.
#[derive(Debug)]
#[cfg(feature = "grpc")]
pub(in super::super) struct Closer(Shared);

#[cfg(feature = "grpc")]
impl Closer {
    pub(in super::super) fn of(sender: &Sender) -> Self {
        Self(sender.shared.clone())
    }

    pub(in super::super) fn close(&self) {
        close(&self.0);
    }
}

#[derive(Debug)]
pub(crate) struct Receiver {
    shared: Shared,
    limits: Limits,
    ended: bool,
}

impl Receiver {
    /// The next frame; `None` once the peer is gone and everything it sent has been read.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, LinkError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut state = lock(&self.shared);
        let Some(frame) = state.frames.pop_front() else {
            if state.closed {
                self.ended = true;
                return Poll::Ready(None);
            }
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        state.bytes -= frame_len(&frame.prefix);
        let writer = state.writer.take();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
        if let Err(error) = within(&frame.prefix, self.limits) {
            self.ended = true;
            return Poll::Ready(Some(Err(error.into())));
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        lock(&self.shared).taken = true;
        close(&self.shared);
    }
}
