//! All rounds of one transport and size: raw nodes and every kind of agents beside each other, one after the other within each round.

use std::time::Duration;

use super::args::{Args, Attach, Overlay};
use super::chain::{Chain, Outcome, Step};
use super::ramp::{Ramp, highest};
use crate::{Latency, Pattern, Percentiles, Progress, Spread, WorkDir};

/// Shares of the contender's own highest rate at which latency is measured.
pub(crate) const SHARES: [f64; 3] = [0.25, 0.5, 0.8];
/// Messages a second that leave every process asleep in between.
pub(crate) const IDLE_RATE: f64 = 200.0;
/// Messages a second at which CPU time is measured, the same for all; and bytes a second, where messages are large.
const CPU_RATE: f64 = 10_000.0;
const CPU_BYTES: f64 = 40e6;
/// How much longer CPU time is measured than anything else.
const CPU_STEPS: u32 = 2;

/// Everything that was measured of one contender.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Highest rate, each round.
    pub(crate) throughput: Vec<f64>,
    /// Microseconds of CPU per message at B's node, each round.
    pub(crate) cpu: Vec<f64>,
    /// The same of B's parent.
    pub(crate) cpu_parent: Vec<f64>,
    /// Messages that were lost meanwhile.
    pub(crate) cpu_lost: u64,
    /// Latency when idle.
    pub(crate) idle: Rounds,
    /// Latency at each of [`SHARES`].
    pub(crate) loaded: [Rounds; SHARES.len()],
    /// Latency at the rate that is the same for all, if one is asked for.
    pub(crate) fixed: Rounds,
    /// Messages sent and lost in all steps but those of ramps.
    pub(crate) sent: u64,
    /// See `sent`.
    pub(crate) lost: u64,
}

impl Figures {
    /// The median of the highest rates so far.
    pub(crate) fn highest(&self) -> f64 {
        Spread::of(self.throughput.iter().copied()).median
    }
}

/// Latencies of every round.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    /// From due to arrival, or never.
    pub(crate) rounds: Vec<Percentiles>,
    /// From due to the moment at which C's parent was asked.
    pub(crate) asked: Vec<Percentiles>,
    /// All rounds together, for pictures.
    pub(crate) all: Latency,
    /// Messages a second of every round.
    pub(crate) rates: Vec<f64>,
    /// Messages that did not arrive; in percentiles they are later than all others.
    pub(crate) lost: u64,
    /// Rounds whose last message was later than the line may be.
    pub(crate) behind: u32,
}

impl Rounds {
    pub(super) fn add(&mut self, rate: f64, outcome: &Outcome) {
        self.rates.push(rate);
        self.lost += outcome.lost();
        self.behind += u32::from(outcome.behind);
        let mut latency = outcome.got.latency.clone();
        latency.lose(outcome.lost());
        self.rounds.push(latency.percentiles());
        self.all.add(&latency);
        if outcome.got.asked.count() > 0 {
            self.asked.push(outcome.got.asked.percentiles());
        }
    }

    /// The medians of the rounds; the last of a thousand is that of all rounds together, since one alone may not have so many.
    pub(crate) fn median(&self) -> Percentiles {
        Percentiles { p999: self.all.at(0.999), ..Percentiles::median(&self.rounds) }
    }
}

/// One transport and size.
#[derive(Debug)]
pub(crate) struct Group {
    /// Transport of the overlay.
    pub(crate) overlay: Overlay,
    /// Bytes of content.
    pub(crate) size: usize,
    /// The raw nodes.
    pub(crate) raw: Figures,
    /// Agents, by how their parents are attached.
    pub(crate) agents: Vec<(Attach, Figures)>,
}

/// A line of the round, and what it adds to.
struct Contender<'a> {
    chain: Chain,
    figures: &'a mut Figures,
}

impl Contender<'_> {
    async fn step(&mut self, rate: f64, lasts: Duration, pattern: Pattern) -> anyhow::Result<Outcome> {
        let outcome = self.chain.step(&Step { rate, lasts, pattern }).await?;
        self.figures.sent += outcome.count;
        self.figures.lost += outcome.lost();
        Ok(outcome)
    }

    /// The next round's ramp begins where the earlier ones ended.
    async fn ramp(&mut self, args: &Args) -> anyhow::Result<()> {
        let known = self.figures.highest();
        let (from, factor) = if known > 0.0 { (known, 1.06) } else { (args.from, 1.5) };
        let ramp = Ramp { from, factor, up_to: args.up_to, down_to: LOWEST.min(args.up_to), exact: exact(args), again: 1 };
        let (chain, lasts) = (&mut self.chain, args.step());
        let holds = async |rate| chain.step(&Step { rate, lasts, pattern: Pattern::Even }).await.map(|outcome| outcome.holds());
        let found = highest(ramp, holds).await?;
        anyhow::ensure!(found > 0.0, "{}: not even {LOWEST} messages a second get through", self.chain.name);
        self.figures.throughput.push(found);
        Ok(())
    }

    /// At a rate that is the same for all.
    async fn cpu(&mut self, args: &Args, size: usize) -> anyhow::Result<()> {
        let rate = cpu_rate(size).min(args.up_to);
        self.step(rate, args.step(), Pattern::Even).await?;
        let outcome = self.step(rate, args.step() * CPU_STEPS, Pattern::Even).await?;
        self.figures.cpu.push(per_message(outcome.node, outcome.got.count));
        self.figures.cpu_parent.push(per_message(outcome.parent, outcome.got.count));
        self.figures.cpu_lost += outcome.lost();
        Ok(())
    }
}

