//! From the connection to a verifier or consumer: one reader, awaited or blocking.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A queue. Bounded by the credit window of what travels in it: the session ends if the agent sends more.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    waker: Option<Waker>,
    /// The reader waits in [`Mailbox::take_blocking`]. A condition variable makes a system call for every word, heard or not.
    blocked: bool,
    /// Nothing more will come.
    closed: bool,
    /// Nobody reads: what comes is dropped.
    deaf: bool,
}

impl<T> Mailbox<T> {
    pub(super) fn new() -> Self {
        let state = State { queue: VecDeque::new(), waker: None, blocked: false, closed: false, deaf: false };
        Self { state: Mutex::new(state), filled: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves a burst in and wakes the reader once.
    pub(super) fn push_all(&self, burst: &mut Vec<T>) {
        let mut state = self.lock();
        if state.deaf {
            drop(state);
            // Outside the lock: dropping an offer parks its ticket elsewhere.
            burst.clear();
            return;
        }
        state.queue.extend(burst.drain(..));
        let (waker, blocked) = (state.waker.take(), state.blocked);
        drop(state);
        if blocked {
            self.filled.notify_one();
        }
        waker.into_iter().for_each(Waker::wake);
    }

    /// The next one; `None` once nothing more will come.
    pub(super) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.lock();
        match state.queue.pop_front() {
            Some(item) => Poll::Ready(Some(item)),
            None if state.closed => Poll::Ready(None),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Waits for at least one and moves up to `most` of them to `out`; `false` once nothing more will come.
    pub(super) fn take_blocking(&self, out: &mut Vec<T>, most: usize) -> bool {
        let empty = |state: &mut State<T>| {
            state.blocked = state.queue.is_empty() && !state.closed;
            state.blocked
        };
        let mut state = self.filled.wait_while(self.lock(), empty).unwrap_or_else(PoisonError::into_inner);
        let n = most.min(state.queue.len());
        out.extend(state.queue.drain(..n));
        n > 0
    }

    /// Takes out what nobody has read yet.
    pub(super) fn drain(&self) -> VecDeque<T> {
        std::mem::take(&mut self.lock().queue)
    }

    /// Drops what is not to be kept.
    pub(super) fn retain(&self, keep: impl FnMut(&T) -> bool) {
        self.lock().queue.retain(keep);
    }

    /// Nothing more will come. What is queued can still be read.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waker = state.waker.take();
        drop(state);
        self.filled.notify_all();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Nobody will read any more.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.deaf = true;
        let rest = std::mem::take(&mut state.queue);
        drop(state);
        drop(rest);
    }
}
