//! One timer for a task whose next deadline moves with everything it does.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

/// Rings at a time that may be another one at every look. A deadline that moves away leaves the timer where it is: it rings early, and is set anew then,
/// once, where a timer of its own for every look would be set and taken back each time.
#[derive(Debug, Default)]
pub struct Alarm {
    timer: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Ready when that time has come; never, if there is none.
    pub fn poll(&mut self, at: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = at else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at.into())));
        if timer.deadline() > at.into() {
            timer.as_mut().reset(at.into());
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= at.into() {
                // Spent: the next look begins with a new one.
                self.timer = None;
                return Poll::Ready(());
            }
            timer.as_mut().reset(at.into());
        }
    }
}

#[cfg(test)]
#[path = "alarm_tests.rs"]
mod tests;
