//! One contender: a transport, a stack of stages, a size, and what the parent does.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::parent::Parent;
use super::source::{Loaded, Round, Source};
use crate::bench::rig::{EMPTY, FULL, Rig, Work};
use crate::transports::{Address, Listener};
use crate::wire::Limits;

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
    pub(super) async fn throughput(&self, place: &Place, time: Duration) -> anyhow::Result<Round> {
        let (mut source, mut parent) = self.start(place).await?;
        source.closed(&mut parent, time.mul_f64(WARM_UP)).await?;
        let round = source.closed(&mut parent, time).await.with_context(|| self.words())?;
        source.end().await?;
        parent.end().await?;
        Ok(round)
    }

    /// At each of these rates.
    pub(super) async fn loaded<const N: usize>(&self, place: &Place, time: Duration, rates: [f64; N]) -> anyhow::Result<Vec<Loaded>> {
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

    async fn start(&self, place: &Place) -> anyhow::Result<(Source, Parent)> {
        let address = place.address(self.attach);
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

/// A directory of this run's own, for sockets. Gone when this is dropped.
pub(crate) struct Place(PathBuf);

impl Place {
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("pmq-bench-agent-{}-{:08x}", std::process::id(), rand::random::<u32>()));
        fs::DirBuilder::new().mode(0o700).create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    fn address(&self, attach: Attach) -> Address {
        match attach {
            Attach::Unix => Address::Unix(self.0.join("unix.sock")),
            Attach::Zeromq => Address::ZmqIpc(self.0.join("zmq.ipc")),
            Attach::Memory => Address::Memory(self.0.to_string_lossy().into()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a directory stays behind");
        }
    }
}
