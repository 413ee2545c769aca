//! The router's own settings. The defaults of libp2p-gossipsub that bite are named beside ours where the router is configured (`stock/config.rs`).

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use super::{InvalidSetting, ensure};
use pmq_protocol::setting;

/// What a message may exceed the largest payload by on the wire: its own framing and topic, and up to 8 KiB of the frame that follows, which the
/// receiver counts along.
pub(crate) const TRANSMIT_MARGIN: u64 = 16 * 1024;

/// Most heartbeats of history: the router has a list for each of them from its start on.
const MAX_HISTORY: usize = 65_536;

/// Mesh, caches and queues of the router.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mesh {
    /// Time between two rounds of upkeep. Default `"1s"`.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// Peers that a topic's mesh aims at (D). Default 6.
    pub n: usize,
    /// Fewer make the mesh look for more (D_low). Default 4.
    pub n_low: usize,
    /// More make the mesh let some go (D_high). Default 12.
    pub n_high: usize,
    /// Peers of a mesh that we dialled ourselves, at least (D_out). At most half of `n`. Default 2.
    pub outbound_min: usize,
    /// Peers outside the mesh that hear of new messages at each heartbeat, at least (D_lazy). Default 6.
    pub gossip_lazy: usize,
    /// Share of the peers outside the mesh that hear of new messages, where that is more than `gossip_lazy`. Default 0.25.
    pub gossip_factor: f64,
    /// Own messages go to every peer on the topic, not just to its mesh. Default true.
    pub flood_publish: bool,
    /// How long peers of a topic that we publish on without a subscription are remembered. Default `"1m"`.
    #[serde(with = "humantime_serde")]
    pub fanout_ttl: Duration,
    /// Heartbeats of which messages are announced to peers outside the mesh. Default: not set, the longest verdict deadline in heartbeats, and 3 more.
    pub history_gossip: Option<usize>,
    /// Heartbeats for which a message is kept. Default: not set, `history_gossip` and 1 more.
    pub history_length: Option<usize>,
    /// How long a message's id is remembered, so that it is taken only once. Default `"2m"`.
    #[serde(with = "humantime_serde")]
    pub duplicate_cache_time: Duration,
    /// Largest frame on the wire. Default: not set, the largest `max_message` of the networks and 16 KiB.
    pub max_transmit_size: Option<ByteSize>,
    /// Control messages of one frame, in bytes. Default `"256KiB"`; peers written in Go send up to 1 MiB.
    pub max_control_size: ByteSize,
    /// Messages waiting to be sent to one peer; beyond that new ones are dropped for it. Default: not set, as many of the largest `max_message` as fit `send_queue`,
    /// within 512 and 32768: half a second of the highest rates, in which a router or a neighbour may stall.
    pub send_queue_messages: Option<usize>,
    /// See `send_queue_messages`. Default `"64MiB"`.
    pub send_queue: ByteSize,
    /// Topics to which one peer may subscribe, also within one frame; a frame that exceeds it has no effect. Default 1024.
    pub topics_per_peer: usize,
}

impl Default for Mesh {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(1),
            n: 6,
            n_low: 4,
            n_high: 12,
            outbound_min: 2,
            gossip_lazy: 6,
            gossip_factor: 0.25,
            flood_publish: true,
            fanout_ttl: Duration::from_secs(60),
            history_gossip: None,
            history_length: None,
            duplicate_cache_time: Duration::from_secs(120),
            max_transmit_size: None,
            max_control_size: ByteSize::kib(256),
            send_queue_messages: None,
            send_queue: ByteSize::mib(64),
            topics_per_peer: 1024,
        }
    }
}

/// What the router's caches cost at a given rate, in bytes. An estimate: allocator overhead is guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The message cache: a copy of every payload for as long as it is kept.
    pub messages: u64,
    /// The duplicate cache: every id for as long as it is remembered.
    pub ids: u64,
    /// How many ids that is.
    pub id_count: u64,
}

