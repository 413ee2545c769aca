//! One network's part: message ids, sizes and topic scores, `[gossip]` in the network's file.

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use super::score::{penalty, positive};
use super::{InvalidSetting, ensure};
use pmq_protocol::setting;

/// How one network's topics are gossiped.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSettings {
    /// How a message's id is made. Every node of the network must use the same. Default `{ function = "topic-content" }`.
    pub message_id: MessageIdFunction,
    /// Largest payload. Default `"64KiB"`.
    pub max_message: ByteSize,
    /// Take messages that name an author and a sequence number without a signature, as the Go predecessor's nodes send them. Signed ones are refused all the same.
    /// Default false.
    pub predecessor: bool,
    /// Scores of the network's topics, each on its own.
    pub score: TopicScore,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self { message_id: MessageIdFunction::default(), max_message: ByteSize::kib(64), predecessor: false, score: TopicScore::default() }
    }
}

/// How a message's id is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(tag = "function", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MessageIdFunction {
    /// The first 20 bytes of sha256(topic, 0, payload): the same payload on another topic is another message.
    #[default]
    TopicContent,
    /// The payload's hash in lower-case hex, as the Go predecessor makes it. Whoever replays a payload on another topic first suppresses it there.
    Content {
        /// The hash. Default `"sha256"`.
        #[serde(default)]
        hash: ContentHash,
        /// Bytes of the hash that are used; more than it has means all. Default 20.
        #[serde(default = "default_size")]
        size: usize,
    },
}

fn default_size() -> usize {
    20
}

/// A hash for [`MessageIdFunction::Content`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentHash {
    /// SHA-256, 32 bytes.
    #[default]
    Sha256,
    /// MD5, 16 bytes; for overlays that use it already.
    Md5,
}

/// A topic's score: the sum of P1 to P4, times the weight.
///
/// With the defaults a peer earns 20 at most on a topic; one invalid message costs 20, two 80, three 180, which is below every default threshold. Valid messages never
/// lower it, at whatever rate.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopicScore {
    /// Weight of the topic in a peer's score. Default 1.
    pub weight: f64,
    /// P1: time in the mesh.
    pub time_in_mesh: TimeInMesh,
    /// P2: messages that the peer was the first to bring.
    pub first_deliveries: FirstDeliveries,
    /// P3 and P3b: too few messages from a mesh peer.
    pub mesh_deliveries: MeshDeliveries,
    /// P4: invalid messages.
    pub invalid: Invalid,
}

impl Default for TopicScore {
    fn default() -> Self {
        Self {
            weight: 1.0,
            time_in_mesh: TimeInMesh::default(),
            first_deliveries: FirstDeliveries::default(),
            mesh_deliveries: MeshDeliveries::default(),
            invalid: Invalid::default(),
        }
    }
}

/// P1: the time in the mesh in units of the quantum, up to the cap, times the weight.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeInMesh {
    /// Not negative. Default 1.
    pub weight: f64,
    /// Unit. Default `"30s"`.
    #[serde(with = "humantime_serde")]
    pub quantum: Duration,
    /// Most units that count. Default 10.
    pub cap: f64,
}

impl Default for TimeInMesh {
    fn default() -> Self {
        Self { weight: 1.0, quantum: Duration::from_secs(30), cap: 10.0 }
    }
}

/// P2: the decaying number of accepted messages that the peer brought first, up to the cap, times the weight.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FirstDeliveries {
    /// Not negative. Default 0.5.
    pub weight: f64,
    /// Time in which the number decays to nothing. Default `"2m"`.
    #[serde(with = "humantime_serde")]
    pub decay: Duration,
    /// Most that count. Default 20.
    pub cap: f64,
}

impl Default for FirstDeliveries {
    fn default() -> Self {
        Self { weight: 0.5, decay: Duration::from_secs(120), cap: 20.0 }
    }
}

