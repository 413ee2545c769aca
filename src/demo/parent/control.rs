//! Orders from the demo: lines on stdin. Its end means that the demo is gone, and then so is this process.

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;

use crate::demo::report::facts::Nanos;

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
pub(crate) fn orders() -> mpsc::Receiver<Order> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match Order::read(&line) {
                Some(order) => {
                    if sender.send(order).await.is_err() {
                        return;
                    }
                }
                None => tracing::warn!(line, "no order of the demo"),
            }
        }
    });
    receiver
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
