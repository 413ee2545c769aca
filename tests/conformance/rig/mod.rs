//! Agents under test, what is around them, and parents that do as they are told.

mod agent;
mod around;
mod calls;
pub mod hand;
pub mod parent;
pub mod raw;
mod streams;
mod thread;
mod zmtp;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pmq_protocol::wire::Window;

pub use agent::{Agent, Setting, address};
pub use around::{Around, Surroundings};
pub use hand::{Asks, Hand};
pub use pmq_testing::soon;

use crate::transports::Transport;

/// The agent's network in every case.
pub const NETWORK: &str = "net";

/// Room enough not to matter.
pub const WIDE: Window = Window { messages: 4_096, bytes: 32 << 20 };

/// Numbers of agents under test.
static NUMBER: AtomicUsize = AtomicUsize::new(1);

/// One case on one transport.
pub struct Bench {
    pub transport: &'static Transport,
    /// The topic that no other case uses.
    pub topic: String,
    pub around: Arc<Around>,
}

impl Bench {
    pub fn new(transport: &'static Transport, case: &'static str, around: Arc<Around>) -> Self {
        Self { transport, topic: format!("{case}/{}", transport.name), around }
    }

    /// An agent of this case's own, with a neighbour on either side.
    pub async fn agent(&self, setting: Setting) -> Agent {
        self.around.listen_behind(&self.topic).await;
        Agent::start(self, setting, NUMBER.fetch_add(1, Ordering::Relaxed)).await
    }

    /// A neighbour sends a message.
    pub async fn publish(&self, payload: impl Into<bytes::Bytes>) {
        self.around.publish(&self.topic, payload.into()).await;
    }

    /// A neighbour sends `count` messages, [`text`] of their numbers, in order.
    pub async fn publish_numbers(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.publish(text(number)).await;
        }
    }

    /// What the agent behind has got, once it is `count` messages.
    pub async fn forwarded(&self, count: usize) -> Vec<String> {
        let payloads = self.around.payloads(&self.topic, count).await;
        payloads.iter().map(|payload| String::from_utf8_lossy(payload).into_owned()).collect()
    }
}

/// The message of a number.
pub fn text(number: usize) -> String {
    format!("message {number}")
}

/// The messages of numbers.
pub fn texts(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(text).collect()
}
