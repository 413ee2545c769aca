//! What is asked for.

use std::fmt;
use std::time::Duration;

use super::message::SMALLEST;
use crate::Common;
use crate::rounds::between;
use pmq_gossip::Verdicts;

/// Arguments of `pmq bench line`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Bytes of a message without its header; repeatable. Default: 256, 1024, 4096, 65536; with --quick 1024
    #[arg(long = "size", value_name = "BYTES", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(SMALLEST as i64..=1_048_576))]
    pub(crate) sizes: Vec<u32>,
    /// The overlay's transport; repeatable. Default: both
    #[arg(long = "transport", value_delimiter = ',', value_enum)]
    pub(crate) transports: Vec<Overlay>,
    /// How parents are attached; repeatable. Default: both
    #[arg(long = "attach", value_delimiter = ',', value_enum)]
    pub(crate) attach: Vec<Attach>,
    /// Which nodes are agents with a parent. With `b` the ends are raw nodes, which shows what the verdict at B costs
    #[arg(long, value_enum, default_value_t)]
    pub(crate) agents: Agents,
    /// How long messages are sent in one step. Default: 1, with --quick 0.3
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) seconds: Option<f64>,
    /// Messages a second at which the first ramp begins
    #[arg(long, value_name = "RATE", default_value_t = 4_000.0, value_parser = rate)]
    pub(crate) from: f64,
    /// No rate above this one is tried
    #[arg(long, value_name = "RATE", default_value_t = 1_000_000.0, value_parser = rate)]
    pub(crate) up_to: f64,
    /// Measures latency at this many messages a second as well, the same for all
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) at: Option<f64>,
    /// Messages that a parent may have in its hands
    #[arg(long, value_name = "MESSAGES", default_value_t = 1_024)]
    pub(crate) window: u32,
    /// A setting of every node, as `pmq run --set` takes it; repeatable
    #[arg(long = "node-set", value_name = "KEY=VALUE")]
    pub(crate) node_set: Vec<String>,
    /// Raw nodes forward when the verdict is reported, which they do at once, instead of without one
    #[arg(long)]
    pub(crate) raw_reports: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    between(text, 0.05..=60.0)
}

fn rate(text: &str) -> Result<f64, String> {
    between(text, 1.0..=10_000_000.0)
}

/// Transport of the overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Overlay {
    /// TCP with noise and yamux.
    Tcp,
    /// QUIC.
    Quic,
}

/// How a parent reaches its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Attach {
    /// A Unix socket.
    Unix,
    /// ZeroMQ over ipc.
    Zeromq,
}

/// Which nodes are agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Agents {
    /// All three.
    #[default]
    All,
    /// The one in the middle.
    B,
}

impl fmt::Display for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Tcp { "tcp" } else { "quic" })
    }
}

impl fmt::Display for Attach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Unix { "unix" } else { "zeromq" })
    }
}

impl Args {
    /// Sizes in bytes, in the order in which they are measured.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let default: &[u32] = if self.common.quick { &[1_024] } else { &[256, 1_024, 4_096, 65_536] };
        let sizes = if self.sizes.is_empty() { default } else { &self.sizes };
        sizes.iter().map(|size| *size as usize).collect()
    }

    /// Transports.
    pub(crate) fn transports(&self) -> Vec<Overlay> {
        if self.transports.is_empty() { vec![Overlay::Tcp, Overlay::Quic] } else { self.transports.clone() }
    }

    /// Ways to attach.
    pub(crate) fn attach(&self) -> Vec<Attach> {
        if self.attach.is_empty() { vec![Attach::Unix, Attach::Zeromq] } else { self.attach.clone() }
    }

    /// How long one step sends.
    pub(crate) fn step(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.unwrap_or(if self.common.quick { 0.3 } else { 1.0 }))
    }

    /// How raw nodes come to forward.
    pub(crate) fn verdicts(&self) -> Verdicts {
        if self.raw_reports { Verdicts::Reported } else { Verdicts::None }
    }
}
