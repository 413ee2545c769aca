//! What the rounds say together, in words and as JSON.

use serde::Serialize;
use serde_json::Value;

use super::cell::{Attach, Cell, Stack};
use super::source::{self, Round};
use crate::rig::Work;
use crate::{Latency, Machine, Percentiles, Spread};

/// The whole result.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) machine: Machine,
    pub(super) settings: Value,
    pub(super) rows: Vec<Row>,
}

/// One contender.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) attach: Attach,
    pub(super) stack: Stack,
    /// Payload bytes, header included.
    pub(super) size: usize,
    pub(super) work: Work,
    /// Messages between hand-over and report in the closed loop.
    in_flight: u64,
    #[serde(flatten)]
    pub(super) figures: Figures,
    pub(super) loaded_us: Vec<Loaded>,
}

impl Row {
    pub(super) fn new(cell: Cell, figures: Figures, loaded_us: Vec<Loaded>) -> Self {
        let Cell { attach, stack, size, work } = cell;
        Self { attach, stack, size, work, in_flight: cell.in_flight(), figures, loaded_us }
    }

    pub(super) fn name(&self) -> String {
        Cell { attach: self.attach, stack: self.stack, size: self.size, work: self.work }.words()
    }
}

/// Of the closed loop.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) throughput: Throughput,
    /// Microseconds of CPU per message.
    cpu_us: Cpu,
    /// Messages that the consumer has missed, over all rounds.
    lost: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Throughput {
    /// Validated messages a second, the median.
    pub(super) per_s: f64,
    /// The lowest and the highest round.
    spread: [f64; 2],
}

#[derive(Debug, Serialize)]
struct Cpu {
    /// The agent; over memory with the parent.
    agent: f64,
    /// The parent's process; null over memory.
    parent: Option<f64>,
    /// Making the message, which is not in the agent's.
    source: f64,
}

impl Figures {
    pub(super) fn of(rounds: &[Round]) -> Self {
        let of = |pick: fn(&Round) -> f64| Spread::of(rounds.iter().map(pick));
        let per_s = of(|round| round.per_s);
        let parents: Option<Vec<f64>> = rounds.iter().map(|round| round.parent_us).collect();
        Self {
            throughput: Throughput { per_s: per_s.median, spread: [per_s.low, per_s.high] },
            cpu_us: Cpu {
                agent: of(|round| round.agent_us).median,
                parent: parents.map(|parents| Spread::of(parents).median),
                source: of(|round| round.source_us).median,
            },
            lost: rounds.iter().map(|round| round.lost).sum(),
        }
    }
}

/// Latency at a share of the highest throughput, in microseconds from due.
#[derive(Debug, Serialize)]
pub(super) struct Loaded {
    pub(super) share: f64,
    /// Messages a second.
    rate: f64,
    /// To the report.
    report: Percentiles,
    /// To the delivery at the parent.
    delivery: Percentiles,
    /// Messages that were not accepted or missed by the consumer, over all rounds.
    lost: u64,
    /// All rounds together: share of the messages, microseconds to delivery.
    #[serde(skip)]
    pub(super) curve: Vec<(f64, f64)>,
}

impl Loaded {
    pub(super) fn of<'a>(share: f64, rounds: impl Iterator<Item = &'a source::Loaded> + Clone) -> Self {
        let percentiles = |pick: fn(&source::Loaded) -> &Latency| {
            let rounds: Vec<Percentiles> = rounds.clone().map(|round| pick(round).percentiles()).collect();
            Percentiles::median(&rounds)
        };
        let mut all = Latency::default();
        rounds.clone().for_each(|round| all.add(&round.delivery));
        Self {
            share,
            rate: Spread::of(rounds.clone().map(|round| round.rate)).median,
            report: percentiles(|round| &round.report),
            delivery: percentiles(|round| &round.delivery),
            lost: rounds.map(|round| round.lost).sum(),
            curve: all.curve(),
        }
    }
}

impl Outcome {
    pub(super) fn words(&self) -> String {
        let Self { machine, settings, rows } = self;
        let mut text = format!(
            "{}\nvalidated messages through the whole agent without an overlay; median of the rounds, lowest and highest beside it\n\n\
             {:<32} {:>9} {:>10} {:>21}   {:>23}\n{:<32} {:>9} {:>10} {:>21}   {:>7} {:>7} {:>7} {:>6}\n",
            machine.words(settings),
            "",
            "",
            "",
            "",
            "CPU us per message",
            "attach stack size work",
            "in flight",
            "msg/s",
            "spread",
            "agent",
            "parent",
            "source",
            "lost",
        );
        for row in rows {
            let Figures { throughput: Throughput { per_s, spread: [low, high] }, cpu_us, lost } = &row.figures;
            let parent = cpu_us.parent.map_or_else(|| "-".to_owned(), |parent| format!("{parent:.2}"));
            text += &format!(
                "{:<32} {:>9} {per_s:>10.0} {:>21}   {:>7.2} {parent:>7} {:>7.2} {lost:>6}\n",
                row.name(),
                row.in_flight,
                format!("{low:.0} - {high:.0}"),
                cpu_us.agent,
                cpu_us.source,
            );
        }
        if rows.iter().any(|row| !row.loaded_us.is_empty()) {
            text += &format!(
                "\n{:<32} {:>5} {:>9}   {:>26}   {:>26}\n{:<32} {:>5} {:>9}   {:>8} {:>8} {:>8}   {:>8} {:>8} {:>8} {:>6}\n",
                "",
                "",
                "",
                "us from due to report",
                "us from due to delivery",
                "open loop",
                "share",
                "msg/s",
                "p50",
                "p99",
                "p99.9",
                "p50",
                "p99",
                "p99.9",
                "lost"
            );
        }
        for (row, loaded) in rows.iter().flat_map(|row| row.loaded_us.iter().map(move |loaded| (row, loaded))) {
            let Loaded { share, rate, report, delivery, lost, .. } = loaded;
            text += &format!(
                "{:<32} {:>3.0} % {rate:>9.0}   {:>8.0} {:>8.0} {:>8.0}   {:>8.0} {:>8.0} {:>8.0} {lost:>6}\n",
                row.name(),
                share * 100.0,
                report.p50,
                report.p99,
                report.p999,
                delivery.p50,
                delivery.p99,
                delivery.p999,
            );
        }
        text
    }
}
