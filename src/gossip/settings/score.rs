//! Peer scoring across all networks (gossipsub 1.1, "Peer Scoring"): thresholds, P5 to P7 and slow peers.

use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

use super::{InvalidSetting, ensure};
use pmq_protocol::setting;

/// Peer scoring. Every value is set here on purpose; none is taken from the router's library.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Score {
    /// Whether peers are scored at all. Default true; false is for control runs.
    pub enabled: bool,
    /// From which scores on something happens.
    pub thresholds: Thresholds,
    /// Most that the topics together may add to a score. Default 40; 0 = no cap.
    pub topic_cap: f64,
    /// P5: weight of the score that the application sets. Default 1.
    pub application_weight: f64,
    /// P6: many peers behind one address.
    pub address: AddressScore,
    /// P7: broken promises and grafts during back-off.
    pub behaviour: BehaviourScore,
    /// Peers that do not take in what is sent to them.
    pub slow_peer: SlowPeerScore,
    /// Time between two decays of all counters. At least one second. Default `"1s"`.
    #[serde(with = "humantime_serde")]
    pub decay_interval: Duration,
    /// A counter below this is 0, and the times over which counters decay end here. Default 0.01, as in Go.
    pub decay_to_zero: f64,
    /// How long a disconnected peer's score is kept, so that reconnecting does not clear it. Default `"1h"`.
    #[serde(with = "humantime_serde")]
    pub retain: Duration,
}

impl Default for Score {
    fn default() -> Self {
        Self {
            enabled: true,
            thresholds: Thresholds::default(),
            topic_cap: 40.0,
            application_weight: 1.0,
            address: AddressScore::default(),
            behaviour: BehaviourScore::default(),
            slow_peer: SlowPeerScore::default(),
            decay_interval: Duration::from_secs(1),
            decay_to_zero: 0.01,
            retain: Duration::from_secs(3600),
        }
    }
}

/// Score thresholds: `0 > gossip >= publish >= graylist`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Below it no gossip is exchanged. Default -10.
    pub gossip: f64,
    /// Below it own messages are not sent to the peer. Default -50.
    pub publish: f64,
    /// Below it everything from the peer is dropped unread. Default -80.
    pub graylist: f64,
    /// When a mesh's median score is below it, better peers are grafted. Positive. Default 1.
    pub opportunistic_graft: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { gossip: -10.0, publish: -50.0, graylist: -80.0, opportunistic_graft: 1.0 }
    }
}

/// P6: the square of the peers behind one address beyond the threshold, times the weight.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddressScore {
    /// Not positive; 0 = off. Default -5.
    pub weight: f64,
    /// Peers behind one address that are fine. At least 1. Default 8.
    pub threshold: f64,
    /// Addresses that may hold any number of peers. Default none.
    pub exempt: Vec<IpAddr>,
}

impl Default for AddressScore {
    fn default() -> Self {
        Self { weight: -5.0, threshold: 8.0, exempt: Vec::new() }
    }
}

/// P7: the square of the counter beyond the threshold, times the weight.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BehaviourScore {
    /// Not positive; 0 = off. Default -10.
    pub weight: f64,
    /// Events that are forgiven. Default 6: a lost announcement now and then is nobody's fault.
    pub threshold: f64,
    /// Time in which the counter decays to nothing. Default `"10m"`.
    #[serde(with = "humantime_serde")]
    pub decay: Duration,
}

impl Default for BehaviourScore {
    fn default() -> Self {
        Self { weight: -10.0, threshold: 6.0, decay: Duration::from_secs(600) }
    }
}

/// Messages dropped for a peer because its queue was full: their number beyond the threshold, times the weight.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlowPeerScore {
    /// Not positive; 0 = off. Default -0.2.
    pub weight: f64,
    /// Drops that are forgiven. Default 32; with 0 a single drop makes a score negative and the peer leaves every mesh.
    pub threshold: f64,
    /// Time in which the counter decays to nothing. Default `"30s"`.
    #[serde(with = "humantime_serde")]
    pub decay: Duration,
}

impl Default for SlowPeerScore {
    fn default() -> Self {
        Self { weight: -0.2, threshold: 32.0, decay: Duration::from_secs(30) }
    }
}

