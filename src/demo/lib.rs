//! `pmq demo`: three oracle networks of real agents and real parent processes on one machine.
//!
//! ```text
//!   orchestra ---- starts, kills, restarts ----> agents (`pmq run`) <---- attach ----> parents (public client only)
//!       |                                                                                  |
//!       |  asks /health for the table                     oracle: rounds, signatures, lies |
//!       v                                                                                  v
//!   report <------------------------- compares sets ------------------------- facts, one file a parent
//! ```
//! `docs/demo.md` tells what is promised and how it is proved.

mod args;
mod oracle;
mod orchestra;
mod parent;
mod report;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

pub use args::{Args, AttachBy, Networks, OverlayBy, Scoring};

use orchestra::{Interrupted, Run};

/// Runs the demo: the live table goes to stderr if that is a terminal, the summary to stdout, in words or as one JSON object.
///
/// The exit code is 0 if every promise was kept, 1 if not, with the reasons on stderr, and 130 when it was interrupted.
///
/// # Errors
/// When the run cannot take place: a file cannot be written, a process cannot be started, the overlay does not form.
pub async fn run(args: Args, json: bool) -> anyhow::Result<ExitCode> {
    for network in &args.networks.0 {
        // Before 30 processes fail at it.
        network.observations(args.input.as_deref())?;
    }
    let mut run = Run::new(args)?;
    if run.run().await? == Err(Interrupted) {
        say("interrupted; all processes have ended");
        return Ok(ExitCode::from(130));
    }
    let summary = run.summary()?;
    let text = if json { serde_json::to_string(&summary)? + "\n" } else { summary.words() };
    std::io::stdout().lock().write_all(text.as_bytes()).context("cannot write the summary to stdout")?;
    if json {
        // The object has no place for them.
        summary.deaths.iter().for_each(|death| say(death));
        say(&summary.late());
        say(&summary.neighbours());
    }
    if summary.ok {
        return Ok(ExitCode::SUCCESS);
    }
    summary.reasons.iter().for_each(|reason| say(reason));
    say(&format!("logs and facts are in {}", run.work.keep().display()));
    Ok(ExitCode::FAILURE)
}

/// The entry of a parent process, which [`run`] starts with the path of its setup.
///
/// # Errors
/// When a file cannot be read or written, or the agent refuses this parent for good.
pub async fn parent(setup: &Path) -> anyhow::Result<()> {
    parent::run(parent::Setup::load(setup)?).await
}

fn say(line: &str) {
    // There is nowhere left to say that stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "pmq demo: {line}");
}
