//! One contender: a transport, a stack of stages, a size, and what the parent does.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::parent::Parent;
use super::source::{Loaded, Round, Source};
use crate::WorkDir;
use crate::rig::{EMPTY, FULL, Rig, Work};
use pmq_protocol::wire::Limits;
use pmq_transports::{Address, Listener};

/// Over what the parent attaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Attach {
    /// A Unix socket.
    Unix,
    /// ZeroMQ over a Unix socket.
    Zeromq,
    /// Within this process, on the agent's thread.
    Memory,
}

impl Attach {
    /// Where the agent listens, in the run's directory.
    fn address(self, dir: &Path) -> Address {
        match self {
            Self::Unix => Address::Unix(dir.join("unix.sock")),
            Self::Zeromq => Address::ZmqIpc(dir.join("zmq.ipc")),
            Self::Memory => Address::Memory(dir.to_string_lossy().into()),
        }
    }
}

/// Which stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stack {
    /// Nothing in front of the queue.
    Empty,
    /// All of them.
    Full,
}

/// A contender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Cell {
    pub(crate) attach: Attach,
    pub(crate) stack: Stack,
    /// Payload bytes.
    pub(crate) size: usize,
    pub(crate) work: Work,
}

impl Cell {
    fn key(&self) -> (usize, Attach, Stack, bool) {
        (self.size, self.attach, self.stack, self.work == Work::Consume)
    }
}

impl Ord for Cell {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Part of a measurement's time that is run before it and not recorded.
const WARM_UP: f64 = 0.2;
/// Most messages between hand-over and report.
const IN_FLIGHT: u64 = 4_096;
/// Most bytes between hand-over and report: half of what the validation queue holds by default.
const BYTES: u64 = 32 << 20;

impl Cell {
    /// What a line about it begins with.
    pub(crate) fn words(&self) -> String {
        let Self { attach, stack, size, work } = self;
        format!("{attach:?} {stack:?} {size} B {work:?}").to_lowercase()
    }

    /// Messages between hand-over and report in a closed loop.
    pub(crate) fn in_flight(&self) -> u64 {
        IN_FLIGHT.min(BYTES / self.size as u64).max(1)
    }

    /// As many as come through.
    pub(super) async fn throughput(&self, place: &WorkDir, time: Duration) -> anyhow::Result<Round> {
        let (mut source, mut parent) = self.start(place).await?;
        source.closed(&mut parent, time.mul_f64(WARM_UP)).await?;
        let round = source.closed(&mut parent, time).await.with_context(|| self.words())?;
        source.end().await?;
        parent.end().await?;
        Ok(round)
    }

    /// At each of these rates.
    pub(super) async fn loaded<const N: usize>(&self, place: &WorkDir, time: Duration, rates: [f64; N]) -> anyhow::Result<Vec<Loaded>> {
        let (mut source, mut parent) = self.start(place).await?;
        source.closed(&mut parent, time.mul_f64(WARM_UP)).await?;
        let mut loaded = Vec::with_capacity(N);
        for rate in rates {
            loaded.push(source.open(&mut parent, rate, time.mul_f64(WARM_UP), time).await.with_context(|| self.words())?);
        }
        source.end().await?;
        parent.end().await?;
        Ok(loaded)
    }

    async fn start(&self, place: &WorkDir) -> anyhow::Result<(Source, Parent)> {
        let address = self.attach.address(place.path());
        let listener = Listener::bind(&address, 1_000, Limits::default()).await?;
        let stages = match self.stack {
            Stack::Empty => EMPTY,
            Stack::Full => FULL,
        };
        let rig = Rig::start(stages, vec![listener]).await?;
        let url = address.to_string();
        let parent =
            if self.attach == Attach::Memory { Parent::here(&url, self.work).await? } else { Parent::start(url, self.work).await? };
        Ok((Source::new(rig, self.size, self.in_flight()), parent))
    }
}
