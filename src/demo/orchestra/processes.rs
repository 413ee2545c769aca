//! The run's processes. Every one has a pipe to this process as its stdin and ends when that does, whatever becomes of us.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::layout::Place;
use crate::report::facts::{Nanos, now};

/// Deaths under way to the run. Each process dies once, so this is never full.
const DEATHS: usize = 1024;

/// Which of a node's two processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `pmq run`.
    Agent,
    /// The parent.
    Parent,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Parent => "parent",
        }
    }
}

/// A process that ended.
#[derive(Debug, Clone)]
pub(crate) struct Death {
    /// Whose: index into the topology.
    pub(crate) node: usize,
    /// Which of the two.
    pub(crate) kind: Kind,
    /// When it was noticed.
    pub(crate) at: Nanos,
    /// How, in words.
    pub(crate) how: String,
    /// Whether this run sent it SIGKILL while it lived.
    pub(crate) ordered: bool,
}

enum Signal {
    Kill,
    Terminate,
}

/// One running process.
#[derive(Debug)]
struct Running {
    stdin: Option<ChildStdin>,
    signals: mpsc::Sender<Signal>,
    watch: JoinHandle<()>,
}

/// All processes of a run.
#[derive(Debug)]
pub(crate) struct Processes {
    program: std::path::PathBuf,
    agents: Vec<Option<Running>>,
    parents: Vec<Option<Running>>,
    deaths: mpsc::Sender<Death>,
    /// How many were started in all.
    pub(crate) started: u64,
}

impl Processes {
    /// None yet, for so many nodes.
    ///
    /// # Errors
    /// When this program's own path is not known.
    pub(crate) fn new(nodes: usize) -> anyhow::Result<(Self, mpsc::Receiver<Death>)> {
        let program = std::env::current_exe().context("cannot find this program's own path")?;
        let (deaths, died) = mpsc::channel(DEATHS);
        let none = || (0..nodes).map(|_| None).collect();
        Ok((Self { program, agents: none(), parents: none(), deaths, started: 0 }, died))
    }

    fn slot(&mut self, node: usize, kind: Kind) -> Option<&mut Option<Running>> {
        match kind {
            Kind::Agent => self.agents.get_mut(node),
            Kind::Parent => self.parents.get_mut(node),
        }
    }

    /// Starts one of a node's processes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(&mut self, node: usize, kind: Kind, place: &Place) -> anyhow::Result<()> {
        let program = place.program.as_ref().filter(|_| kind == Kind::Parent).unwrap_or(&self.program);
        let mut command = Command::new(program);
        match kind {
            Kind::Agent => command.arg("run").arg("--with-stdin").arg("--config").arg(place.config()),
            Kind::Parent if place.program.is_some() => command.arg(place.setup()),
            Kind::Parent => command.arg("demo-parent").arg(place.setup()),
        };
        // Settings come from the run's own files alone.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PMQ_")) {
            command.env_remove(name);
        }
        let log = log(&place.dir, kind)?;
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        // Ctrl-C in a terminal reaches the whole group; these are ended in order instead.
        command.process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let stdin = child.stdin.take();
        let (signals, asked) = mpsc::channel(4);
        let watch = tokio::spawn(watch(child, asked, node, kind, self.deaths.clone()));
        self.started += 1;
        if let Some(slot) = self.slot(node, kind) {
            *slot = Some(Running { stdin, signals, watch });
        }
        Ok(())
    }

    /// Sends SIGKILL.
    pub(crate) async fn kill(&mut self, node: usize, kind: Kind) {
        self.signal(node, kind, Signal::Kill).await;
    }

    async fn signal(&mut self, node: usize, kind: Kind, signal: Signal) {
        if let Some(Some(running)) = self.slot(node, kind) {
            // Its watch has gone when it is dead already: then there is nobody to signal.
            let _ = running.signals.send(signal).await;
        }
    }

    /// Writes a line to a parent. One that is dead hears nothing.
    pub(crate) async fn tell(&mut self, node: usize, line: &str) {
        if let Some(Some(Running { stdin: Some(stdin), .. })) = self.slot(node, Kind::Parent)
            && let Err(error) = stdin.write_all(line.as_bytes()).await
        {
            tracing::debug!(node, %error, "a parent does not listen");
        }
    }

    /// Ends all processes: parents first, so that nothing is left to verify, then agents; by force those that do not go within `bound`.
    pub(crate) async fn end(&mut self, bound: Duration) {
        for kind in [Kind::Parent, Kind::Agent] {
            let nodes = self.agents.len();
            for node in 0..nodes {
                self.signal(node, kind, Signal::Terminate).await;
            }
            let deadline = tokio::time::Instant::now() + bound;
            for node in 0..nodes {
                let Some(mut running) = self.slot(node, kind).and_then(Option::take) else { continue };
                drop(running.stdin.take());
                if tokio::time::timeout_at(deadline, &mut running.watch).await.is_err() {
                    let _ = running.signals.send(Signal::Kill).await;
                    // SIGKILL is not refused.
                    let _ = running.watch.await;
                }
            }
        }
    }
}

/// Waits for the process's end, and passes signals on: the process id belongs to it until it has been waited for.
async fn watch(mut child: Child, mut signals: mpsc::Receiver<Signal>, node: usize, kind: Kind, deaths: mpsc::Sender<Death>) {
    let mut ordered = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            signal = signals.recv() => {
                // One that somebody else has killed just before is not ours.
                if let Ok(Some(status)) = child.try_wait() {
                    break Ok(status);
                }
                ordered |= matches!(signal, Some(Signal::Kill));
                let sent = match signal {
                    Some(Signal::Terminate) => terminate(&child),
                    // The run is gone.
                    Some(Signal::Kill) | None => child.start_kill(),
                };
                if let Err(error) = sent {
                    tracing::debug!(node, %error, "a process has ended before its signal");
                }
                if signal.is_none() {
                    break child.wait().await;
                }
            }
        }
    };
    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    // Nobody asks any more when the run is over.
    let _ = deaths.send(Death { node, kind, at: now(), how, ordered }).await;
}

fn terminate(child: &Child) -> std::io::Result<()> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    match pid {
        Some(pid) => Ok(rustix::process::kill_process(pid, rustix::process::Signal::TERM)?),
        None => Ok(()),
    }
}

fn log(dir: &Path, kind: Kind) -> anyhow::Result<File> {
    let path = dir.join(format!("{}.log", kind.as_str()));
    std::fs::OpenOptions::new().create(true).append(true).open(&path).with_context(|| format!("cannot open {}", path.display()))
}
