//! Settings of delivery.

use bytesize::ByteSize;
use serde::Deserialize;

use super::{DeliveryStage, MemoryRing};
use crate::{InvalidSetting, NetworkContext, StageSettings};
use pmq_pipeline::{Delivery, DeliveryBlueprint, Part};
use pmq_protocol::setting;
use pmq_protocol::wire::Overflow;

/// What happens to a slow consumer, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The oldest records make room, a gap takes their place.
    #[default]
    DropOldest,
    /// The newest records are not kept until the consumer has caught up, a gap takes their place.
    DropNewest,
    /// The consumer is disconnected, and resumes as far as the ring reaches.
    Disconnect,
}

impl From<Policy> for Overflow {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::DropOldest => Self::DropOldest,
            Policy::DropNewest => Self::DropNewest,
            Policy::Disconnect => Self::Disconnect,
        }
    }
}

/// Settings of delivery.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Accepted messages that the ring keeps for slow and returning consumers; the oldest make room.
    pub ring_messages: u32,
    /// Payload bytes that the ring keeps; the oldest make room.
    pub ring_bytes: ByteSize,
    /// How far a consumer with policy `drop-newest` or `disconnect` may fall behind, in records. At most `ring_messages`.
    pub max_lag: u32,
    /// What happens to a slow consumer that has not chosen for itself.
    pub policy: Policy,
    /// Consumer names whose place is remembered while they are away; the one longest unused makes room.
    pub max_names: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ring_messages: 16_384, ring_bytes: ByteSize::mib(64), max_lag: 8_192, policy: Policy::DropOldest, max_names: 1_024 }
    }
}

impl StageSettings for Settings {
    fn into_part(self, _: &NetworkContext) -> Result<Part, InvalidSetting> {
        for (key, value) in [
            ("ring_messages", u64::from(self.ring_messages)),
            ("ring_bytes", self.ring_bytes.as_u64()),
            ("max_lag", u64::from(self.max_lag)),
            ("max_names", u64::from(self.max_names)),
        ] {
            if value == 0 {
                return Err(InvalidSetting::range(key, value, "nothing could be delivered; use at least 1"));
            }
        }
        setting::at_most([("ring_bytes", self.ring_bytes.as_u64(), setting::MAX_SIZE)])?;
        if self.max_lag > self.ring_messages {
            let help = format!("a consumer would lose records before its policy applies; at most ring_messages = {}", self.ring_messages);
            return Err(InvalidSetting::range("max_lag", self.max_lag, help));
        }
        Ok(Part::Delivery(Box::new(self)))
    }
}

impl DeliveryBlueprint for Settings {
    fn name(&self) -> &'static str {
        super::NAME
    }

    fn build(&self, stream: u64) -> Box<dyn Delivery> {
        let ring = MemoryRing::new(self.ring_messages, self.ring_bytes.as_u64());
        Box::new(DeliveryStage::new(self.clone(), stream, Box::new(ring)))
    }

    fn memory(&self) -> u64 {
        let entries = u64::from(self.ring_messages) * super::ENTRY_BYTES as u64 + u64::from(self.max_names) * 64;
        self.ring_bytes.as_u64().saturating_add(entries)
    }
}
