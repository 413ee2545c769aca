//! The agent-wide settings of gossip, `[gossip]` in the agent's file, and each network's part of them.

mod mesh;
mod network;
mod quic;
mod score;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::address::{Transport, is_quic, listen_address, peer_id, socket, target};
use pmq_protocol::{InvalidSetting, setting};

pub use mesh::{Memory, Mesh, QUEUE_OVERHEAD};
pub use network::{ContentHash, FirstDeliveries, Invalid, MeshDeliveries, MessageIdFunction, NetworkSettings, TimeInMesh, TopicScore};
pub use quic::Quic;
pub use score::{AddressScore, BehaviourScore, SCORE_MEMORY, Score, SlowPeerScore, Thresholds};

/// How the agent takes part in the overlays of all its networks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Addresses to listen on, as multiaddrs: `/ip4/<address>/tcp/<port>`, `/ip4/<address>/udp/<port>/quic-v1`, and the same with `ip6`. Default
    /// `["/ip4/0.0.0.0/tcp/4001"]`; an empty list listens nowhere.
    pub listen: Vec<String>,
    /// The file that holds the private key (mode 0600). Default `"identity.key"`.
    pub identity: PathBuf,
    /// Peers to stay connected to, as multiaddrs that end in `/p2p/<peer id>`. A peer may be named with several addresses, over one transport or both: they are tried one
    /// after the other, in the order of this list, beginning with the one that was dialled last. Default none.
    pub peers: Vec<String>,
    /// Peer ids that may connect; any other is refused or disconnected. Default: not set, which lets everybody in. An empty list lets nobody in.
    pub allow: Option<Vec<String>>,
    /// What identify tells others about this agent's software. Default `"pmq/<version>"`.
    pub user_agent: String,
    /// A dial or handshake that takes longer is given up; each address of a peer has as much. Default `"10s"`.
    #[serde(with = "humantime_serde")]
    pub dial_timeout: Duration,
    /// A connection on which no protocol has a stream is closed after this time. Default `"1m"`.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// Time between pings. Default `"15s"`.
    #[serde(with = "humantime_serde")]
    pub ping_interval: Duration,
    /// Limits on connections.
    pub connections: Connections,
    /// Redialling of `peers`.
    pub redial: Redial,
    /// How long a publish waits for a first peer on its topic. Default `"5s"`.
    #[serde(with = "humantime_serde")]
    pub publish_wait: Duration,
    /// Publishes that may wait for a first peer at the same time; one more is answered at once. Default 256.
    pub publish_waiting: usize,
    /// Without any peer for longer than this, the agent has been partitioned: with the first peer that comes then (and at the start) each network's
    /// `sequence-window` begins its `grace`. Default `"30s"`.
    #[serde(with = "humantime_serde")]
    pub partition_after: Duration,
    /// Connections over QUIC.
    pub quic: Quic,
    /// The router's own settings.
    pub mesh: Mesh,
    /// Peer scoring.
    pub score: Score,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: vec!["/ip4/0.0.0.0/tcp/4001".into()],
            identity: "identity.key".into(),
            peers: Vec::new(),
            allow: None,
            user_agent: concat!("pmq/", env!("CARGO_PKG_VERSION")).into(),
            dial_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            ping_interval: Duration::from_secs(15),
            connections: Connections::default(),
            redial: Redial::default(),
            publish_wait: Duration::from_secs(5),
            publish_waiting: 256,
            partition_after: Duration::from_secs(30),
            quic: Quic::default(),
            mesh: Mesh::default(),
            score: Score::default(),
        }
    }
}

/// Limits on connections. They are checked before the router hears of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connections {
    /// Established in all. Default 256.
    pub total: u32,
    /// Established that others opened. Default 192, so that some room is left for those that we choose (promises 5.1).
    pub incoming: u32,
    /// Established that we opened. Default 128.
    pub outgoing: u32,
    /// Others' handshakes under way. Default 64.
    pub pending_incoming: u32,
    /// Our dials under way. Default 32.
    pub pending_outgoing: u32,
    /// To the same peer. Default 2: when two peers dial each other at once, both connections stay.
    pub per_peer: u32,
    /// Peers that are remembered after their last connection closed, for their handle and their history; at least 1. Default 1024.
    pub remembered: usize,
}

impl Default for Connections {
    fn default() -> Self {
        Self { total: 256, incoming: 192, outgoing: 128, pending_incoming: 64, pending_outgoing: 32, per_peer: 2, remembered: 1024 }
    }
}

