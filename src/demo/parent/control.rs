//! Orders from the demo: lines on stdin. Its end means that the demo is gone, and then so is this process.

use std::io::BufRead;

use tokio::sync::mpsc;

use crate::report::facts::Nanos;

/// What the demo says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Rounds begin at that moment.
    Start(Nanos),
}

impl Order {
    /// The line.
    pub(crate) fn line(self) -> String {
        match self {
            Self::Start(at) => format!("start {at}\n"),
        }
    }

    fn read(line: &str) -> Option<Self> {
        line.strip_prefix("start ").and_then(|at| at.trim().parse().ok()).map(Self::Start)
    }
}

/// Reads orders until stdin ends; then the channel closes. Bounded: the demo sends a handful, and a reader that waits loses nothing.
///
/// A thread of its own, because a read of stdin cannot be given up: a runtime that owned it would wait for it when the process ends.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn orders() -> std::io::Result<mpsc::Receiver<Order>> {
    let (sender, receiver) = mpsc::channel(4);
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match Order::read(&line) {
                Some(order) if sender.blocking_send(order).is_err() => return,
                Some(_) => {}
                None => tracing::warn!(line, "no order of the demo"),
            }
        }
    })?;
    Ok(receiver)
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
