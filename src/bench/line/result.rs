//! The result as data: the shape of `--output json`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::args::{Args, Attach, Overlay};
use super::measure::{Figures, Group, IDLE_RATE, Rounds, SHARES, cpu_rate, exact, idle};
use super::message::HEADER;
use crate::{Machine, Percentiles, Spread};

/// Everything.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Where.
    pub(crate) machine: Machine,
    /// With what.
    pub(crate) settings: Value,
    /// A row for each transport, size and way to attach.
    pub(crate) rows: Vec<Row>,
}

/// Agents of one kind beside raw nodes.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) transport: Overlay,
    pub(crate) attach: Attach,
    pub(crate) size: usize,
    pub(crate) throughput: Throughput,
    pub(crate) cpu_us: Cpu,
    pub(crate) idle_us: Idle,
    pub(crate) loaded_us: Vec<Loaded>,
    pub(crate) fixed_us: Option<Fixed>,
    pub(crate) loss: Loss,
}

/// Messages a second, and the agents' share of the raw nodes'.
#[derive(Debug, Serialize)]
pub(crate) struct Throughput {
    pub(crate) raw: f64,
    pub(crate) agent: f64,
    pub(crate) ratio: f64,
    /// Of the ratio.
    pub(crate) spread: Bounds,
}

/// Lowest and highest of the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Bounds {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Microseconds of CPU for each message at B. The ratio is the agent's to the raw node's, without the parent.
#[derive(Debug, Serialize)]
pub(crate) struct Cpu {
    pub(crate) raw: f64,
    pub(crate) agent: f64,
    pub(crate) parent: f64,
    pub(crate) ratio: f64,
    pub(crate) spread: Bounds,
    /// Messages that did not arrive, and are in no figure.
    pub(crate) raw_lost: u64,
    pub(crate) agent_lost: u64,
}

/// Two hops of a message alone. The ratio is of the p50s.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    pub(crate) ratio: f64,
    pub(crate) spread: Bounds,
    #[serde(flatten)]
    pub(crate) both: Both,
}

/// Two hops at a share of the contender's own highest rate.
#[derive(Debug, Serialize)]
pub(crate) struct Loaded {
    pub(crate) share: f64,
    /// Messages a second, the median of the rounds.
    pub(crate) raw_rate: f64,
    pub(crate) agent_rate: f64,
    #[serde(flatten)]
    pub(crate) both: Both,
}

/// Two hops at a rate that is the same for all. The ratio is of the p99s.
#[derive(Debug, Serialize)]
pub(crate) struct Fixed {
    pub(crate) rate: f64,
    pub(crate) ratio: f64,
    pub(crate) spread: Bounds,
    #[serde(flatten)]
    pub(crate) both: Both,
}

/// Latency of the two, in microseconds; a minute stands for never.
#[derive(Debug, Serialize)]
pub(crate) struct Both {
    pub(crate) raw: Percentiles,
    pub(crate) agent: Percentiles,
    /// Messages of all rounds.
    pub(crate) raw_count: u64,
    pub(crate) agent_count: u64,
    /// Messages that did not arrive, and rounds in which the line fell behind.
    pub(crate) raw_lost: u64,
    pub(crate) raw_behind: u32,
    pub(crate) agent_lost: u64,
    pub(crate) agent_behind: u32,
    /// Until C's parent was asked for the verdict, which is before it is delivered.
    pub(crate) agent_first_sight: Option<Percentiles>,
}

/// Messages that did not arrive, of those sent in all steps but the ramps'.
#[derive(Debug, Serialize)]
pub(crate) struct Loss {
    pub(crate) raw: u64,
    pub(crate) raw_sent: u64,
    pub(crate) agent: u64,
    pub(crate) agent_sent: u64,
}