/// P3: the square of what a mesh peer's decaying number of deliveries lacks to the threshold, times the weight. P3b: what it lacked when it left the mesh.
///
/// Off by default: on a topic whose rate is not known it penalises honest peers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeshDeliveries {
    /// Not positive; 0 = off. Default 0.
    pub weight: f64,
    /// P3b's weight. Not positive; 0 = off. Default 0.
    pub failure_weight: f64,
    /// Time in which the numbers decay to nothing. Default `"2m"`.
    #[serde(with = "humantime_serde")]
    pub decay: Duration,
    /// Most that count. Default 100.
    pub cap: f64,
    /// Enough. Default 10.
    pub threshold: f64,
    /// How long after the first copy another one still counts. Default `"100ms"`.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
    /// Time in the mesh before it counts. At least one second. Default `"1m"`.
    #[serde(with = "humantime_serde")]
    pub activation: Duration,
}

impl Default for MeshDeliveries {
    fn default() -> Self {
        Self {
            weight: 0.0,
            failure_weight: 0.0,
            decay: Duration::from_secs(120),
            cap: 100.0,
            threshold: 10.0,
            window: Duration::from_millis(100),
            activation: Duration::from_secs(60),
        }
    }
}

/// P4: the square of the decaying number of rejected messages, times the weight.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Invalid {
    /// Not positive; 0 = off. Default -20.
    pub weight: f64,
    /// Time in which the number decays to nothing. Default `"20m"`.
    #[serde(with = "humantime_serde")]
    pub decay: Duration,
}

impl Default for Invalid {
    fn default() -> Self {
        Self { weight: -20.0, decay: Duration::from_secs(1200) }
    }
}

impl NetworkSettings {
    /// Checks every value.
    ///
    /// # Errors
    /// [`InvalidSetting`] for the first value that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        ensure(self.max_message.as_u64() > 0, "max_message", self.max_message, "must be above 0")?;
        // The library's framing and its checks count in 32 bits.
        ensure(self.max_message <= ByteSize::gib(1), "max_message", self.max_message, "must not exceed 1GiB")?;
        if let MessageIdFunction::Content { size, .. } = self.message_id {
            ensure(size > 0, "message_id.size", size, "must be at least 1: all messages would have the empty id")?;
        }
        self.score.check()
    }
}

impl TopicScore {
    /// Checks every value.
    ///
    /// # Errors
    /// [`InvalidSetting`] for the first value that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let mesh = &self.mesh_deliveries;
        setting::durations([
            ("score.time_in_mesh.quantum", self.time_in_mesh.quantum),
            ("score.first_deliveries.decay", self.first_deliveries.decay),
            ("score.mesh_deliveries.decay", mesh.decay),
            ("score.mesh_deliveries.window", mesh.window),
            ("score.mesh_deliveries.activation", mesh.activation),
            ("score.invalid.decay", self.invalid.decay),
        ])?;
        positive("score.weight", self.weight)?;
        positive("score.time_in_mesh.weight", self.time_in_mesh.weight)?;
        ensure(!self.time_in_mesh.quantum.is_zero(), "score.time_in_mesh.quantum", self.time_in_mesh.quantum, "must be above 0s")?;
        above("score.time_in_mesh.cap", self.time_in_mesh.cap)?;
        positive("score.first_deliveries.weight", self.first_deliveries.weight)?;
        above("score.first_deliveries.cap", self.first_deliveries.cap)?;
        lasting("score.first_deliveries.decay", self.first_deliveries.decay)?;
        penalty("score.mesh_deliveries.weight", mesh.weight)?;
        penalty("score.mesh_deliveries.failure_weight", mesh.failure_weight)?;
        above("score.mesh_deliveries.cap", mesh.cap)?;
        above("score.mesh_deliveries.threshold", mesh.threshold)?;
        ensure(
            mesh.threshold <= mesh.cap,
            "score.mesh_deliveries.threshold",
            mesh.threshold,
            format!("must not exceed score.mesh_deliveries.cap = {}: nobody could reach it", mesh.cap),
        )?;
        lasting("score.mesh_deliveries.decay", mesh.decay)?;
        ensure(mesh.activation >= Duration::from_secs(1), "score.mesh_deliveries.activation", mesh.activation, "must be at least 1s")?;
        penalty("score.invalid.weight", self.invalid.weight)?;
        lasting("score.invalid.decay", self.invalid.decay)
    }
}

fn above(key: &'static str, value: f64) -> Result<(), InvalidSetting> {
    ensure(value.is_finite() && value > 0.0, key, value, "must be above 0")
}

fn lasting(key: &'static str, value: Duration) -> Result<(), InvalidSetting> {
    ensure(!value.is_zero(), key, value, "must be above 0s")
}
