//! What is measured: who, with what size, and how much on its way.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::bench::Latency;
use crate::transports::Address;
use crate::wire::Window;

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
    /// This process.
    Memory,
}

impl Transport {
    /// A place of its own for one measurement: the number makes it so.
    pub(super) fn address(self, dir: &Path, number: usize) -> Address {
        match self {
            Self::Unix => Address::Unix(dir.join(format!("{number}.sock"))),
            Self::Zeromq => Address::ZmqIpc(dir.join(format!("{number}.zmq"))),
            Self::Memory => Address::Memory(format!("bench-attach-{}-{number}", std::process::id()).into()),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Zeromq => "zeromq",
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

    pub(super) fn is_attach(self) -> bool {
        matches!(self, Self::Attach(_))
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
        let size = crate::bench::report::size(*size as u64);
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
