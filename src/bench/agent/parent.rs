//! The parent: a process that is told by lines how many messages are to be done, and answers when they are.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;

use crate::rig::{self, Work};
use crate::{Latency, command, cpu_time};

/// What `bench-node` calls it.
pub(crate) const KIND: &str = "agent-parent";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize, Deserialize)]
struct Setup {
    url: String,
    work: Work,
}

/// An answer: what was done since the start, and the latency since the last answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    /// Messages that are done.
    pub(super) done: u64,
    /// Messages that the consumer has missed.
    pub(super) lost: u64,
    /// From due to done.
    pub(super) latency: Latency,
}

impl Told {
    fn of(parent: &rig::Parent) -> Self {
        Self { done: parent.done(), lost: parent.lost(), latency: parent.take_latency() }
    }
}

/// The process itself. A line is the number of messages since the start to wait for; it is answered with a line. Ends with its standard input.
///
/// # Errors
/// When it cannot attach, or loses the agent.
pub(crate) async fn run(setup: &str) -> anyhow::Result<()> {
    let setup: Setup = serde_json::from_str(setup).context("the setup cannot be read")?;
    let parent = rig::Parent::attach(&setup.url, setup.work).await?;
    let (orders, mut ordered) = mpsc::channel(1);
    // A thread of its own, since reading standard input cannot be cancelled; it ends with the process.
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if orders.blocking_send(line).is_err() {
                break;
            }
        }
    })?;
    answer(&parent)?;
    while let Some(line) = ordered.recv().await {
        let count = line.trim().parse().with_context(|| format!("{line:?} is no number"))?;
        parent.until(count).await?;
        answer(&parent)?;
    }
    Ok(())
}

/// Blocks until it is read, for which the other side waits.
fn answer(parent: &rig::Parent) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(&Told::of(parent))?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}

/// A parent, in whatever process.
#[derive(Debug)]
pub(super) enum Parent {
    /// In this one.
    Here(rig::Parent),
    /// In one of its own.
    Process(Box<Process>),
}

/// A parent's process. Killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pid: u32,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Parent {
    /// In this process, on the current runtime.
    pub(super) async fn here(url: &str, work: Work) -> anyhow::Result<Self> {
        Ok(Self::Here(rig::Parent::attach(url, work).await?))
    }

    /// In a process of its own; returns when it is attached.
    pub(super) async fn start(url: String, work: Work) -> anyhow::Result<Self> {
        let mut command = command()?;
        command.args(["bench-node", KIND, &serde_json::to_string(&Setup { url, work })?]);
        let mut child = command.spawn().context("cannot start the parent")?;
        let pid = child.id().context("the parent has ended at once")?;
        let orders = child.stdin.take().context("the parent has no standard input")?;
        let answers = BufReader::new(child.stdout.take().context("the parent has no standard output")?).lines();
        let mut process = Process { child, pid, orders, answers };
        process.answer().await?;
        Ok(Self::Process(Box::new(process)))
    }

    /// Waits until so many messages since the start are done or lost.
    pub(super) async fn until(&mut self, count: u64) -> anyhow::Result<Told> {
        match self {
            Self::Here(parent) => {
                parent.until(count).await?;
                Ok(Told::of(parent))
            }
            Self::Process(process) => {
                process.orders.write_all(format!("{count}\n").as_bytes()).await.context("the parent does not listen")?;
                process.answer().await
            }
        }
    }

    /// CPU time of its process since the start; `None` where that is this one.
    pub(super) fn cpu(&self) -> anyhow::Result<Option<Duration>> {
        match self {
            Self::Here(_) => Ok(None),
            Self::Process(process) => Ok(Some(cpu_time(process.pid).context("the parent has ended")?)),
        }
    }

    /// Lets it go, after its agent: what is left of it ends by itself.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        let Self::Process(process) = self else { return Ok(()) };
        let Process { mut child, orders, .. } = *process;
        drop(orders);
        let status = tokio::time::timeout(PATIENCE, child.wait()).await.context("the parent does not end")??;
        anyhow::ensure!(status.success(), "the parent ended with {status}");
        Ok(())
    }
}

impl Process {
    async fn answer(&mut self) -> anyhow::Result<Told> {
        let line = tokio::time::timeout(PATIENCE, self.answers.next_line()).await.context("the parent does not answer")??;
        let line = line.context("the parent has ended early; it says why above")?;
        serde_json::from_str(&line).with_context(|| format!("the parent answers {line:?}"))
    }
}
