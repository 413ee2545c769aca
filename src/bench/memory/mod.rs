//! `pmq bench memory`: what an agent takes, idle and under load, beside what `config check` predicts.
//!
//! The agent is a process (`pmq run`). Its neighbour is a gossip node in this one, and so is its parent. The load fills what the estimate names as far as a load can:
//!
//! ```text
//!   first   the parent accepts everything, and its consumer never acknowledges: the ring fills, the router's caches fill at a known rate
//!   then    the parent stops giving verdicts: the validation queue fills up to its bound
//! ```
//!
//! Measured is the kernel's high-water mark of resident memory (`VmHWM`); predicted are the estimate's items that this load fills, at the rate that was reached.

mod load;
mod process;
mod result;

use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use serde_json::json;

use self::load::Load;
use self::process::{Agent, Neighbour};
use self::result::{Outcome, Row};
use super::rounds::between;
use super::{Common, Machine, Progress, Spread};

/// Payload sizes in bytes: overhead counts for the small one, payload for the large one.
const SIZES: [usize; 2] = [256, 4_096];

/// Arguments of `pmq bench memory`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    /// Messages a second under load [default: 4000; with --quick 1000]
    #[arg(long, value_name = "N", value_parser = |text: &str| between(text, 10.0..=100_000.0))]
    rate: Option<f64>,
    /// Payload sizes in bytes [default: 256, 4096]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = RangedU64ValueParser::<usize>::new().range(8..=1_048_576))]
    size: Vec<usize>,
}

impl Args {
    fn load(&self, size: usize) -> anyhow::Result<Load> {
        let rate = |default| self.rate.unwrap_or(default);
        let load = if self.common.quick { Load::small(rate(1_000.0), size) } else { Load::large(rate(4_000.0), size) };
        load.check().map(|()| load)
    }

    fn idle(&self) -> Duration {
        if self.common.quick { Duration::from_secs(1) } else { Duration::from_secs(5) }
    }
}

/// Measures, and answers the result in words or as one JSON object.
///
/// # Errors
/// When a process cannot be started or ends early, or something does not fill that should.
pub(super) async fn run(args: &Args, json: bool) -> anyhow::Result<String> {
    anyhow::ensure!(args.common.plot.is_none(), "bench memory draws no picture; leave --plot out");
    let machine = Machine::here();
    let sizes = if args.size.is_empty() { SIZES.to_vec() } else { args.size.clone() };
    let loads = sizes.into_iter().map(|size| args.load(size)).collect::<anyhow::Result<Vec<Load>>>()?;
    let (idle, rows) = measure(args, &loads).await?;
    let settings = json!({
        "rounds": args.common.rounds(),
        "quick": args.common.quick,
        "idle_s": args.idle().as_secs(),
        "loads": loads.iter().map(Load::settings).collect::<Vec<_>>(),
    });
    let outcome = Outcome { machine, settings, idle, rows };
    Ok(if json { serde_json::to_string(&outcome)? } else { outcome.words() })
}

async fn measure(args: &Args, loads: &[Load]) -> anyhow::Result<(Spread, Vec<Row>)> {
    let rounds = args.common.rounds();
    let progress = Progress::new(rounds * (1 + loads.len()));
    let mut idle = Vec::with_capacity(rounds);
    let mut loaded: Vec<Vec<load::Round>> = loads.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for _ in 0..rounds {
        progress.at("idle");
        idle.push(at_rest(args.idle()).await?);
        progress.step();
        for (load, rounds) in loads.iter().zip(&mut loaded) {
            progress.at(format!("{} B", load.size));
            rounds.push(load.run().await?);
            progress.step();
        }
    }
    progress.done();
    let rows = loads.iter().zip(&loaded).map(|(load, rounds)| Row::of(load.size, rounds)).collect::<anyhow::Result<_>>()?;
    Ok((Spread::of(idle), rows))
}

/// The most that an agent takes that has a neighbour and a parent and nothing to do, in bytes, from its start on.
#[allow(clippy::cast_precision_loss, reason = "memory fits")]
async fn at_rest(time: Duration) -> anyhow::Result<f64> {
    let neighbour = Neighbour::start().await?;
    let agent = Agent::start(&neighbour, &process::MINIMAL).await?;
    let parent = agent.parent(process::window()).await?;
    neighbour.wait().await?;
    // What settles late: identify, the mesh, the first heartbeats.
    tokio::time::sleep(time).await;
    let most = agent.most()?;
    agent.end().await?;
    drop(parent);
    Ok(most as f64)
}

#[cfg(test)]
mod tests;
