//! Logs, through tracing to stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::hclog::Hclog;
use super::{Color, Globals};
use crate::agent::settings::{Format, Log};

/// Logs cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
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
    pub fn init_logging(&self, log: &Log) -> Result<(), LogError> {
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
        let lines = tracing_subscriber::fmt().with_env_filter(directives).with_writer(io::stderr).with_ansi(colour);
        match self.log_format.unwrap_or(log.format) {
            Format::Text => lines.finish().try_init()?,
            Format::Hclog => lines.event_format(Hclog).finish().try_init()?,
            Format::Json => lines.json().flatten_event(true).finish().try_init()?,
        }
        Ok(())
    }
}
