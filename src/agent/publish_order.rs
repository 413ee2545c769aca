//! The order of publishes.
//!
//! Requests of one sender are futures beside each other, so that one that waits holds up no other. A runtime polls such futures in any order; a sender that
//! numbers its messages needs them in its own, since a neighbour's sequence window may take one that was overtaken by many for stale.

use futures::channel::oneshot;

/// The word of the one in front. Its end says that his turn is over; if he was given up before it came, he hands on the word that he was waiting for.
#[derive(Debug)]
struct Before(oneshot::Receiver<Before>);

/// One sender's publishes, in its order.
#[derive(Debug, Default)]
pub struct PublishOrder {
    last: Option<Before>,
}

impl PublishOrder {
    /// The place behind all that were taken before.
    pub fn take(&mut self) -> Turn {
        let (after, next) = oneshot::channel();
        Turn { before: self.last.replace(Before(next)), after: Some(after) }
    }
}

/// A place in the order. The next one's turn comes when this is dropped; if that is before its own came, the next one waits for those in front in its place.
#[derive(Debug)]
pub struct Turn {
    before: Option<Before>,
    after: Option<oneshot::Sender<Before>>,
}

impl Turn {
    /// Waits until all in front have had theirs. Cancel-safe.
    // CORRECTNESS: those in front are polled by whoever polls this one, or by tasks of their own, and each drops its turn when it has handed its message over, is
    // refused or is given up.
    pub async fn come(&mut self) {
        while let Some(before) = &mut self.before {
            let next = (&mut before.0).await.ok();
            self.before = next;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let (Some(before), Some(after)) = (self.before.take(), self.after.take()) {
            // Nobody behind it any more: then nobody waits.
            drop(after.send(before));
        }
    }
}

#[cfg(test)]
#[path = "publish_order_tests.rs"]
mod tests;
