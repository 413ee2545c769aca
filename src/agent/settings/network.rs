//! The head of a network's file, and what becomes of topics that no network claims.

use bytesize::ByteSize;
use pmq_protocol::InvalidSetting;
use pmq_protocol::wire::{MAX_TOPIC, check_topic};
use serde::Deserialize;

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

impl Head {
    /// Checks what one value alone cannot tell.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let letters = self.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        // "default" is the section that says what becomes of unclaimed topics.
        if self.name.is_empty() || self.name.len() > 64 || !letters || self.name == "default" {
            return Err(InvalidSetting::range("name", format!("{:?}", self.name), "take 1 to 64 letters, digits, - and _"));
        }
        if self.topics.is_empty() {
            let help = format!("name a topic or a pattern, such as topics = [\"{}.*\"]", self.name);
            return Err(InvalidSetting::new("topics", "the network would never get a message", help).value("[]"));
        }
        for (key, topics) in [("topics", &self.topics), ("subscribe", &self.subscribe)] {
            if let Some(index) = topics.iter().position(|topic| check_topic(topic).is_err()) {
                let what = format!("a topic of {} bytes", topics[index].len());
                return Err(InvalidSetting::new(key, what, format!("take 1 to {MAX_TOPIC} bytes")).item(index));
            }
        }
        let claims = pmq_pipeline::Claims(self.topics.clone());
        if let Some((index, topic)) = self.subscribe.iter().enumerate().find(|(_, topic)| !claims.matches(topic)) {
            let what = format!("the network claims only {:?}", self.topics);
            let help = "add it to `topics`, or take one that is claimed";
            return Err(InvalidSetting::new("subscribe", what, help).value(format!("{topic:?}")).item(index));
        }
        if !(self.expected_rate.is_finite() && self.expected_rate > 0.0) {
            return Err(InvalidSetting::range("expected_rate", self.expected_rate, "take a number above 0, in messages a second"));
        }
        if self.max_message.as_u64() == 0 {
            return Err(InvalidSetting::new("max_message", "no message could pass", "take for example \"1MiB\"").value(0));
        }
        if self.expected_size > self.max_message {
            let what = format!("it is above max_message {}", self.max_message);
            let help = "the largest message must be at least as large as the expected one";
            return Err(InvalidSetting::new("expected_size", what, help).value(self.expected_size));
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
