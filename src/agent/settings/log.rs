//! `[log]`.

use serde::Deserialize;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One line for the eye.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
    /// One JSON object a line in the form of hclog, for hosts of go-plugin.
    Hclog,
}

/// Logs, which go to stderr.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Level, or tracing directives such as "info,pmq::gossip=debug".
    pub filter: String,
    /// How lines are written.
    pub format: Format,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: Format::Text }
    }
}

impl Log {
    /// Checks the directives.
    ///
    /// # Errors
    /// A text that names the key in backticks.
    pub fn check(&self) -> Result<(), String> {
        self.filter.parse::<tracing_subscriber::EnvFilter>().map(drop).map_err(|wrong| {
            format!(
                "`filter` is no list of log directives: {wrong}; take error, warn, info, debug, trace, or module=level, separated by commas"
            )
        })
    }
}
