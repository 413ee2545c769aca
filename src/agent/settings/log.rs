//! `[log]`.

use serde::Deserialize;

use pmq_protocol::InvalidSetting;

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
    /// Level, or tracing directives such as "info,pmq_gossip=debug".
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
    /// For what is no list of them.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        self.filter.parse::<tracing_subscriber::EnvFilter>().map(drop).map_err(|wrong| {
            let help = "take error, warn, info, debug, trace, or module=level, separated by commas";
            InvalidSetting::new("filter", format!("no list of log directives: {wrong}"), help).value(format!("{:?}", self.filter))
        })
    }
}
