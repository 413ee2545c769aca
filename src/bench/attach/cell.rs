//! What is measured: who, with what size, and how much on its way.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::Latency;
use pmq_agent::settings::Grant;
use pmq_protocol::wire::{Limits, Window};
use pmq_transports::quic::Identity;
use pmq_transports::{Address, Listener};

/// Links a second that are let in.
const ACCEPT_RATE: u32 = 1_000;

/// The most that is on its way by bytes, as in an agent's defaults: 1,024 messages of 1 MiB are 64 at a time.
pub(super) const WINDOW_BYTES: u64 = 64 << 20;

/// What can carry frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Transport {
    /// A Unix socket.
    Unix,
    /// ZeroMQ over `ipc://`.
    Zeromq,
    /// QUIC on loopback.
    Quic,
    /// gRPC over a Unix socket.
    Grpc,
    /// This process.
    Memory,
}

/// A place where a parent finds an agent, for one measurement.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) listener: Listener,
    /// The file with the parent's key, where it has to show one.
    pub(super) key: Option<PathBuf>,
    /// Whom the agent lets in beside its own user.
    pub(super) grants: Vec<Grant>,
}

impl Transport {
    /// Listens at a place of its own for one measurement: the number makes it so.
    ///
    /// # Errors
    /// When it cannot.
    pub(super) async fn open(self, dir: &Path, number: usize) -> anyhow::Result<Door> {
        let address = match self {
            Self::Unix => Address::Unix(dir.join(format!("{number}.sock"))),
            Self::Zeromq => Address::ZmqIpc(dir.join(format!("{number}.zmq"))),
            Self::Grpc => Address::GrpcUnix(dir.join(format!("{number}.grpc"))),
            Self::Memory => Address::Memory(format!("bench-attach-{}-{number}", std::process::id()).into()),
            Self::Quic => {
                let key = dir.join(format!("{number}.key"));
                let peer = pmq_gossip::Identity::generate(&key)?.peer_id();
                let here = (Ipv4Addr::LOCALHOST, 0).into();
                let listener = Listener::bind_quic(here, ACCEPT_RATE, &Identity::generate(), [peer.clone()], Limits::default())?;
                return Ok(Door { listener, key: Some(key), grants: vec![Grant { peer: Some(peer), ..Grant::default() }] });
            }
        };
        Ok(Door { listener: Listener::bind(&address, ACCEPT_RATE, Limits::default()).await?, key: None, grants: Vec::new() })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Zeromq => "zeromq",
            Self::Quic => "quic",
            Self::Grpc => "grpc",
            Self::Memory => "memory",
        }
    }
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    /// An agent's sessions, and a parent on the client.
    Attach(Transport),
    /// Frames alone.
    Link(Transport),
    /// A bare Unix socket with the same bytes.
    Raw,
}

impl Contender {
    /// Its name beside its kind.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Attach(transport) | Self::Link(transport) => transport.name(),
            Self::Raw => "raw",
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attach(transport) => f.write_str(transport.name()),
            Self::Link(transport) => write!(f, "{} link", transport.name()),
            Self::Raw => f.write_str("raw socket"),
        }
    }
}

/// When the next message is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drive {
    /// As soon as there is credit.
    Closed,
    /// 200 a second, at irregular times.
    Idle,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) contender: Contender,
    /// Bytes of a message.
    pub(super) size: usize,
    /// Credit by count.
    pub(super) in_flight: u32,
    pub(super) drive: Drive,
    pub(super) warm: Duration,
    pub(super) measured: Duration,
}

impl Cell {
    /// The parent's credit.
    pub(super) fn window(&self) -> Window {
        Window { messages: self.in_flight, bytes: (u64::from(self.in_flight) * self.size as u64).min(WINDOW_BYTES) }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { contender, size, in_flight, drive, .. } = self;
        let size = crate::report::size(*size as u64);
        match drive {
            Drive::Closed => write!(f, "{contender}, {size}, {in_flight} in flight"),
            Drive::Idle => write!(f, "{contender}, {size}, idle"),
        }
    }
}

/// What one measurement gave.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    pub(super) verdicts_per_s: f64,
    /// Microseconds of CPU for a verdict: the agent's process, and the parent's if it has one of its own.
    pub(super) cpu_us: Vec<f64>,
    pub(super) latency: Latency,
}
