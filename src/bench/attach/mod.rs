//! `pmq bench attach`: one link between agent and parent, by itself.
//!
//! ```text
//!   unix, zeromq, quic, grpc, memory   bench (in a driver's place) <-> sessions <-> transport <-> client, which accepts (a process of its own but for memory)
//!   unix link, zeromq link                       bench <-> transport <-> frames answered by frames (a process of its own)
//!   raw                                          bench <-> bare Unix socket with the same bytes (a process of its own)
//! ```
//!
//! # Invariants
//! - The loop is closed: the parent's credit is what is in flight, and the next message is offered when a verdict gives credit back. So the latency under load
//!   is that of a full window; the round trip of a single verdict is that of the rows with one in flight (warm), and of 200 offers a second at irregular
//!   times (idle: the cores have gone to sleep in between). The latter count from when the offer was due.
//! - Over memory there is one process: its CPU time is the agent's and the parent's together.
//! - Every measurement has an agent's end, a socket and a parent's process of its own; a round measures all of them, one at a time, in an order that turns
//!   from round to round.

mod cell;
mod links;
mod load;
mod node;
mod parent;
mod raw;
mod result;
mod sessions;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use self::cell::{Cell, Contender, Drive, Transport};
use self::result::{Report, Rounds};
use super::report::write_svg;
use super::{Common, Machine, Progress, WorkDir};

/// Bytes of a message.
const SIZES: [usize; 6] = [64, 256, 1_024, 4_096, 65_536, 1_048_576];
/// How much longer than planned a measurement may take, with the start and the end of its processes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Messages on their way.
const IN_FLIGHT: [u32; 3] = [1, 64, 1_024];

/// Arguments of `pmq bench attach`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    /// Measures the links alone: frames without sessions, over a bare Unix socket, Unix and ZeroMQ
    #[arg(long)]
    link: bool,
    /// Measures these transports only
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    attach: Vec<Transport>,
    /// Bytes of a message: 64,256,1024,4096,65536,1048576 unless given
    #[arg(long, value_name = "BYTES", value_delimiter = ',', value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=2_097_152))]
    size: Vec<usize>,
    /// Messages in flight: 1,64,1024 unless given
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=16_384))]
    in_flight: Vec<u32>,
}

impl Args {
    /// What one round measures, in order.
    fn cells(&self) -> Vec<Cell> {
        let chosen = |transport: &Transport| self.attach.is_empty() || self.attach.contains(transport);
        let attach = [Transport::Unix, Transport::Zeromq, Transport::Quic, Transport::Grpc, Transport::Memory]
            .into_iter()
            .filter(|_| !self.link)
            .filter(chosen);
        let links = [Transport::Unix, Transport::Zeromq].into_iter().filter(chosen).map(Contender::Link);
        // The links are compared with it.
        let raw = chosen(&Transport::Unix).then_some(Contender::Raw);
        let contenders: Vec<Contender> = attach.map(Contender::Attach).chain(links).chain(raw).collect();
        let sizes = if self.size.is_empty() { &SIZES[..] } else { &self.size };
        let all = if self.in_flight.is_empty() { &IN_FLIGHT[..] } else { &self.in_flight };
        let millis = |quick, full| Duration::from_millis(if self.common.quick { quick } else { full });
        let mut cells = Vec::new();
        for size in sizes.iter().copied() {
            let cell = |contender, in_flight, drive| {
                // Credit for many, so that a verdict that is late holds up no other offer.
                let (in_flight, measured) = match drive {
                    Drive::Closed => (in_flight, millis(60, 600)),
                    Drive::Idle => (64, millis(150, 1_500)),
                };
                Cell { contender, size, in_flight, drive, warm: millis(20, 200), measured }
            };
            if all.contains(&1) {
                cells.extend(contenders.iter().map(|contender| cell(*contender, 1, Drive::Idle)));
            }
            for in_flight in all.iter().copied() {
                cells.extend(contenders.iter().map(|contender| cell(*contender, in_flight, Drive::Closed)));
            }
        }
        cells
    }
}

/// Measures, and answers the result in words or as one JSON object.
///
/// # Errors
/// When a process cannot be started or ends early, or a file cannot be written.
pub(super) async fn run(args: &Args, json: bool) -> anyhow::Result<String> {
    let machine = Machine::here();
    let cells = args.cells();
    let rounds = args.common.rounds();
    let progress = Progress::new(cells.len() * rounds);
    let dir = WorkDir::new("attach")?;
    let mut all: Vec<Rounds> = cells.iter().map(|cell| Rounds { cell: *cell, figures: Vec::new() }).collect();
    let mut number = 0;
    for round in 0..rounds {
        let turn = round * cells.len() / rounds.max(1);
        for at in 0..cells.len() {
            let Some(of) = all.get_mut((at + turn) % cells.len()) else { continue };
            progress.at(of.cell.to_string());
            number += 1;
            let figures = measure(of.cell, dir.path(), number).await.with_context(|| format!("{} cannot be measured", of.cell))?;
            of.figures.push(figures);
            progress.step();
        }
    }
    progress.done();
    let settings = json!({
        "rounds": rounds,
        "quick": args.common.quick,
        "warm_up_ms": cells.first().map(|cell| cell.warm.as_millis() as u64),
        "measured_ms": cells.iter().find(|cell| cell.drive == Drive::Closed).map(|cell| cell.measured.as_millis() as u64),
        "idle_measured_ms": cells.iter().find(|cell| cell.drive == Drive::Idle).map(|cell| cell.measured.as_millis() as u64),
        "idle_rate": load::IDLE,
        "window_bytes": cell::WINDOW_BYTES,
        "agent": "sessions in a current-thread runtime, no stages; the bench in the driver's place",
        "order": "turned every round",
    });
    let report = Report::new(machine, settings, &all);
    if let Some(path) = &args.common.plot {
        write_svg(path, report.charts())?;
    }
    Ok(if json { serde_json::to_string(&report)? } else { report.words() })
}

async fn measure(cell: Cell, dir: &Path, number: usize) -> anyhow::Result<cell::Figures> {
    let measured = async {
        match cell.contender {
            Contender::Attach(transport) => sessions::measure(transport, cell, dir, number).await,
            Contender::Link(transport) => links::measure(transport, cell, dir, number).await,
            Contender::Raw => raw::measure(cell, dir, number).await,
        }
    };
    let patience = cell.warm + cell.measured + PATIENCE;
    tokio::time::timeout(patience, measured).await.with_context(|| format!("not done after {patience:?}: a verdict may be missing"))?
}

/// Is the parent's process.
///
/// # Errors
/// When it cannot do its part.
pub(super) async fn node(setup: &str) -> anyhow::Result<()> {
    parent::run(setup).await
}

/// What the parent's process is called.
pub(super) const NODE: &str = node::KIND;

#[cfg(test)]
mod tests;
