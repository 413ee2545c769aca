//! What the run tells the processes of a line, and what they answer: one JSON object a line on stdin and stdout. The end of stdin ends a process.

use std::io::{BufRead, Write};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{Latency, Nanos, Pace, Pattern, now};

/// Orders that wait for a process. The run gives one at a time.
const ORDERS: usize = 16;
/// From the order to the first message.
const HEAD_START: Nanos = 2_000_000;

/// To a process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// To the last one: a step begins. Answered by [`Said::Watching`], and by [`Said::Got`] when all of it is there.
    Watch(Watch),
    /// To the last one: answer with what is there.
    Report,
    /// To the first one: send. Answered by [`Said::Sent`].
    Load(Load),
}

/// What the last one is to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Watch {
    /// The step.
    pub(crate) run: u32,
    /// Messages.
    pub(crate) count: u64,
    /// The first ones, whose latency is not recorded.
    pub(crate) warm: u64,
}

/// What the first one is to send.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Load {
    /// The step.
    pub(crate) run: u32,
    /// Sequence number of the first message.
    pub(crate) seq: u64,
    /// Messages.
    pub(crate) count: u64,
    /// Messages a second.
    pub(crate) rate: f64,
    /// Bytes of content of each.
    pub(crate) size: usize,
    /// How they are laid out.
    pub(crate) pattern: Pattern,
}

impl Load {
    /// When each is due, from a moment on at which the sender is ready.
    ///
    /// # Errors
    /// When the kernel gives no timer.
    pub(crate) fn pace(&self) -> std::io::Result<Pace> {
        Ok(Pace::new(now() + HEAD_START, self.rate)?.with(self.pattern))
    }
}

/// From a process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Said {
    /// It is there: a raw node listens, a parent is attached.
    Ready,
    /// From the last one: what is sent of this step from now on is counted.
    Watching(u32),
    /// From the first one.
    Sent(Sent),
    /// From the last one.
    Got(Box<Got>),
}

/// What became of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// The step.
    pub(crate) run: u32,
    /// Publishes that were refused.
    pub(crate) failed: u64,
    /// How much later than due the last message was handed over.
    pub(crate) late: Nanos,
}

/// What arrived.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Got {
    /// The step.
    pub(crate) run: u32,
    /// Messages, each counted once.
    pub(crate) count: u64,
    /// How much later than due the message with the highest number arrived.
    pub(crate) late: Nanos,
    /// From due to arrival: at a raw node in its hands, at an agent delivered to its parent.
    pub(crate) latency: Latency,
    /// From due to the moment at which an agent's parent was asked for the verdict. Empty for a raw node.
    pub(crate) asked: Latency,
}

/// Orders from stdin, on a thread of their own: a read of stdin cannot be given up. Closed when stdin ends.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn orders() -> anyhow::Result<mpsc::Receiver<Order>> {
    let (sender, receiver) = mpsc::channel(ORDERS);
    let read = move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(order) if sender.blocking_send(order).is_err() => return,
                Ok(_) => {}
                Err(error) => tracing::warn!(line, %error, "no order"),
            }
        }
    };
    std::thread::Builder::new().name("stdin".to_owned()).spawn(read).context("cannot start a thread")?;
    Ok(receiver)
}

/// Answers on stdout.
///
/// # Errors
/// When nobody reads it.
pub(crate) fn say(said: &Said) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&line).and_then(|()| stdout.flush()).context("nobody reads the answers")
}
