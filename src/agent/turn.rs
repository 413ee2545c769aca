//! The order of publishes.
//!
//! Requests of one sender are futures beside each other, so that one that waits holds up no other. A runtime polls such futures in any order; a sender that
//! numbers its messages needs them in its own, since a neighbour's sequence window may take one that was overtaken by many for stale.

use std::convert::Infallible;

use futures::channel::oneshot;

/// One sender's publishes, in its order.
#[derive(Debug, Default)]
pub struct Turns {
    last: Option<oneshot::Receiver<Infallible>>,
}

impl Turns {
    /// The place behind all that were taken before.
    pub fn take(&mut self) -> Turn {
        let (after, next) = oneshot::channel();
        Turn { before: self.last.replace(next), _after: after }
    }
}

/// A place in the order. The next one's turn comes when this is dropped, so one that is given up holds up nobody.
#[derive(Debug)]
pub struct Turn {
    before: Option<oneshot::Receiver<Infallible>>,
    _after: oneshot::Sender<Infallible>,
}

impl Turn {
    /// Waits until all in front have had theirs.
    // CORRECTNESS: those in front are polled by whoever polls this one, and each drops its turn when it has handed its message over, is refused or is given up.
    pub async fn come(&mut self) {
        if let Some(before) = self.before.take() {
            // Nothing is ever sent: the end of the channel is the word.
            let _ = before.await;
        }
    }
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
