//! `pmq demo`, and the parent processes that it starts.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Exit, Failure, Globals, Output};
use crate::agent::settings::Log;
use crate::demo;

/// Arguments of `pmq demo-parent`.
#[derive(Debug, clap::Args)]
pub(super) struct ParentArgs {
    /// The file that `pmq demo` wrote for this parent
    setup: PathBuf,
}

/// Runs the demo on a runtime of its own. Its exit code is its verdict.
pub(super) fn run(arguments: demo::Args, globals: &Globals) -> Result<ExitCode, Failure> {
    // Progress is the table's; a warning of the demo itself is worth a line.
    logging(globals, "warn")?;
    let runtime = runtime()?;
    Ok(runtime.block_on(demo::run(arguments, globals.output == Output::Json))?)
}

/// Runs one parent process.
pub(super) fn parent(arguments: &ParentArgs, globals: &Globals) -> Result<(), Failure> {
    logging(globals, "info")?;
    Ok(runtime()?.block_on(demo::parent(&arguments.setup))?)
}

fn logging(globals: &Globals, filter: &str) -> Result<(), Failure> {
    let log = Log { filter: filter.to_owned(), ..Log::default() };
    globals.init_logging(&log).map_err(|wrong| Failure::new(Exit::Usage, wrong.to_string()))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|wrong| Failure::new(Exit::Internal, format!("cannot start the runtime: {wrong}")))
}
