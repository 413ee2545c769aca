//! To the connection: verdicts, acks, pauses and requests gather here between two of its turns, so that a burst becomes one frame.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::request::Pending;
use pmq_protocol::wire::{Cursor, Ticket, Verdict};

/// A verdict on its way.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// The client's number for the connection on which the offer came. A verdict is of no use on another one.
    pub(super) times: u64,
    /// The network's place in the client.
    pub(super) slot: usize,
    pub(super) ticket: Ticket,
    pub(super) verdict: Verdict,
    /// The parent's own code for its reason, and its words.
    pub(super) reason: u16,
    pub(super) text: Cow<'static, str>,
}

/// What waits for the connection's next turn.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Bounded by the windows: each answers one offer.
    pub(super) verdicts: Vec<Given>,
    /// Offers that were dropped without a verdict, with their deadlines: their credit comes back after it. Bounded likewise.
    pub(super) parked: Vec<(Instant, Given)>,
    /// Per network: processed up to there.
    pub(super) acked: Vec<Cursor>,
    /// Per network: whether verification is paused.
    pub(super) paused: Vec<bool>,
    /// Bounded by the client's permits.
    pub(super) requests: VecDeque<Pending>,
    /// The client was closed.
    pub(super) closed: bool,
}

#[derive(Debug)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    bell: Notify,
}

impl Outbox {
    /// For networks that stand at `cursors`.
    pub(super) fn new(cursors: Vec<Cursor>) -> Self {
        let waiting = Waiting { paused: vec![false; cursors.len()], acked: cursors, ..Waiting::default() };
        Self { waiting: Mutex::new(waiting), bell: Notify::new() }
    }

    /// Looks, without a turn of the connection.
    pub(super) fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics between two changes that belong together.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something that the connection is to see.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Waiting) -> R) -> R {
        let done = change(&mut self.lock());
        self.bell.notify_one();
        done
    }

    /// Waits for a change. Cancel-safe: a change that was not waited for ends the next wait at once.
    pub(super) async fn changed(&self) {
        self.bell.notified().await;
    }
}
