//! Logs, through tracing to stderr.
//!
//! Lines are written by a thread of their own behind a bounded queue, so that a reader that is slow, stuck or gone disturbs nobody who logs.
//! When the queue is full, new lines are dropped. Every line that is lost is counted (`pmq_log_lost_lines_total`).

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::hclog::Hclog;
use super::{Color, Globals};
use pmq_agent::settings::{Format, Log};

/// Lines that wait to be written.
const QUEUE: usize = 2_048;

/// Standard error. What cannot be written there is counted and forgotten: there is nobody to tell.
struct Stderr(Arc<AtomicUsize>);

impl Write for Stderr {
    /// One line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if io::stderr().write_all(line).is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs that are set up. Dropped, it waits a second at most for the lines that are queued.
pub(crate) struct Logs {
    _writer: WorkerGuard,
    dropped: ErrorCounter,
    unwritten: Arc<AtomicUsize>,
}

impl Logs {
    /// Lines that were lost since the start: the queue was full, or standard error could not be written.
    pub(crate) fn lost(&self) -> usize {
        self.dropped.dropped_lines() + self.unwritten.load(Ordering::Relaxed)
    }
}

/// Logs cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The directives are none.
    #[error("log.filter: {0}; take error, warn, info, debug, trace, or module=level, separated by commas")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
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
        let unwritten = Arc::<AtomicUsize>::default();
        let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(QUEUE).thread_name("log");
        let (writer, guard) = builder.finish(Stderr(unwritten.clone()));
        let logs = Logs { _writer: guard, dropped: writer.error_counter(), unwritten };
        // Without internal errors: those would be printed to standard error, and panic where that is closed.
        let lines = tracing_subscriber::fmt().with_env_filter(directives).with_writer(writer).with_ansi(colour).log_internal_errors(false);
        match self.log_format.unwrap_or(log.format) {
            Format::Text => lines.finish().try_init()?,
            Format::Hclog => lines.event_format(Hclog).finish().try_init()?,
            Format::Json => lines.json().flatten_event(true).finish().try_init()?,
        }
        Ok(logs)
    }
}