impl Report {
    pub(crate) fn new(machine: Machine, args: &Args, groups: &[Group]) -> Self {
        let rows = groups.iter().flat_map(|group| group.agents.iter().map(|(attach, agent)| Row::new(group, *attach, agent)));
        let settings = json!({
            "agents": args.agents,
            "rounds": args.common.rounds(),
            "quick": args.common.quick,
            "seconds": args.step().as_secs_f64(),
            "idle_rate": IDLE_RATE.min(args.up_to),
            "idle_seconds": idle(args).as_secs_f64(),
            "cpu_rate": groups.iter().map(|group| (group.size.to_string(), cpu_rate(group.size).min(args.up_to))).collect::<BTreeMap<_, _>>(),
            "cpu": "before any ramp, behind a step of the same rate; what the router remembers expires after 10 s",
            "exact": exact(args),
            "warm_up": "a fifth of a step",
            "holds": "nothing lost, the last message late by no more than 5 % of a step and 50 ms, in one of two tries",
            "order": "turned every second round",
            "transports": args.transports(),
            "attach": args.attach(),
            "from": args.from,
            "up_to": args.up_to,
            "at": args.at,
            "raw_verdicts": args.verdicts(),
            "parent_window": args.window,
            "header": HEADER,
            "stages": "admission (no limit that bites), decode (pmq), sequence-window, validation-queue, delivery",
            "gossip": "as [gossip] of configs/reference.toml, but duplicate_cache_time 10s, and no score for slow peers",
            "set": args.node_set,
        });
        Self { machine, settings, rows: rows.collect() }
    }
}

impl Row {
    fn new(group: &Group, attach: Attach, agent: &Figures) -> Self {
        let raw = &group.raw;
        let median = |values: &[f64]| Spread::of(values.iter().copied()).median;
        let throughput = Spread::of_ratios(&agent.throughput, &raw.throughput);
        let cpu = Spread::of_ratios(&agent.cpu, &raw.cpu);
        let p50 = |rounds: &Rounds| rounds.rounds.iter().map(|round| round.p50).collect::<Vec<_>>();
        let idle = Spread::of_ratios(&p50(&agent.idle), &p50(&raw.idle));
        let loaded = SHARES.into_iter().zip(raw.loaded.iter().zip(&agent.loaded)).map(|(share, (raw, agent))| Loaded {
            share,
            raw_rate: median(&raw.rates),
            agent_rate: median(&agent.rates),
            both: Both::new(raw, agent),
        });
        Self {
            transport: group.overlay,
            attach,
            size: group.size,
            throughput: Throughput {
                raw: median(&raw.throughput),
                agent: median(&agent.throughput),
                ratio: throughput.median,
                spread: throughput.into(),
            },
            cpu_us: Cpu {
                raw: median(&raw.cpu),
                agent: median(&agent.cpu),
                parent: median(&agent.cpu_parent),
                ratio: cpu.median,
                spread: cpu.into(),
                raw_lost: raw.cpu_lost,
                agent_lost: agent.cpu_lost,
            },
            idle_us: Idle { ratio: idle.median, spread: idle.into(), both: Both::new(&raw.idle, &agent.idle) },
            loaded_us: loaded.collect(),
            fixed_us: Fixed::new(&raw.fixed, &agent.fixed),
            loss: Loss { raw: raw.lost, raw_sent: raw.sent, agent: agent.lost, agent_sent: agent.sent },
        }
    }
}

impl Fixed {
    fn new(raw: &Rounds, agent: &Rounds) -> Option<Self> {
        let rate = *raw.rates.first()?;
        let p99 = |rounds: &Rounds| rounds.rounds.iter().map(|round| round.p99).collect::<Vec<_>>();
        let ratio = Spread::of_ratios(&p99(agent), &p99(raw));
        Some(Self { rate, ratio: ratio.median, spread: ratio.into(), both: Both::new(raw, agent) })
    }
}

impl Both {
    fn new(raw: &Rounds, agent: &Rounds) -> Self {
        Self {
            raw: raw.median(),
            agent: agent.median(),
            raw_count: raw.all.count(),
            agent_count: agent.all.count(),
            raw_lost: raw.lost,
            raw_behind: raw.behind,
            agent_lost: agent.lost,
            agent_behind: agent.behind,
            agent_first_sight: first_sight(agent),
        }
    }

    /// Whether there is more to tell than percentiles do.
    pub(crate) fn is_broken(&self) -> bool {
        self.raw_lost + self.agent_lost > 0 || self.raw_behind + self.agent_behind > 0
    }
}

fn first_sight(rounds: &Rounds) -> Option<Percentiles> {
    (!rounds.asked.is_empty()).then(|| Percentiles::median(&rounds.asked))
}

impl From<Spread> for Bounds {
    fn from(Spread { low, high, .. }: Spread) -> Self {
        Self { low, high }
    }
}
