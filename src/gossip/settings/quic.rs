//! QUIC's own settings. They hold for every connection over QUIC, whoever opened it; TCP has no part in them.

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use super::{InvalidSetting, ensure};

/// Timers and windows of connections over QUIC (RFC 9000). A handshake has `dial_timeout`, as over TCP, or `max_idle_timeout` if that is shorter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quic {
    /// A peer from which nothing has come for this time is gone: there is no other sign of one that died without a word. The shorter of both ends' values counts.
    /// Default `"10s"`.
    #[serde(with = "humantime_serde")]
    pub max_idle_timeout: Duration,
    /// Something is sent after this much silence, so that a quiet connection is not taken for a dead one. At most half of `max_idle_timeout`. Pings do not stand in for
    /// it: `ping_interval` is longer than `max_idle_timeout`. Default: not set, a third of `max_idle_timeout`.
    #[serde(with = "humantime_serde")]
    pub keep_alive_interval: Option<Duration>,
    /// Streams that a peer may have open; one more waits. A peer in order needs a handful. Default 64.
    pub max_concurrent_streams: u32,
    /// Bytes that a peer may send on one stream ahead of what was read. All messages of a peer share a stream, so its rate is bounded by this, over the round trip:
    /// 2 MiB are 20 MB/s at 100 ms. Default `"2MiB"`.
    pub max_stream_data: ByteSize,
    /// The same for all streams of a connection together: what one peer may make this agent hold. More than `max_stream_data` leaves room for pings beside a full stream.
    /// Default `"3MiB"`.
    pub max_connection_data: ByteSize,
}

impl Default for Quic {
    fn default() -> Self {
        Self {
            max_idle_timeout: Duration::from_secs(10),
            keep_alive_interval: None,
            max_concurrent_streams: 64,
            max_stream_data: ByteSize::mib(2),
            max_connection_data: ByteSize::mib(3),
        }
    }
}

impl Quic {
    /// What the QUIC library holds of one connection's outgoing data until the peer has acknowledged it. It is quinn's default (eight windows of 100 Mbit/s at
    /// 100 ms), which libp2p does not let anybody set.
    pub const SEND_WINDOW: ByteSize = ByteSize::b(10_000_000);

    /// Checks every value.
    ///
    /// # Errors
    /// [`InvalidSetting`] for the first value that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let (idle, alive) = (self.max_idle_timeout, self.keep_alive());
        ensure(
            (Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&idle),
            "quic.max_idle_timeout",
            idle,
            "must be from 100ms to 1h, or a peer that died is never noticed",
        )?;
        ensure(
            alive >= Duration::from_millis(10) && alive <= idle / 2,
            "quic.keep_alive_interval",
            alive,
            format!("must be from 10ms to half of quic.max_idle_timeout = {idle:?}, or quiet connections end"),
        )?;
        ensure(
            (8..=4096).contains(&self.max_concurrent_streams),
            "quic.max_concurrent_streams",
            self.max_concurrent_streams,
            "must be from 8 to 4096: every protocol has a stream in each direction, and some a second one for a moment",
        )?;
        ensure(
            self.max_stream_data >= ByteSize::kib(64),
            "quic.max_stream_data",
            self.max_stream_data,
            "must be at least 64KiB, or every message waits for round trips",
        )?;
        ensure(
            self.max_connection_data >= self.max_stream_data,
            "quic.max_connection_data",
            self.max_connection_data,
            format!("must not be below quic.max_stream_data = {}", self.max_stream_data),
        )?;
        ensure(
            self.max_connection_data < ByteSize::gib(4),
            "quic.max_connection_data",
            self.max_connection_data,
            "must be below 4GiB; every connection may cost it",
        )
    }

    /// After how much silence something is sent.
    #[must_use]
    pub fn keep_alive(&self) -> Duration {
        self.keep_alive_interval.unwrap_or(self.max_idle_timeout / 3)
    }

    /// What `connections` connections may hold at most, in bytes: what came and was not read, and what went and was not acknowledged.
    #[must_use]
    pub fn memory(&self, connections: u64) -> u64 {
        connections.saturating_mul(self.max_connection_data.as_u64().saturating_add(Self::SEND_WINDOW.as_u64()))
    }
}