/// Exactness of a ramp, as a factor.
pub(crate) fn exact(args: &Args) -> f64 {
    if args.common.quick { 1.25 } else { 1.03 }
}

/// Messages a second at which CPU time is measured.
#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn cpu_rate(size: usize) -> f64 {
    CPU_RATE.min(CPU_BYTES / size as f64)
}

/// A line that does not bear this does not stand.
const LOWEST: f64 = 10.0;

/// Steps under load at which latency is measured.
fn loads(args: &Args) -> usize {
    SHARES.len() + usize::from(args.at.is_some())
}

/// Steps of one group, for progress.
pub(crate) fn steps(args: &Args) -> usize {
    (args.attach().len() + 1) * args.common.rounds() * (3 + loads(args))
}

/// Roughly how long one group takes.
pub(crate) fn estimate(args: &Args) -> Duration {
    // The order, the warm-up, and what is waited for behind a rate that fails.
    let step = args.step().mul_f64(1.2) + Duration::from_millis(200);
    let (rounds, again) = (args.common.rounds() as u32, if args.common.quick { 8 } else { 14 });
    let ramps = step * (again + (rounds - 1) * 7);
    let rest = (step * (1 + CPU_STEPS) + idle(args) + step * loads(args) as u32) * rounds;
    (ramps + rest + START * rounds) * (args.attach().len() as u32 + 1)
}

/// Starting the processes of a contender, and waiting for its mesh.
const START: Duration = Duration::from_secs(2);

/// How long idle messages are sent.
pub(crate) fn idle(args: &Args) -> Duration {
    args.step() * 4
}

/// Measures all rounds. Each contender's processes live for its part of a round: what a line that has just been loaded still does (its caches run empty for seconds)
/// is no other one's burden.
///
/// # Errors
/// When a process cannot be started or ends, or a line does not stand.
pub(crate) async fn group(args: &Args, overlay: Overlay, size: usize, progress: &Progress) -> anyhow::Result<Group> {
    let mut raw = Figures::default();
    let mut agents: Vec<(Attach, Figures)> = args.attach().into_iter().map(|attach| (attach, Figures::default())).collect();
    for round in 0..args.common.rounds() {
        let contenders = std::iter::once((None, &mut raw)).chain(agents.iter_mut().map(|(attach, figures)| (Some(*attach), figures)));
        let mut contenders: Vec<_> = contenders.collect();
        if round % 2 == 1 {
            // What drifts with time goes one way in one round and the other way in the next.
            contenders.reverse();
        }
        for (attach, figures) in contenders {
            let work = WorkDir::new("line")?;
            let at = |what: &str, name: &str| progress.at(format!("{overlay}, {size} bytes, round {}: {what} {name}", round + 1));
            at("starting", attach.map_or("raw", |_| "agents"));
            let chain = Chain::start(work.path(), args, overlay, size, attach).await?;
            let name = chain.name.clone();
            let mut contender = Contender { chain, figures };
            // Before any load: the caches that a ramp has filled are worked off for seconds.
            at("idle latency of", &name);
            let outcome = contender.step(IDLE_RATE.min(args.up_to), idle(args), Pattern::Jittered).await?;
            contender.figures.idle.add(IDLE_RATE, &outcome);
            progress.step();
            at("CPU time of", &name);
            contender.cpu(args, size).await?;
            progress.step();
            at("highest rate of", &name);
            contender.ramp(args).await?;
            progress.step();
            for (index, share) in SHARES.into_iter().enumerate() {
                at("latency under load of", &name);
                let rate = contender.figures.highest() * share;
                let outcome = contender.step(rate, args.step(), Pattern::Even).await?;
                contender.figures.loaded[index].add(rate, &outcome);
                progress.step();
            }
            if let Some(rate) = args.at {
                at("latency at a fixed rate of", &name);
                let outcome = contender.step(rate, args.step(), Pattern::Even).await?;
                contender.figures.fixed.add(rate, &outcome);
                progress.step();
            }
            contender.chain.end().await;
        }
    }
    Ok(Group { overlay, size, raw, agents })
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per_message(cpu: Duration, count: u64) -> f64 {
    cpu.as_secs_f64() * 1e6 / count.max(1) as f64
}
