//! Settings of the validation queue.

use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use super::ValidationQueue;
use crate::{InvalidSetting, NetworkContext, StageSettings};
use pmq_pipeline::{Part, PendingQueue, PendingQueueBlueprint};
use pmq_protocol::setting;
use pmq_protocol::wire::Reason;
use pmq_protocol::wire::message::MAX_REASON;

/// What takes the place of a verdict that does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Fallback {
    /// Drop it; nobody is penalised.
    #[default]
    Ignore,
    /// Forward and deliver it although nobody looked at it. Spelled out, because it gives up what the agent is for.
    AcceptUnverified,
}

/// The fallback by cause. There is no reject: no sender can answer for a cause of our own (promises 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Fallbacks {
    /// No verifier was attached by the deadline.
    pub no_verifier: Fallback,
    /// The queue was full.
    pub queue_full: Fallback,
    /// A verifier had it, or none had credit for it, and the deadline passed.
    pub timeout: Fallback,
    /// Every verifier had paused.
    pub paused: Fallback,
    /// The verifier that had it went away and no other one came in time.
    pub verifier_lost: Fallback,
}

/// Settings of the validation queue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// From arrival to fallback. Must fit the overlay's message cache: `(history_length - 1) * heartbeat`.
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
    /// Most messages pending; one more is settled by `fallback.queue_full`.
    pub max_messages: u32,
    /// Most payload bytes pending; a message that does not fit is settled by `fallback.queue_full`.
    pub max_bytes: ByteSize,
    /// Groups of verifiers, by name. Without any: one group, and the verdict of any one of its members counts. With some: a chain, in which a
    /// message needs the Accept of one member of each group, in this order.
    pub groups: Vec<String>,
    /// What takes the place of a verdict that does not come.
    pub fallback: Fallbacks,
}

/// Longest deadline: what is left of it is told to verifiers in 32 bits of microseconds.
const MAX_DEADLINE: Duration = Duration::from_secs(3600);
/// Most groups of a chain.
const MAX_GROUPS: usize = 16;
/// Longest name of a group, in bytes.
const MAX_GROUP_NAME: usize = 64;

impl Default for Settings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(4),
            max_messages: 65_536,
            max_bytes: ByteSize::mib(64),
            groups: Vec::new(),
            fallback: Fallbacks::default(),
        }
    }
}

impl StageSettings for Settings {
    fn into_part(self, _: &NetworkContext) -> Result<Part, InvalidSetting> {
        if self.deadline.is_zero() {
            return Err(InvalidSetting::range("deadline", "\"0s\"", "every message would be dropped at once; use for example \"4s\""));
        }
        if self.max_messages == 0 {
            return Err(InvalidSetting::range("max_messages", 0, "every message would be dropped at once; use at least 1"));
        }
        if self.max_bytes.as_u64() == 0 {
            return Err(InvalidSetting::range(
                "max_bytes",
                "\"0B\"",
                "every message would be dropped at once; use at least the largest message",
            ));
        }
        if self.deadline > MAX_DEADLINE {
            return Err(InvalidSetting::range("deadline", format!("{:?}", self.deadline), "take at most \"1h\""));
        }
        setting::at_most([("max_bytes", self.max_bytes.as_u64(), setting::MAX_SIZE)])?;
        self.check_groups()?;
        Ok(Part::PendingQueue(Box::new(self)))
    }
}

impl Settings {
    fn check_groups(&self) -> Result<(), InvalidSetting> {
        if self.groups.len() > MAX_GROUPS {
            return Err(InvalidSetting::range(
                "groups",
                format!("{} names", self.groups.len()),
                format!("name at most {MAX_GROUPS} groups"),
            ));
        }
        for (at, name) in self.groups.iter().enumerate() {
            let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if name.is_empty() || name.len() > MAX_GROUP_NAME || !letters {
                return Err(InvalidSetting::range("groups", format!("{name:?}"), "a name has 1 to 64 letters, digits, - and _"));
            }
            if self.groups.iter().take(at).any(|other| other == name) {
                return Err(InvalidSetting::range(
                    "groups",
                    format!("{name:?}"),
                    "it stands there twice: a message passes each group once",
                ));
            }
        }
        Ok(())
    }
}

impl Fallbacks {
    /// The fallback for one cause.
    #[must_use]
    pub fn of(&self, cause: Reason) -> Fallback {
        match cause {
            Reason::NoVerifier => self.no_verifier,
            Reason::QueueFull => self.queue_full,
            Reason::Timeout => self.timeout,
            Reason::Paused => self.paused,
            Reason::VerifierLost => self.verifier_lost,
            _ => Fallback::Ignore,
        }
    }

    /// Causes for which unverified messages are accepted.
    #[must_use]
    pub fn unverified(&self) -> Vec<Reason> {
        [Reason::NoVerifier, Reason::QueueFull, Reason::Timeout, Reason::Paused, Reason::VerifierLost]
            .into_iter()
            .filter(|&cause| self.of(cause) == Fallback::AcceptUnverified)
            .collect()
    }
}

impl PendingQueueBlueprint for Settings {
    fn name(&self) -> &'static str {
        super::NAME
    }

    fn build(&self) -> Box<dyn PendingQueue> {
        Box::new(ValidationQueue::new(self.clone()))
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }

    fn groups(&self) -> Vec<Arc<str>> {
        self.groups.iter().map(|name| name.as_str().into()).collect()
    }

    fn accepts_unverified(&self) -> Vec<Reason> {
        self.fallback.unverified()
    }

    fn warnings(&self) -> Vec<InvalidSetting> {
        let what = "messages that nobody has verified are forwarded and delivered";
        let warning = |cause: Reason| {
            let key = format!("fallback.{}", cause.as_str().replace('-', "_"));
            InvalidSetting::new(key, what, "take \"ignore\" unless that is what is meant")
        };
        self.fallback.unverified().into_iter().map(warning).collect()
    }

    fn memory(&self, rate: f64, size: u64) -> u64 {
        let pending = (rate * self.deadline.as_secs_f64()).min(f64::from(self.max_messages)).max(0.0) as u64;
        // One shadow; in a chain, a place in the list of each group and the words of an earlier one.
        let further = if self.groups.len() > 1 { 16 * self.groups.len() + MAX_REASON } else { 0 };
        let overhead = (super::PENDING_BYTES + super::shadows::WATCH_BYTES + further) as u64;
        pending.saturating_mul(overhead).saturating_add(pending.saturating_mul(size).min(self.max_bytes.as_u64()))
    }
}
