//! `pmq bench`: what the agent costs, measured beside what it is compared with.
//!
//! ```text
//!   line     A -> B -> C over real sockets, a process a node: raw gossipsub | agents with a parent process each
//!   agent    the whole agent without an overlay: a source of arrivals in memory -> roads, sessions -> a parent process
//!   attach   one link alone: offers and verdicts between the agent's sessions and the client, over each transport
//!   memory   what an agent takes idle, and under load beside what `config check` predicts
//! ```
//!
//! # Invariants
//! - What is compared is interleaved within one run; the figure is the median of the rounds' ratios, with its spread.
//! - Latency of `line` and `agent`, and the idle round trip of `attach`, is measured in an open loop: from the moment at which a message was due, on the machine's
//!   monotonic clock, which every process shares. A sender that is late delays nothing but itself, and what it was late by is counted (no coordinated omission).
//!   `attach` under load is a closed loop: its round trips are those of a full window.
//! - What was lost counts as later than everything that came.
//! - The first part of every measurement is a warm-up and is not recorded.
//! - p50 and p99 are medians of the rounds; p99.9 is that of all rounds together, since one alone may not have so many messages.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

mod agent;
mod attach;
mod dir;
mod line;
mod machine;
mod memory;
mod pace;
mod process;
mod report;
pub mod rig;
mod rounds;
mod stats;

pub(crate) use dir::{WorkDir, private};
pub(crate) use machine::Machine;
pub(crate) use pace::{Nanos, Pace, Pattern, now};
pub(crate) use process::{command, cpu_time};
pub(crate) use rounds::{Common, Progress};
pub(crate) use stats::{Latency, NEVER, Percentiles, Spread};

/// What to measure.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// A line of nodes over real sockets: raw gossipsub beside agents with parents
    Line(line::Args),
    /// One link between agent and parent, over each transport
    Attach(attach::Args),
    /// The whole agent without an overlay, with a parent process
    Agent(agent::Args),
    /// Memory, idle and under load, beside what `config check` predicts
    Memory(memory::Args),
}

/// One of the processes that a benchmark starts: its kind and its setup as JSON.
#[derive(Debug, clap::Args)]
pub struct NodeArgs {
    kind: String,
    setup: String,
}

/// The run was cut short by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted; all processes have ended")]
pub struct Interrupted;

/// Measures, and answers the result in words or as one JSON object. Progress goes to stderr, if that is a terminal.
///
/// # Errors
/// When a process cannot be started or ends early, a file cannot be written, or the run was [`Interrupted`].
pub async fn run(command: &Command, json: bool) -> anyhow::Result<String> {
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be handled")?;
    let measured = async {
        match command {
            Command::Line(args) => line::run(args, json).await,
            Command::Attach(args) => attach::run(args, json).await,
            Command::Agent(args) => agent::run(args, json).await,
            Command::Memory(args) => memory::run(args, json).await,
        }
    };
    tokio::select! {
        // Its processes end, and its directories go, with what is dropped here.
        measured = measured => measured,
        _ = tokio::signal::ctrl_c() => Err(Interrupted.into()),
        _ = terminate.recv() => Err(Interrupted.into()),
    }
}

/// Is one of the processes that [`run`] starts. Ends when its standard input does.
///
/// # Errors
/// When it cannot do its part.
pub async fn node(args: &NodeArgs) -> anyhow::Result<()> {
    match args.kind.as_str() {
        kind if kind.starts_with("line-") => line::node(kind, &args.setup).await,
        agent::KIND => agent::parent(&args.setup).await,
        attach::NODE => attach::node(&args.setup).await,
        kind => anyhow::bail!("there is no bench node {kind:?} ({})", args.setup),
    }
}

#[cfg(test)]
mod tests;
