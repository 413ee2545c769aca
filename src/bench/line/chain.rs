//! One contender: A -> B -> C, started, its mesh awaited, a step at a time.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::args::{Agents, Args, Attach, Overlay};
use super::child::Process;
use super::orders::{Got, Load, Order, Said, Sent, Watch};
use super::parent::{self, Part};
use super::place::{Files, NETWORK, Place};
use super::raw;
use crate::{Pattern, cpu_time};

/// Until every process has said that it is there.
const START: Duration = Duration::from_secs(30);
/// Until a message gets through from A to C, after the start or after a step above the limit.
const MESH: Duration = Duration::from_secs(30);
/// How long one such message is waited for before the next is sent.
const PROBE: Duration = Duration::from_millis(100);
/// What a step above the limit left on its way is waited for that long.
const DRAIN: Duration = Duration::from_secs(5);
/// Between two looks at what arrives late, and how many without anything new mean that no more will come.
const LOOK: Duration = Duration::from_millis(50);
const QUIET: u32 = 4;
/// How much longer than planned a process may be silent.
const PATIENCE: Duration = Duration::from_secs(15);
/// Beside the order's way and the answer's.
const MARGIN: Duration = Duration::from_millis(100);

/// One node, and its parent if it is an agent.
#[derive(Debug)]
struct Node {
    node: Process,
    parent: Option<Process>,
}

impl Node {
    async fn raw(name: &str, place: &Place, args: &Args) -> anyhow::Result<Self> {
        let setup = raw::Setup { config: place.config(), set: args.node_set.clone(), verdicts: args.verdicts() };
        let setup = serde_json::to_string(&setup)?;
        let mut node = Process::start(name, &["bench-node", "line-raw", &setup], &place.dir, "node.log")?;
        ready(&mut node).await?;
        Ok(Self { node, parent: None })
    }

    async fn agent(name: &str, place: &Place, args: &Args, attach: Attach, part: Part) -> anyhow::Result<Self> {
        let config = place.config().display().to_string();
        let mut arguments = vec!["run", "--with-stdin", "--config", &config];
        arguments.extend(args.node_set.iter().flat_map(|set| ["--set", set.as_str()]));
        let mut node = Process::start(format!("{name}'s agent"), &arguments, &place.dir, "node.log")?;
        let setup = parent::Setup { attach: place.attach(attach), network: NETWORK.to_owned(), part, window: args.window };
        let setup = serde_json::to_string(&setup)?;
        let mut parent = Process::start(format!("{name}'s parent"), &["bench-node", "line-parent", &setup], &place.dir, "parent.log")?;
        let attached = tokio::select! {
            attached = ready(&mut parent) => attached,
            // An agent says nothing: the end of its stdout is its own.
            ended = node.hear() => ended.map(drop),
        };
        attached?;
        Ok(Self { node, parent: Some(parent) })
    }

    /// The process that takes orders.
    fn end(&mut self) -> &mut Process {
        self.parent.as_mut().unwrap_or(&mut self.node)
    }
}

async fn ready(process: &mut Process) -> anyhow::Result<()> {
    match tokio::time::timeout(START, process.hear()).await {
        Ok(said) => anyhow::ensure!(matches!(said?, Said::Ready), "a process has not begun with ready; {}", process.log()),
        Err(_) => anyhow::bail!("a process was not ready within {START:?}; {}", process.log()),
    }
    Ok(())
}

/// What one step is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// Messages a second.
    pub(crate) rate: f64,
    /// How long they are sent, behind the warm-up.
    pub(crate) lasts: Duration,
    /// How they are laid out.
    pub(crate) pattern: Pattern,
}

impl Step {
    /// Messages before anything is recorded, and in all.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and far below 2^64")]
    pub(crate) fn counts(&self) -> (u64, u64) {
        let recorded = (self.rate * self.lasts.as_secs_f64()).ceil().max(1.0) as u64;
        let warm = (self.rate * self.lasts.as_secs_f64() * 0.2).ceil() as u64;
        (warm, warm + recorded)
    }

    /// How late the last message may be: more than that, and the line does not keep up with the rate.
    pub(crate) fn bound(&self) -> Duration {
        self.lasts.mul_f64(0.05) + Duration::from_millis(50)
    }
}