/// Redialling of static peers: the wait doubles from `min` to `max`, and half of it is random.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Redial {
    /// Wait before the first attempt anew. Default `"500ms"`.
    #[serde(with = "humantime_serde")]
    pub min: Duration,
    /// Longest wait. Default `"30s"`.
    #[serde(with = "humantime_serde")]
    pub max: Duration,
}

impl Default for Redial {
    fn default() -> Self {
        Self { min: Duration::from_millis(500), max: Duration::from_secs(30) }
    }
}

/// An error about one value.
pub(crate) fn wrong(key: &'static str, value: impl std::fmt::Debug, help: impl Into<Cow<'static, str>>) -> InvalidSetting {
    InvalidSetting::range(key, format!("{value:?}"), help)
}

/// `Err` unless `holds`.
pub(crate) fn ensure(
    holds: bool,
    key: &'static str,
    value: impl std::fmt::Debug,
    help: impl Into<Cow<'static, str>>,
) -> Result<(), InvalidSetting> {
    if holds { Ok(()) } else { Err(wrong(key, value, help)) }
}

impl Settings {
    /// Checks every value.
    ///
    /// # Errors
    /// [`InvalidSetting`] for the first value that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        fn each<T>(texts: &[String], read: impl Fn(&str) -> Result<T, InvalidSetting>) -> Result<(), InvalidSetting> {
            texts.iter().enumerate().try_for_each(|(index, text)| read(text).map(drop).map_err(|wrong| wrong.item(index)))
        }
        each(&self.listen, listen_address)?;
        each(&self.peers, target)?;
        each(self.allow.as_deref().unwrap_or_default(), |text| peer_id("allow", text))?;
        setting::durations([
            ("dial_timeout", self.dial_timeout),
            ("idle_timeout", self.idle_timeout),
            ("ping_interval", self.ping_interval),
            ("redial.min", self.redial.min),
            ("redial.max", self.redial.max),
            ("publish_wait", self.publish_wait),
            ("partition_after", self.partition_after),
        ])?;
        setting::at_most([
            ("publish_waiting", self.publish_waiting as u64, 1_000_000),
            ("connections.remembered", self.connections.remembered as u64, 1_000_000),
        ])?;
        // identify's messages have 4 KiB in all, and what exceeds them is refused by every neighbour.
        ensure(self.user_agent.len() <= 256, "user_agent", &self.user_agent, "take at most 256 bytes")?;
        let c = &self.connections;
        ensure(c.total > 0, "connections.total", c.total, "must be at least 1")?;
        ensure(c.per_peer > 0, "connections.per_peer", c.per_peer, "must be at least 1")?;
        ensure(c.remembered > 0, "connections.remembered", c.remembered, "must be at least 1")?;
        ensure(c.pending_incoming > 0, "connections.pending_incoming", c.pending_incoming, "must be at least 1")?;
        ensure(c.pending_outgoing > 0, "connections.pending_outgoing", c.pending_outgoing, "must be at least 1")?;
        ensure(!self.redial.min.is_zero(), "redial.min", self.redial.min, "must be above 0s, or a lost peer is dialled in a busy loop")?;
        ensure(
            self.redial.min <= self.redial.max,
            "redial.max",
            self.redial.max,
            format!("must not be below redial.min = {:?}", self.redial.min),
        )?;
        ensure(!self.dial_timeout.is_zero(), "dial_timeout", self.dial_timeout, "must be above 0s")?;
        ensure(!self.ping_interval.is_zero(), "ping_interval", self.ping_interval, "must be above 0s")?;
        self.quic.check()?;
        self.mesh.check()?;
        self.score.check()
    }

    /// The sockets that `listen` names, each with its place in that list. Addresses that [`check`](Self::check) refuses are left out.
    pub fn sockets(&self) -> impl Iterator<Item = (usize, Transport, SocketAddr)> {
        let parsed = self.listen.iter().enumerate().filter_map(|(index, text)| Some((index, text.parse().ok()?)));
        parsed.filter_map(|(index, address)| socket(&address).map(|(transport, socket)| (index, transport, socket)))
    }

    /// Connections over QUIC at most: all, if others may open them; else one to each such address.
    #[must_use]
    pub fn quic_connections(&self) -> u64 {
        let total = self.connections.total;
        let over_quic = |addresses: &[String]| addresses.iter().filter(|text| is_quic(text)).count();
        if over_quic(&self.listen) > 0 {
            total.into()
        } else {
            u64::from(total.min(self.connections.outgoing)).min(over_quic(&self.peers) as u64)
        }
    }
}

#[cfg(test)]
mod tests;