/// A duplicate-cache entry: the id twice (table and queue), each a vector with a heap block of 32 bytes, two instants, and the slack of a table that doubles (two
/// thirds full on the average).
const ID_OVERHEAD: u64 = 190;
/// A message-cache entry without its payload: 281 bytes of message, id and set in a table that is two thirds full, id and topic in the history, and the heap blocks of
/// both, twice.
const MESSAGE_OVERHEAD: u64 = 640;
/// A message in a peer's queue without its payload: the message, its id and topic, and a timer of its own.
pub const QUEUE_OVERHEAD: u64 = 512;

impl Mesh {
    /// Checks every value.
    ///
    /// # Errors
    /// [`InvalidSetting`] for the first value that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        setting::durations([
            ("mesh.heartbeat", self.heartbeat),
            ("mesh.fanout_ttl", self.fanout_ttl),
            ("mesh.duplicate_cache_time", self.duplicate_cache_time),
        ])?;
        setting::at_most([
            ("mesh.n_high", self.n_high as u64, 65_536),
            ("mesh.gossip_lazy", self.gossip_lazy as u64, 65_536),
            ("mesh.history_length", self.history_length.unwrap_or_default() as u64, MAX_HISTORY as u64),
            ("mesh.history_gossip", self.history_gossip.unwrap_or_default() as u64, MAX_HISTORY as u64 - 1),
            // The library's framing counts in 32 bits.
            ("mesh.max_transmit_size", self.max_transmit_size.unwrap_or_default().as_u64(), u32::MAX.into()),
            ("mesh.max_control_size", self.max_control_size.as_u64(), u32::MAX.into()),
            ("mesh.send_queue_messages", self.send_queue_messages.unwrap_or_default() as u64, 1_000_000),
            ("mesh.send_queue", self.send_queue.as_u64(), setting::MAX_SIZE),
            ("mesh.topics_per_peer", self.topics_per_peer as u64, 1_000_000),
        ])?;
        ensure(self.heartbeat >= Duration::from_millis(10), "mesh.heartbeat", self.heartbeat, "must be at least 10ms; 1s is usual")?;
        ensure(self.n_low <= self.n, "mesh.n_low", self.n_low, format!("must not exceed mesh.n = {}", self.n))?;
        ensure(self.n <= self.n_high, "mesh.n_high", self.n_high, format!("must not be below mesh.n = {}", self.n))?;
        ensure(
            self.outbound_min <= self.n_low && self.outbound_min * 2 <= self.n,
            "mesh.outbound_min",
            self.outbound_min,
            format!("must not exceed mesh.n_low = {} nor half of mesh.n = {}", self.n_low, self.n),
        )?;
        ensure((0.0..=1.0).contains(&self.gossip_factor), "mesh.gossip_factor", self.gossip_factor, "must be between 0 and 1")?;
        if let Some(length) = self.history_length {
            ensure(
                length >= 2,
                "mesh.history_length",
                length,
                "must be at least 2: a message is kept between one heartbeat less and this many",
            )?;
            let gossip = self.history_gossip.unwrap_or(length - 1);
            ensure(gossip <= length, "mesh.history_gossip", gossip, format!("must not exceed mesh.history_length = {length}"))?;
        }
        ensure(!self.duplicate_cache_time.is_zero(), "mesh.duplicate_cache_time", self.duplicate_cache_time, "must be above 0s")?;
        ensure(self.topics_per_peer > 0, "mesh.topics_per_peer", self.topics_per_peer, "must be at least 1")?;
        ensure(self.send_queue_messages != Some(0), "mesh.send_queue_messages", 0, "must be at least 1")
    }

    /// Heartbeats of which messages are announced, and for which they are kept, for verdicts of up to `deadline`.
    #[must_use]
    pub fn history(&self, deadline: Duration) -> (usize, usize) {
        // Announced are only validated messages of the first `gossip` heartbeats since *arrival*: 3 heartbeats remain after the slowest verdict.
        let slowest = deadline.as_nanos().div_ceil(self.heartbeat.as_nanos().max(1));
        let computed = usize::try_from(slowest).unwrap_or(usize::MAX).saturating_add(3);
        match (self.history_gossip, self.history_length) {
            (Some(gossip), Some(length)) => (gossip, length),
            (None, Some(length)) => (computed.min(length.saturating_sub(1)), length),
            (Some(gossip), None) => (gossip, gossip.max(computed).saturating_add(1)),
            (None, None) => (computed, computed.saturating_add(1)),
        }
    }

    /// Checks that a verdict at `deadline` still finds its message in the router's cache. A message leaves it on the `history_length`-th heartbeat after its
    /// arrival, so after `(history_length - 1) * heartbeat` at the earliest.
    ///
    /// # Errors
    /// [`InvalidSetting`] when it does not.
    pub fn fits(&self, deadline: Duration) -> Result<(), InvalidSetting> {
        let (_, history_length) = self.history(deadline);
        if history_length > MAX_HISTORY {
            let what =
                format!("{history_length} heartbeats of mesh.heartbeat = {:?} are kept for it, of {MAX_HISTORY} at most", self.heartbeat);
            return Err(
                InvalidSetting::new("deadline", what, "set a shorter deadline, or a longer mesh.heartbeat").value(format!("{deadline:?}"))
            );
        }
        let kept = self.heartbeat.saturating_mul(u32::try_from(history_length.saturating_sub(1)).unwrap_or(u32::MAX));
        if deadline < kept {
            return Ok(());
        }
        let what = format!(
            "it does not fit the message cache: with mesh.history_length = {history_length} and mesh.heartbeat = {:?} a message is kept for {kept:?}",
            self.heartbeat
        );
        let help = "set a deadline below that, or leave mesh.history_length unset";
        Err(InvalidSetting::new("deadline", what, help).value(format!("{deadline:?}")))
    }

    /// Checks that a payload of `largest` bytes fits a frame. The receiver compares its whole read buffer with `max_transmit_size`: a frame and up to 8 KiB of the
    /// next one. Too small a value closes streams under load, with only a line in the log.
    ///
    /// # Errors
    /// [`InvalidSetting`] when it does not.
    pub fn carries(&self, largest: u64) -> Result<(), InvalidSetting> {
        let needed = largest.saturating_add(TRANSMIT_MARGIN);
        let size = self.transmit_size(largest);
        if size >= needed {
            return Ok(());
        }
        let what = format!("must be at least {needed}B, the largest max_message of the networks and 16KiB");
        Err(InvalidSetting::new("mesh.max_transmit_size", what, "raise it, or leave it unset").value(ByteSize::b(size)))
    }

    /// Largest frame on the wire when the largest payload has `largest` bytes.
    #[must_use]
    pub fn transmit_size(&self, largest: u64) -> u64 {
        self.max_transmit_size.map_or(largest.saturating_add(TRANSMIT_MARGIN), |size| size.as_u64())
    }

    /// Messages that may wait for one peer, for payloads of up to `largest` bytes.
    #[must_use]
    pub fn send_queue_len(&self, largest: u64) -> usize {
        let fitting = usize::try_from(self.send_queue.as_u64() / largest.saturating_add(QUEUE_OVERHEAD)).unwrap_or(usize::MAX);
        self.send_queue_messages.unwrap_or_else(|| fitting.clamp(512, 32_768))
    }

    /// What the caches cost at `rate` messages a second of `size` bytes, for verdicts of up to `deadline`.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an estimate; a float cast saturates"
    )]
    pub fn memory(&self, rate: f64, size: u64, deadline: Duration) -> Memory {
        let (_, length) = self.history(deadline);
        let kept = (rate * self.heartbeat.as_secs_f64() * length as f64).ceil() as u64;
        let id_count = (rate * self.duplicate_cache_time.as_secs_f64()).ceil() as u64;
        Memory { messages: kept.saturating_mul(size.saturating_add(MESSAGE_OVERHEAD)), ids: id_count.saturating_mul(ID_OVERHEAD), id_count }
    }
}