/// What became of a step.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Messages that were to be sent.
    pub(crate) count: u64,
    /// What A says.
    pub(crate) sent: Sent,
    /// What C says.
    pub(crate) got: Got,
    /// Whether the last message was late by more than the step's bound, at A or at C.
    pub(crate) behind: bool,
    /// CPU time of B's node over the whole step.
    pub(crate) node: Duration,
    /// CPU time of B's parent, if it has one.
    pub(crate) parent: Duration,
}

impl Outcome {
    /// Messages that did not arrive.
    pub(crate) fn lost(&self) -> u64 {
        self.count.saturating_sub(self.got.count)
    }

    /// Whether the line bears the rate.
    pub(crate) fn holds(&self) -> bool {
        self.lost() == 0 && self.sent.failed == 0 && !self.behind
    }
}

/// Three nodes in a line.
#[derive(Debug)]
pub(crate) struct Chain {
    /// For progress and failures.
    pub(crate) name: String,
    a: Node,
    b: Node,
    c: Node,
    size: usize,
    run: u32,
    seq: u64,
}

impl Chain {
    /// Starts three raw nodes, or agents as far as `args` has them, and waits until a message gets through.
    ///
    /// # Errors
    /// When a process cannot be started or ends, or the mesh does not form.
    pub(crate) async fn start(dir: &Path, args: &Args, overlay: Overlay, size: usize, attach: Option<Attach>) -> anyhow::Result<Self> {
        let name = attach.map_or_else(|| "raw".to_owned(), |attach| format!("agents, {attach}"));
        let place = |node: &str| {
            let prefix = attach.map_or_else(|| "raw".to_owned(), |attach| attach.to_string());
            Place::new(dir, &format!("{prefix}-{node}"), overlay)
        };
        let (a, b, c) = (place("a")?, place("b")?, place("c")?);
        let ends = attach.filter(|_| args.agents == Agents::All);
        a.write(Files { attach: ends, size }, Some(&b))?;
        b.write(Files { attach, size }, Some(&c))?;
        c.write(Files { attach: ends, size }, None)?;
        let start = async |node: &str, place: &Place, attach: Option<Attach>, part: Part| match attach {
            Some(attach) => Node::agent(node, place, args, attach, part).await,
            None => Node::raw(node, place, args).await,
        };
        // Each listens before it is dialled.
        let c = start("C", &c, ends, Part::Last).await.with_context(|| format!("{name}: C"))?;
        let b = start("B", &b, attach, Part::Middle).await.with_context(|| format!("{name}: B"))?;
        let a = start("A", &a, ends, Part::First).await.with_context(|| format!("{name}: A"))?;
        let mut chain = Self { name, a, b, c, size, run: 0, seq: 0 };
        chain.stands().await.with_context(|| format!("{} over {overlay}", chain.name))?;
        Ok(chain)
    }

    /// Waits until a message gets through.
    async fn stands(&mut self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + MESH;
        while tokio::time::Instant::now() < deadline {
            self.check()?;
            let run = self.begin(&Step { rate: 1_000.0, lasts: Duration::from_millis(1), pattern: Pattern::Even }).await?;
            // A publish may wait for its first peer.
            let sent = tokio::time::timeout_at(deadline, sent(self.a.end(), run)).await;
            if sent.is_ok_and(|sent| sent.is_ok_and(|sent| sent.failed == 0))
                && let Ok(got) = tokio::time::timeout(PROBE, got(self.c.end(), run)).await
            {
                return got.map(drop);
            }
        }
        let logs = [&self.a.node, &self.b.node, &self.c.node].map(Process::log).join("; ");
        anyhow::bail!("no message came from A to C within {MESH:?}; {logs}")
    }

