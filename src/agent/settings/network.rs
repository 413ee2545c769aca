//! The head of a network's file, and what becomes of topics that no network claims.

use bytesize::ByteSize;
use serde::Deserialize;

/// Longest topic name, in bytes.
const MAX_TOPIC: usize = 1024;

/// What a network is, before its overlay and its stages.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Head {
    /// Its name in metrics, logs, grants and hellos: letters, digits, `-` and `_`.
    pub name: String,
    /// The topics that it claims: names, or patterns in which `*` stands for any run of characters.
    pub topics: Vec<String>,
    /// Topics joined at start. Parents may join others that the network claims.
    pub subscribe: Vec<String>,
    /// Messages a second that the estimates of `pmq config check` assume.
    pub expected_rate: f64,
    /// Size of a message that the estimates assume.
    pub expected_size: ByteSize,
    /// Largest message, checked at publish and at admission.
    pub max_message: ByteSize,
    /// Whether messages of own parents are delivered to own consumers.
    pub loopback: bool,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            name: String::new(),
            topics: Vec::new(),
            subscribe: Vec::new(),
            expected_rate: 50.0,
            expected_size: ByteSize::kib(1),
            max_message: ByteSize::mib(1),
            loopback: true,
        }
    }
}

/// A head that cannot work.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HeadError {
    /// No usable name.
    #[error("`name` is {0:?}; take 1 to 64 letters, digits, - and _")]
    Name(String),
    /// Nothing would ever arrive.
    #[error("`topics` is empty, so the network would never get a message; name a topic or a pattern, such as topics = [\"{0}.*\"]")]
    NoTopics(String),
    /// A topic name that cannot be.
    #[error("`{key}` names the topic {topic:?}; {mend}")]
    Topic {
        /// Where.
        key: &'static str,
        /// Which.
        topic: String,
        /// What would be right.
        mend: String,
    },
    /// A rate that is none.
    #[error("`expected_rate` is {0}; take a number above 0, in messages a second")]
    Rate(f64),
    /// Sizes that contradict each other.
    #[error("`expected_size` {size} is above max_message {max}; the largest message must be at least as large as the expected one")]
    Size {
        /// As expected.
        size: ByteSize,
        /// As allowed.
        max: ByteSize,
    },
    /// A size of nothing.
    #[error("`max_message` is 0, so no message could pass; take for example \"1MiB\"")]
    NoSize,
}

impl Head {
    /// Checks what one value alone cannot tell.
    ///
    /// # Errors
    /// [`HeadError`], whose text names the key in backticks.
    pub fn check(&self) -> Result<(), HeadError> {
        let letters = self.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        // "default" is the section that says what becomes of unclaimed topics.
        if self.name.is_empty() || self.name.len() > 64 || !letters || self.name == "default" {
            return Err(HeadError::Name(self.name.clone()));
        }
        if self.topics.is_empty() {
            return Err(HeadError::NoTopics(self.name.clone()));
        }
        for (key, topics) in [("topics", &self.topics), ("subscribe", &self.subscribe)] {
            if let Some(topic) = topics.iter().find(|topic| topic.is_empty() || topic.len() > MAX_TOPIC) {
                let mend = format!("take 1 to {MAX_TOPIC} bytes");
                return Err(HeadError::Topic { key, topic: topic.clone(), mend });
            }
        }
        let claims = pmq_pipeline::Claims(self.topics.clone());
        if let Some(topic) = self.subscribe.iter().find(|topic| !claims.matches(topic)) {
            let mend = format!("the network claims only {:?}: add it to `topics`, or take one that is claimed", self.topics);
            return Err(HeadError::Topic { key: "subscribe", topic: topic.clone(), mend });
        }
        if !(self.expected_rate.is_finite() && self.expected_rate > 0.0) {
            return Err(HeadError::Rate(self.expected_rate));
        }
        if self.max_message.as_u64() == 0 {
            return Err(HeadError::NoSize);
        }
        if self.expected_size > self.max_message {
            return Err(HeadError::Size { size: self.expected_size, max: self.max_message });
        }
        Ok(())
    }
}

/// `[network.default]`: who takes a topic that no network claims.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Unclaimed {
    /// The network that takes it; unset: the topic is refused by name.
    pub take: Option<String>,
}