/// A weight that penalises: finite, not positive.
pub(super) fn penalty(key: &'static str, weight: f64) -> Result<(), InvalidSetting> {
    if weight.is_finite() && weight <= 0.0 {
        return Ok(());
    }
    Err(InvalidSetting::new(key, "must not be positive", "0 turns it off").value(format!("{weight:?}")))
}

/// A weight that rewards, a threshold or a cap: finite, not negative.
pub(super) fn positive(key: &'static str, value: f64) -> Result<(), InvalidSetting> {
    ensure(value.is_finite() && value >= 0.0, key, value, "must not be negative")
}

/// How long the router keeps a record of every message that came in, to score those who send it again (libp2p-gossipsub's `TIME_CACHE_DURATION`). It is no setting,
/// and has nothing to do with `mesh.duplicate_cache_time`.
pub const SCORE_MEMORY: Duration = Duration::from_secs(120);
/// A record without its senders: 120 bytes in a table that is two thirds full, a place in a queue that doubles, the id's two heap blocks.
const RECORD: u64 = 320;
/// A sender in a record's set: a peer id and a byte of control.
const SENDER: u64 = 81;

impl Score {
    /// What records of messages cost at `rate` messages a second, each of which `senders` neighbours send: the first does not stand in the set of a record, the others
    /// do, and the set stays as large as it was.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate; a float cast saturates")]
    pub fn memory(&self, rate: f64, senders: usize) -> u64 {
        if !self.enabled {
            return 0;
        }
        let set = match senders.saturating_sub(1) as u64 {
            0 => 0,
            // As the standard library's set grows: a power of two, seven eighths full at most.
            others => (others.saturating_mul(8) / 7 + 1).next_power_of_two().max(4) * SENDER + 32,
        };
        ((rate * SCORE_MEMORY.as_secs_f64()).ceil() as u64).saturating_mul(RECORD + set)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`InvalidSetting`] for the first value that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let t = &self.thresholds;
        ensure(t.gossip.is_finite() && t.gossip < 0.0, "score.thresholds.gossip", t.gossip, "must be below 0")?;
        ensure(
            t.publish.is_finite() && t.publish <= t.gossip,
            "score.thresholds.publish",
            t.publish,
            format!("must not be above score.thresholds.gossip = {}: 0 > gossip >= publish >= graylist", t.gossip),
        )?;
        ensure(
            t.graylist.is_finite() && t.graylist <= t.publish,
            "score.thresholds.graylist",
            t.graylist,
            format!("must not be above score.thresholds.publish = {}: 0 > gossip >= publish >= graylist", t.publish),
        )?;
        positive("score.thresholds.opportunistic_graft", t.opportunistic_graft)?;
        positive("score.topic_cap", self.topic_cap)?;
        positive("score.application_weight", self.application_weight)?;
        penalty("score.address.weight", self.address.weight)?;
        ensure(self.address.threshold >= 1.0, "score.address.threshold", self.address.threshold, "must be at least 1")?;
        penalty("score.behaviour.weight", self.behaviour.weight)?;
        positive("score.behaviour.threshold", self.behaviour.threshold)?;
        penalty("score.slow_peer.weight", self.slow_peer.weight)?;
        positive("score.slow_peer.threshold", self.slow_peer.threshold)?;
        setting::durations([
            ("score.decay_interval", self.decay_interval),
            ("score.behaviour.decay", self.behaviour.decay),
            ("score.slow_peer.decay", self.slow_peer.decay),
            ("score.retain", self.retain),
        ])?;
        let second = Duration::from_secs(1);
        ensure(self.decay_interval >= second, "score.decay_interval", self.decay_interval, "must be at least 1s")?;
        ensure(
            // Nearer to 1 the factor of a long decay would round to 1, and nothing would ever decay.
            self.decay_to_zero > 0.0 && self.decay_to_zero <= 0.99,
            "score.decay_to_zero",
            self.decay_to_zero,
            "must be above 0, and at most 0.99",
        )?;
        ensure(!self.behaviour.decay.is_zero(), "score.behaviour.decay", self.behaviour.decay, "must be above 0s")?;
        ensure(!self.slow_peer.decay.is_zero(), "score.slow_peer.decay", self.slow_peer.decay, "must be above 0s")
    }
}