    /// Runs a step to its end: everything that was sent has arrived or is lost.
    ///
    /// # Errors
    /// When a process ends, or does not answer.
    pub(crate) async fn step(&mut self, step: &Step) -> anyhow::Result<Outcome> {
        let before = self.used()?;
        let run = self.begin(step).await?;
        let (_, count) = step.counts();
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
        let takes = Duration::from_secs_f64(count as f64 / step.rate);
        let (a, c) = (self.a.end(), self.c.end());
        let sending = tokio::time::timeout(takes + PATIENCE, sent(a, run));
        let arriving = tokio::time::timeout(takes + step.bound() + MARGIN, got(c, run));
        let (sent, arrived) = tokio::join!(sending, arriving);
        let sent = sent.map_err(|_| {
            anyhow::anyhow!("{}: A has not sent {count} messages {PATIENCE:?} after the last was due; {}", self.name, self.a.end().log())
        })??;
        let got = match arrived {
            Ok(got) => got?,
            Err(_) => self.drain(run, count).await?,
        };
        let after = self.used()?;
        let late = Duration::from_nanos(sent.late.max(got.late));
        let outcome = Outcome {
            count,
            sent,
            behind: late > step.bound(),
            node: after.0.saturating_sub(before.0),
            parent: after.1.saturating_sub(before.1),
            got,
        };
        tracing::debug!(name = self.name, rate = step.rate, count, sent = ?outcome.sent, got = outcome.got.count, late = ?Duration::from_nanos(outcome.got.late), "step");
        if !outcome.holds() {
            self.stands().await?;
        }
        Ok(outcome)
    }

    /// Tells both ends of a step.
    async fn begin(&mut self, step: &Step) -> anyhow::Result<u32> {
        let (warm, count) = step.counts();
        self.run += 1;
        let (run, seq) = (self.run, self.seq);
        self.seq += count;
        self.c.end().tell(&Order::Watch(Watch { run, count, warm })).await?;
        tokio::time::timeout(PATIENCE, watching(self.c.end(), run))
            .await
            .with_context(|| format!("C does not answer; {}", self.c.end().log()))??;
        let load = Load { run, seq, count, rate: step.rate, size: self.size, pattern: step.pattern };
        self.a.end().tell(&Order::Load(load)).await?;
        Ok(run)
    }

    /// Waits for what is still on its way, and answers what has arrived.
    async fn drain(&mut self, run: u32, count: u64) -> anyhow::Result<Got> {
        let deadline = tokio::time::Instant::now() + DRAIN;
        let (mut last, mut quiet) = (0, 0);
        loop {
            let c = self.c.end();
            let seen = match tokio::time::timeout(LOOK, got(c, run)).await {
                Ok(seen) => seen?,
                Err(_) => {
                    c.tell(&Order::Report).await?;
                    tokio::time::timeout(PATIENCE, got(c, run)).await.with_context(|| format!("C does not answer; {}", c.log()))??
                }
            };
            quiet = if seen.count == last { quiet + 1 } else { 0 };
            last = seen.count;
            if seen.count == count || quiet == QUIET || tokio::time::Instant::now() > deadline {
                return Ok(seen);
            }
        }
    }

    /// What B has used: its node, and its parent.
    fn used(&self) -> anyhow::Result<(Duration, Duration)> {
        let node = cpu_time(self.b.node.pid()?)?;
        let parent = self.b.parent.as_ref().map(|parent| Ok::<_, anyhow::Error>(cpu_time(parent.pid()?)?)).transpose()?;
        Ok((node, parent.unwrap_or_default()))
    }

    /// Whether every process runs.
    fn check(&mut self) -> anyhow::Result<()> {
        for node in [&mut self.a, &mut self.b, &mut self.c] {
            node.node.check()?;
            node.parent.as_mut().map_or(Ok(()), Process::check)?;
        }
        Ok(())
    }

    /// Ends all processes: parents first.
    pub(crate) async fn end(self) {
        let mut nodes = Vec::new();
        for Node { node, parent } in [self.a, self.b, self.c] {
            if let Some(parent) = parent {
                parent.end().await;
            }
            nodes.push(node.end());
        }
        futures::future::join_all(nodes).await;
    }
}

async fn sent(process: &mut Process, run: u32) -> anyhow::Result<Sent> {
    loop {
        if let Said::Sent(sent) = process.hear().await?
            && sent.run == run
        {
            return Ok(sent);
        }
    }
}

/// Until the last one counts what is sent of a step.
async fn watching(process: &mut Process, run: u32) -> anyhow::Result<()> {
    while !matches!(process.hear().await?, Said::Watching(this) if this == run) {}
    Ok(())
}

/// What arrived of a step; what a process said of an earlier one is left out.
async fn got(process: &mut Process, run: u32) -> anyhow::Result<Got> {
    loop {
        if let Said::Got(got) = process.hear().await?
            && got.run == run
        {
            return Ok(*got);
        }
    }
}
