//! What `admission` may be told.

use bytesize::ByteSize;
use serde::Deserialize;

use crate::{InvalidSetting, NetworkContext, StageSettings};
use pmq_pipeline::Part;
use pmq_protocol::setting;

/// Whose rates and quotas an `admission` keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The neighbour that sent the message first. Needs nothing in front of it.
    #[default]
    Peer,
    /// The origin that the codec read. Needs a `decode` in front of it.
    Origin,
}

impl By {
    /// Name in files and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Origin => "origin",
        }
    }
}

/// Settings of the stage `admission`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdmissionSettings {
    /// Whose rates and quotas: `"peer"` or `"origin"`. A file may list one of each, the second behind `decode`.
    pub by: By,
    /// Messages a second from each.
    pub rate: u32,
    /// Messages that each may send at once after a pause.
    pub burst: u32,
    /// Payload bytes a second from each.
    pub byte_rate: ByteSize,
    /// Payload bytes that each may send at once after a pause. At least the network's largest message.
    pub byte_burst: ByteSize,
    /// Messages of each that may be in flight: admitted, and without an outcome.
    pub in_flight: u32,
    /// Messages in flight in all.
    pub in_flight_total: u32,
    /// Peers or origins that are kept. When full, the one that has been idle longest is forgotten; one with messages in flight never is.
    pub entries: u32,
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        Self {
            by: By::Peer,
            rate: 5_000,
            burst: 10_000,
            byte_rate: ByteSize::mib(32),
            byte_burst: ByteSize::mib(64),
            in_flight: 4_096,
            in_flight_total: 16_384,
            entries: 8_192,
        }
    }
}

impl AdmissionSettings {
    /// Looks for values that make no sense on a network whose largest message has `max_message` bytes.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self, max_message: usize) -> Result<(), InvalidSetting> {
        let counts = [
            ("rate", self.rate),
            ("burst", self.burst),
            ("in_flight", self.in_flight),
            ("in_flight_total", self.in_flight_total),
            ("entries", self.entries),
        ];
        if let Some((key, value)) = counts.into_iter().find(|(_, value)| *value == 0) {
            return Err(InvalidSetting::range(key, value, "nothing would ever be admitted; at least 1"));
        }
        if self.byte_rate.as_u64() == 0 {
            return Err(InvalidSetting::range("byte_rate", self.byte_rate, "nothing would ever be admitted; at least \"1B\""));
        }
        if self.byte_burst.as_u64() < max_message as u64 {
            let help = format!("a message of the network's max_message ({max_message} bytes) would never pass; at least that much");
            return Err(InvalidSetting::range("byte_burst", self.byte_burst, help));
        }
        let sizes = [("byte_rate", self.byte_rate), ("byte_burst", self.byte_burst)];
        setting::at_most(sizes.map(|(key, size)| (key, size.as_u64(), setting::MAX_SIZE)))?;
        if self.in_flight > self.in_flight_total {
            let help = format!("at most in_flight_total, which is {}", self.in_flight_total);
            return Err(InvalidSetting::range("in_flight", self.in_flight, help));
        }
        Ok(())
    }
}

impl StageSettings for AdmissionSettings {
    fn into_part(self, network: &NetworkContext) -> Result<Part, InvalidSetting> {
        self.check(network.max_message)?;
        Ok(Part::Stage(Box::new(super::Admission::new(self, network.clone()))))
    }
}
