//! `pmq demo`, and the parent processes that it starts.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Exit, Failure, Globals, Logs, Output};
use pmq_agent::settings::Log;

/// Arguments of `pmq demo-parent`.
#[derive(Debug, clap::Args)]
pub(super) struct ParentArgs {
    /// The file that `pmq demo` wrote for this parent
    setup: PathBuf,
}

/// Runs the demo on a runtime of its own. Its exit code is its verdict.
pub(super) fn run(arguments: pmq_demo::Args, globals: &Globals) -> Result<ExitCode, Failure> {
    // Progress is the table's; a warning of the demo itself is worth a line.
    let _logs = logging(globals, "warn")?;
    let runtime = runtime()?;
    Ok(runtime.block_on(pmq_demo::run(arguments, globals.output == Output::Json))?)
}

/// Runs one parent process.
pub(super) fn parent(arguments: &ParentArgs, globals: &Globals) -> Result<(), Failure> {
    let _logs = logging(globals, "info")?;
    Ok(runtime()?.block_on(pmq_demo::parent(&arguments.setup))?)
}

fn logging(globals: &Globals, filter: &str) -> Result<Logs, Failure> {
    let log = Log { filter: filter.to_owned(), ..Log::default() };
    globals.init_logging(&log).map_err(|wrong| Failure::new(Exit::Usage, wrong.to_string()))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|wrong| Failure::new(Exit::Internal, format!("cannot start the runtime: {wrong}")))
}
