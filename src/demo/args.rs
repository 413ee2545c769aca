//! What `pmq demo` may be told.

use std::path::PathBuf;

use super::oracle::{Ages, Network};
use pmq_gossip::Transport;

/// How the demo's parents reach their agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum AttachBy {
    /// A Unix socket each.
    #[default]
    Unix,
    /// ZeroMQ over a Unix socket each.
    Zeromq,
    /// QUIC on loopback, every parent known by a key of its own.
    Quic,
    /// gRPC on loopback with a token.
    Grpc,
    /// By turns a Unix socket, ZeroMQ over one, ZeroMQ over TCP with a token, QUIC, and gRPC.
    Mixed,
}

/// How one parent reaches its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    Unix,
    ZmqIpc,
    ZmqTcp,
    Quic,
    Grpc,
}

impl AttachBy {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Zeromq => "zeromq",
            Self::Quic => "quic",
            Self::Grpc => "grpc",
            Self::Mixed => "mixed",
        }
    }

    /// What the node at that place in the topology takes.
    pub(crate) fn via(self, node: usize) -> Via {
        match (self, node % 5) {
            (Self::Unix, _) | (Self::Mixed, 0) => Via::Unix,
            (Self::Zeromq, _) | (Self::Mixed, 1) => Via::ZmqIpc,
            (Self::Mixed, 2) => Via::ZmqTcp,
            (Self::Quic, _) | (Self::Mixed, 3) => Via::Quic,
            (Self::Grpc | Self::Mixed, _) => Via::Grpc,
        }
    }
}

/// What the demo's agents listen on in the overlay. All can dial over both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OverlayBy {
    /// TCP.
    #[default]
    Tcp,
    /// QUIC.
    Quic,
    /// By turns TCP, QUIC, and both.
    Both,
}

impl OverlayBy {
    /// What the node at that place in the topology listens on.
    pub(crate) fn transports(self, node: usize) -> &'static [Transport] {
        match (self, node % 3) {
            (Self::Tcp, _) | (Self::Both, 0) => &[Transport::Tcp],
            (Self::Quic, _) | (Self::Both, 1) => &[Transport::Quic],
            (Self::Both, _) => &[Transport::Tcp, Transport::Quic],
        }
    }
}

/// Whether agents score their peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Scoring {
    /// As in every network that is meant.
    #[default]
    On,
    /// To see what a network without it makes of a dishonest peer.
    Off,
}

/// Arguments of `pmq demo`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How parents reach their agents
    #[arg(long, value_enum, default_value_t)]
    pub attach: AttachBy,
    /// What agents speak among themselves
    #[arg(long, value_enum, default_value_t)]
    pub overlay: OverlayBy,
    /// How long rounds go on, in seconds: at least 16, since two outages of one parent have to fit
    #[arg(long, default_value_t = 35, value_parser = clap::value_parser!(u64).range(16..=3600))]
    pub seconds: u64,
    /// Rounds per second and network
    #[arg(long, default_value_t = 5.0, value_parser = rate)]
    pub rate: f64,
    /// Nodes per network: 3f+1 bear f faults
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(4..=16))]
    pub agents: u8,
    /// How many networks, or which: 1 to 3, or names such as weather,quakes
    #[arg(long, default_value = "3", value_parser = networks)]
    pub networks: Networks,
    /// How many honest parents are in Go, over gRPC alone, as users of p2pmq write them; the Go toolchain is needed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub go_parents: usize,
    /// Where the source of those is
    #[arg(long, value_name = "DIR", default_value = "interop/go")]
    pub go_source: PathBuf,
    /// A directory with weather.csv, quakes.csv and flights.csv; else those in the program
    #[arg(long, value_name = "DIR")]
    pub input: Option<PathBuf>,
    /// Seed of the nodes' noise and of what the dishonest node does
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Whether agents score their peers: the control
    #[arg(long, value_enum, default_value_t, hide = true)]
    pub scoring: Scoring,
}

/// The networks of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks(pub(crate) Vec<Network>);

fn networks(text: &str) -> Result<Networks, String> {
    let all = || Network::ALL.map(Network::name).join(", ");
    if let Ok(count) = text.parse::<usize>() {
        return match Network::ALL.get(..count) {
            Some(some) if count > 0 => Ok(Networks(some.to_vec())),
            _ => Err(format!("there are 1 to {} networks: {}", Network::ALL.len(), all())),
        };
    }
    let mut chosen = Vec::new();
    for name in text.split(',').map(str::trim) {
        let network = Network::from_name(name).ok_or_else(|| format!("no network {name:?}; there are {}", all()))?;
        if !chosen.contains(&network) {
            chosen.push(network);
        }
    }
    Ok(Networks(chosen))
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.5..=50.0).contains(&rate) => Ok(rate),
        _ => Err("take 0.5 to 50 rounds per second".to_owned()),
    }
}

/// The window's thresholds at that rate.
///
/// Six seconds are more than the verdict deadline and a gossip round together, so that no honest report is ever too old to be welcome;
/// twelve leave as much again before age is held against anybody.
pub(crate) fn ages(rate: f64) -> Ages {
    // The rate is at most 50.
    let rounds = |seconds: f64| (rate * seconds).ceil() as u64;
    Ages { skip: rounds(6.0) + 2, validity: rounds(12.0) + 8, slack: rounds(1.0) + 1 }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
