//! The processes of a line. Every one has a pipe to this process as its stdin and ends when that does, whatever becomes of us.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::orders::{Order, Said};
use crate::command;

/// Bytes of a log that are shown with a failure.
const TAIL: usize = 2_000;
/// How long a process may take to end by itself.
const GOODBYE: Duration = Duration::from_secs(3);

/// A running process.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    /// Kept open for as long as it is to live.
    stdin: Option<ChildStdin>,
    said: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Process {
    /// Starts this program with other arguments. Its stderr goes to a file in `dir`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(name: impl Into<String>, arguments: &[&str], dir: &Path, log: &str) -> anyhow::Result<Self> {
        let name = name.into();
        let mut command = command()?;
        command.args(arguments);
        let log = dir.join(log);
        let stderr = OpenOptions::new().create(true).append(true).open(&log).with_context(|| format!("cannot open {}", log.display()))?;
        let mut child = command.stderr(stderr).spawn().with_context(|| format!("cannot start {name}"))?;
        tracing::info!(pid = child.id(), name, log = %log.display(), "started");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("a process without a stdout")?;
        Ok(Self { name, child, stdin, said: BufReader::new(stdout).lines(), log })
    }

    /// Its id.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().with_context(|| self.ended())
    }

    /// Gives an order.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) async fn tell(&mut self, order: &Order) -> anyhow::Result<()> {
        let line = serde_json::to_string(order)? + "\n";
        let stdin = self.stdin.as_mut().context("the process was told to end")?;
        let written = stdin.write_all(line.as_bytes()).await;
        written.with_context(|| self.ended())
    }

    /// Its next answer. Cancel-safe.
    ///
    /// # Errors
    /// When it has ended, with the end of its log.
    pub(crate) async fn hear(&mut self) -> anyhow::Result<Said> {
        match self.said.next_line().await {
            Ok(Some(line)) => serde_json::from_str(&line).with_context(|| format!("{} said {line:?}", self.name)),
            Ok(None) | Err(_) => {
                let status = tokio::time::timeout(GOODBYE, self.child.wait()).await;
                let status = status.ok().and_then(Result::ok).map_or_else(String::new, |status| format!(" with {status}"));
                Err(anyhow::anyhow!("{}{status}", self.ended()))
            }
        }
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When it does not, with the end of its log.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(anyhow::anyhow!("{} with {status}", self.ended())),
            Err(error) => Err(error).with_context(|| self.ended()),
        }
    }

    /// The end of its log, for a failure's text.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let from = text.len().saturating_sub(TAIL);
        let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(from);
        let tail = text.get(from..).unwrap_or_default().trim_end();
        if tail.is_empty() { format!("{} wrote no log", self.name) } else { format!("the log of {} ends so:\n{tail}", self.name) }
    }

    fn ended(&self) -> String {
        format!("{} has ended; {}", self.name, self.log())
    }

    /// Lets it end by itself, by force if it does not.
    pub(crate) async fn end(mut self) {
        drop(self.stdin.take());
        if tokio::time::timeout(GOODBYE, self.child.wait()).await.is_err() {
            // SIGKILL is not refused; what the kernel says to it changes nothing.
            let _ = self.child.kill().await;
        }
    }
}
