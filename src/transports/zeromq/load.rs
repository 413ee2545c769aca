//! What waits inside the crate. Its own bound is 100,000 messages a peer whatever their size, and its `send` is done when a message is queued;
//! so every message carries a first part that tells when it is dropped, which the crate does once the message is in its write buffer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::super::{LinkError, SEND_BYTES, SEND_FRAMES};

/// Frames of one link that are on their way: from the sink to the crate's write buffer.
#[derive(Debug, Default)]
pub(super) struct Load(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// At most [`SEND_FRAMES`] frames and [`SEND_BYTES`] bytes, or one frame of any size; past it the sink is not ready.
    frames: usize,
    bytes: usize,
    closed: bool,
    waiting: Option<Waker>,
}

impl Load {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready when there is room for a frame.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let mut state = self.lock();
        if state.closed {
            return Poll::Ready(Err(LinkError::Closed));
        }
        if state.frames < SEND_FRAMES && state.bytes < SEND_BYTES {
            return Poll::Ready(Ok(()));
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Ready when nothing is on its way any more, or the link is gone.
    pub(super) fn poll_empty(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.frames == 0 || state.closed {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether nothing is on its way any more, on a link that is closed, too.
    #[cfg(feature = "listen")]
    pub(super) fn is_empty(&self) -> bool {
        self.lock().frames == 0
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The link is over: nothing more can be sent.
    pub(super) fn close(&self) {
        let waiting = {
            let mut state = self.lock();
            state.closed = true;
            state.waiting.take()
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Counts a frame of `bytes` in all, until the part that is made of `first` is dropped.
    pub(super) fn part(self: &Arc<Self>, first: Vec<u8>, bytes: usize) -> Bytes {
        let mut state = self.lock();
        state.frames += 1;
        state.bytes += bytes;
        drop(state);
        Bytes::from_owner(Part { first, bytes, load: self.clone() })
    }
}

struct Part {
    first: Vec<u8>,
    bytes: usize,
    load: Arc<Load>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.first
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.load.lock();
            state.frames -= 1;
            state.bytes -= self.bytes;
            let room = state.frames == 0 || (state.frames < SEND_FRAMES && state.bytes < SEND_BYTES);
            if room { state.waiting.take() } else { None }
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}
