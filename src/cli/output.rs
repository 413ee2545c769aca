//! Data, errors and exit codes.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::LogError;
use pmq_agent::ops::OpsError;
use pmq_config::ConfigError;
use pmq_gossip::{GossipError, IdentityError, InvalidSetting};
use pmq_transports::LinkError;

/// How data is written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Output {
    /// For the eye.
    #[default]
    Text,
    /// One JSON object and nothing else.
    Json,
}

/// Exit codes of sysexits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Some of what was asked for did not succeed.
    Failed = 1,
    /// EX_USAGE: the command line is wrong.
    Usage = 64,
    /// EX_DATAERR: the input is wrong.
    Data = 65,
    /// EX_NOINPUT: the input cannot be read.
    NoInput = 66,
    /// EX_UNAVAILABLE: something that is needed does not answer, or is taken.
    Unavailable = 69,
    /// EX_SOFTWARE: the program is at fault.
    Internal = 70,
    /// EX_PROTOCOL: the other side speaks another version.
    Protocol = 76,
    /// EX_NOPERM: not permitted.
    NoPermission = 77,
    /// EX_CONFIG: the configuration is wrong.
    Config = 78,
    /// 128 and SIGINT: cut short by Ctrl-C.
    Interrupted = 130,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// One line that names what, where and the help.
    pub(crate) text: String,
    /// More, for `--output json`.
    pub(crate) detail: Option<Value>,
    /// The text has been printed with the data already.
    pub(crate) said: bool,
}

impl Failure {
    /// A failure with a text.
    #[must_use]
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into(), detail: None, said: false }
    }

    /// A failure that the data on stdout tells of already.
    #[must_use]
    pub(crate) fn said(exit: Exit) -> Self {
        Self { exit, text: String::new(), detail: None, said: true }
    }

    /// Writes it to stderr and answers the exit code.
    pub(super) fn report(self, output: Output) -> ExitCode {
        if !self.said {
            let line = match output {
                Output::Text => format!("pmq: {}", self.text),
                Output::Json => json!({ "error": { "exit": self.exit as u8, "text": self.text, "detail": self.detail } }).to_string(),
            };
            last_line(line);
        }
        ExitCode::from(self.exit as u8)
    }
}

/// Writes the program's last line to stderr, and waits a second at most: a pipe that nobody reads does not keep the program from its end.
fn last_line(line: String) {
    let (written, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // There is nowhere left to say that stderr is closed, nor anybody who still waits.
        let _ = writeln!(io::stderr(), "{line}");
        let _ = written.send(());
    });
    let _ = wait.recv_timeout(Duration::from_secs(1));
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self { exit: Exit::Config, text: error.to_string(), detail: Some(error.to_json()), said: false }
    }
}

/// What the error's chain says about its exit code: a setting that cannot work is 78, an address or a link that cannot be had 69.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        if let Some(config) = error.chain().find_map(|cause| cause.downcast_ref::<ConfigError>()) {
            return config.clone().into();
        }
        let of_settings = |cause: &(dyn std::error::Error + 'static)| {
            cause.is::<InvalidSetting>() || matches!(cause.downcast_ref(), Some(GossipError::Settings(_)))
        };
        let config = error.chain().any(|cause| cause.is::<LogError>() || cause.is::<IdentityError>() || of_settings(cause));
        let unavailable = error.chain().any(|cause| cause.is::<OpsError>() || cause.is::<LinkError>() || cause.is::<GossipError>());
        let exit = match (config, unavailable) {
            (true, _) => Exit::Config,
            (false, true) => Exit::Unavailable,
            (false, false) => Exit::Internal,
        };
        Self::new(exit, format!("{error:#}"))
    }
}

/// Writes data to stdout, with a newline at the end.
///
/// # Errors
/// With exit code 69 when stdout cannot be written. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(data: &str) -> Result<(), Failure> {
    show(data).map(drop)
}

/// Like [`print()`], and answers whether there is still a reader.
///
/// # Errors
/// As [`print()`].
pub(super) fn show(data: &str) -> Result<ControlFlow<()>, Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(data.as_bytes()).and_then(|()| if data.ends_with('\n') { Ok(()) } else { stdout.write_all(b"\n") });
    match written.and_then(|()| stdout.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(wrong) if wrong.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(wrong) => Err(Failure::new(Exit::Unavailable, format!("cannot write to stdout: {wrong}"))),
    }
}

/// A line for the eye, on stderr.
pub(super) fn note(text: &str) {
    // There is nowhere left to say that stderr is closed.
    let _ = writeln!(io::stderr(), "pmq: {text}");
}

/// Help and version are data; everything else that clap says is a usage error.
pub(super) fn usage(answer: &clap::Error) -> ExitCode {
    // As above: nowhere left to complain.
    let _ = answer.print();
    if answer.use_stderr() { ExitCode::from(Exit::Usage as u8) } else { ExitCode::SUCCESS }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
