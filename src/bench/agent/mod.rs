//! `pmq bench agent`: the whole agent without an overlay, in this process, and a parent in a process of its own.
//!
//! The source stands where the router would: it makes messages, hands them over as gossip's edge does, and takes the reports. Everything of the agent's runs on the
//! current runtime, as in an agent.
//!
//! - **Throughput** is a closed loop: up to `in_flight` messages between hand-over and report. A message counts when it was reported Accept and the parent is done
//!   with it; the time runs until the last one is.
//! - **Latency** is an open loop at shares of the highest throughput, from the moment at which a message was due: to its report, and to its delivery.
//! - Making a message, which the router's decoder would do, is timed by itself (`source`) and is not part of the agent's CPU per message. Over the memory transport
//!   the parent is part of this process, and so is its time.

mod cell;
mod parent;
mod plot;
mod result;
mod source;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use serde_json::json;

pub(super) use parent::{KIND, run as parent};

use self::cell::{Attach, Cell, Stack};
use self::result::{Figures, Loaded, Outcome, Row};
use self::source::Round;
use super::rig::{self, Work};
use super::rounds::between;
use super::{Common, Machine, Progress, Spread, WorkDir, report};

/// Shares of the highest throughput at which latency is measured.
const SHARES: [f64; 3] = [0.25, 0.5, 0.8];
/// Payload sizes in bytes, header included.
const SIZES: [usize; 4] = [256, 1_024, 4_096, 65_536];

/// Arguments of `pmq bench agent`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    /// Over which transports [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    attach: Vec<Attach>,
    /// With which stages [default: both]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    stack: Vec<Stack>,
    /// Payload sizes in bytes, header included [default: 256, 1024, 4096, 65536]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = RangedU64ValueParser::<usize>::new().range(rig::SMALLEST..=1_048_576))]
    size: Vec<usize>,
    /// What the parent does; alone `consume` is measured for latency [default: both, `verify` with the full stack only]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    work: Vec<Working>,
    /// How long each measurement takes, in seconds, without its warm-up
    #[arg(long, value_name = "SECONDS", value_parser = |text: &str| between(text, 0.05..=3_600.0))]
    seconds: Option<f64>,
    /// Leaves latency out
    #[arg(long)]
    throughput_only: bool,
}

/// [`Work`] by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Working {
    Verify,
    Consume,
}

impl Args {
    /// What is compared, in the order in which it takes its turns.
    fn cells(&self) -> Vec<Cell> {
        let or = |asked: &[Attach]| if asked.is_empty() { vec![Attach::Unix, Attach::Zeromq, Attach::Memory] } else { asked.to_vec() };
        let stacks = if self.stack.is_empty() { vec![Stack::Empty, Stack::Full] } else { self.stack.clone() };
        let sizes = match (self.size.is_empty(), self.common.quick) {
            (true, true) => vec![256, 4_096],
            (true, false) => SIZES.to_vec(),
            (false, _) => self.size.clone(),
        };
        let mut cells = Vec::new();
        for &size in &sizes {
            for &stack in &stacks {
                for work in [Work::Consume, Work::Verify] {
                    let named = self.work.contains(&if work == Work::Verify { Working::Verify } else { Working::Consume });
                    let default = work == Work::Consume || stack == Stack::Full;
                    if named || (self.work.is_empty() && default) {
                        cells.extend(or(&self.attach).into_iter().map(|attach| Cell { attach, stack, size, work }));
                    }
                }
            }
        }
        cells
    }

    /// How long one measurement takes.
    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.unwrap_or(if self.common.quick { 0.2 } else { 1.5 }))
    }
}

/// Measures, and answers the result in words or as one JSON object.
///
/// # Errors
/// When a process cannot be started or ends early, or a file cannot be written.
pub(super) async fn run(args: &Args, json: bool) -> anyhow::Result<String> {
    let machine = Machine::here();
    let settings = json!({
        "rounds": args.common.rounds(),
        "quick": args.common.quick,
        "seconds": args.time().as_secs_f64(),
        "shares": SHARES,
        "full_stack": rig::FULL.split_whitespace().collect::<Vec<_>>().join(" "),
        "order": "turned every second round",
    });
    let outcome = Outcome { settings, rows: measure(args).await?, machine };
    if let Some(path) = &args.common.plot {
        report::write_svg(path, &plot::charts(&outcome))?;
    }
    Ok(if json { serde_json::to_string(&outcome)? } else { outcome.words() })
}

async fn measure(args: &Args) -> anyhow::Result<Vec<Row>> {
    let (cells, rounds, time) = (args.cells(), args.common.rounds(), args.time());
    let place = WorkDir::new("agent")?;
    let latency: Vec<Cell> = cells.iter().filter(|cell| cell.work == Work::Consume && !args.throughput_only).copied().collect();
    let progress = Progress::new((cells.len() + latency.len()) * rounds);
    let mut throughput: BTreeMap<Cell, Vec<Round>> = BTreeMap::new();
    for round in 0..rounds {
        for cell in turned(&cells, round) {
            progress.at(cell.words());
            throughput.entry(*cell).or_default().push(cell.throughput(&place, time).await?);
            progress.step();
        }
    }
    let mut loaded: BTreeMap<Cell, Vec<Vec<source::Loaded>>> = BTreeMap::new();
    for round in 0..rounds {
        for cell in turned(&latency, round) {
            progress.at(format!("{}, latency", cell.words()));
            let highest = Spread::of(throughput[cell].iter().map(|round| round.per_s)).median;
            loaded.entry(*cell).or_default().push(cell.loaded(&place, time, SHARES.map(|share| share * highest)).await?);
            progress.step();
        }
    }
    progress.done();
    let row = |cell: &Cell| {
        let none = Vec::new();
        let rounds = loaded.get(cell).unwrap_or(&none);
        let at = |(index, share)| Loaded::of(share, rounds.iter().filter_map(|round| round.get(index)));
        let loaded = if rounds.is_empty() { Vec::new() } else { SHARES.into_iter().enumerate().map(at).collect() };
        Row::new(*cell, Figures::of(&throughput[cell]), loaded)
    };
    Ok(cells.iter().map(row).collect())
}

/// Forwards in one round, backwards in the next: what drifts with time goes one way and then the other.
fn turned(cells: &[Cell], round: usize) -> impl Iterator<Item = &Cell> {
    let (mut forward, mut backward) = (cells.iter(), cells.iter().rev());
    std::iter::from_fn(move || if round.is_multiple_of(2) { forward.next() } else { backward.next() })
}

#[cfg(test)]
mod tests;
