//! Logs, through tracing to stderr.
//!
//! Lines are written by a thread of their own behind a bounded queue, so that a reader that is slow, stuck or gone disturbs nobody who logs.
//! When the queue is full, new lines are dropped. Every line that is lost is counted (`pmq_log_lost_lines_total`).

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::hclog::Hclog;
use super::{Color, Globals};
use pmq_agent::settings::{Format, Log};

/// Lines that wait to be written.
const QUEUE: usize = 2_048;

/// What the thread that writes is given.
enum Work {
    Line(Vec<u8>),
    /// Answered when all lines before it are written.
    Flush(SyncSender<()>),
}

/// The way into the queue. Each write is one line.
#[derive(Clone)]
struct Lines {
    queue: SyncSender<Work>,
    lost: Arc<AtomicUsize>,
}

impl Lines {
    /// Starts the thread that writes to standard error; it ends with the last of these. What it cannot write is counted and forgotten: there is
    /// nobody to tell.
    fn start() -> io::Result<Self> {
        let (queue, work) = std::sync::mpsc::sync_channel(QUEUE);
        let lost = Arc::<AtomicUsize>::default();
        let unwritten = lost.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            for work in work {
                match work {
                    Work::Line(line) if io::stderr().write_all(&line).is_err() => drop(unwritten.fetch_add(1, Ordering::Relaxed)),
                    Work::Line(_) => {}
                    // Nobody may wait any more.
                    Work::Flush(done) => drop(done.try_send(())),
                }
            }
        })?;
        Ok(Self { queue, lost })
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Work::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs that are set up. Dropped, it waits a second at most for the lines that are queued, and not at all where the queue is full.
pub(crate) struct Logs(Lines);

impl Logs {
    /// Lines that were lost since the start: the queue was full, or standard error could not be written.
    pub(crate) fn lost(&self) -> usize {
        self.0.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        let (done, flushed) = std::sync::mpsc::sync_channel(1);
        if self.0.queue.try_send(Work::Flush(done)).is_ok() {
            // Too late is as good as never: the program ends.
            let _ = flushed.recv_timeout(Duration::from_secs(1));
        }
    }
}

/// A panic is a log line like any other, so that one which is survived cannot wait for standard error.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(thread = std::thread::current().name(), backtrace, "{panic}");
    }));
}

/// Logs cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The directives are none.
    #[error("log.filter: {0}; take error, warn, info, debug, trace, or module=level, separated by commas")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// No thread to write them.
    #[error("logs cannot be written: {0}")]
    Thread(io::Error),
    /// Logs have been set up before.
    #[error("logs are set up already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

impl Globals {
    /// Sets up logs for this process. `-v` and `-q` go over `[log]`, and so does `--log-format`.
    ///
    /// # Errors
    /// [`LogError`] for directives that cannot be read, or the second time.
    pub(crate) fn init_logging(&self, log: &Log) -> Result<Logs, LogError> {
        let filter = match (self.verbose, self.quiet) {
            (0, 0) => log.filter.as_str(),
            (1, _) => "info,pmq=debug",
            (_, 1) => "warn",
            (0, _) => "error",
            (_, _) => "trace",
        };
        let colour = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
        };
        let mut directives = EnvFilter::try_new(filter)?;
        if !filter.contains("zeromq") {
            // It misses the name under which a socket was bound, which we exchange for the real one.
            directives = directives.add_directive("zeromq::transport::ipc=error".parse()?);
        }
        let lines = Lines::start().map_err(LogError::Thread)?;
        let logs = Logs(lines.clone());
        log_panics();
        // Without internal errors: those would be printed to standard error, and panic where that is closed.
        let lines = tracing_subscriber::fmt()
            .with_env_filter(directives)
            .with_writer(move || lines.clone())
            .with_ansi(colour)
            .log_internal_errors(false);
        match self.log_format.unwrap_or(log.format) {
            Format::Text => lines.finish().try_init()?,
            Format::Hclog => lines.event_format(Hclog).finish().try_init()?,
            Format::Json => lines.json().flatten_event(true).finish().try_init()?,
        }
        Ok(logs)
    }
}
