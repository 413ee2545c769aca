//! `pmq bench`, and the processes that it starts.

use super::output::print;
use super::{Exit, Failure, Globals, Output};
use crate::agent::settings::Log;
use crate::bench;

pub(super) fn run(command: &bench::Command, globals: &Globals) -> Result<(), Failure> {
    if globals.config.is_some() || !globals.set.is_empty() {
        let text = "bench reads no file of yours: it writes its own. Leave --config and --set out; bench line takes --node-set KEY=VALUE for its nodes";
        return Err(Failure::new(Exit::Usage, text.to_owned()));
    }
    logging(globals)?;
    let result = runtime()?.block_on(bench::run(command, globals.output == Output::Json));
    let failure = |error: anyhow::Error| {
        if error.is::<bench::Interrupted>() { Failure::new(Exit::Interrupted, error.to_string()) } else { error.into() }
    };
    print(result.map_err(failure)?.trim_end())
}

/// Runs one process of a benchmark.
pub(super) fn node(arguments: &bench::NodeArgs, globals: &Globals) -> Result<(), Failure> {
    logging(globals)?;
    Ok(runtime()?.block_on(bench::node(arguments))?)
}

fn logging(globals: &Globals) -> Result<(), Failure> {
    let log = Log { filter: "warn".to_owned(), ..Log::default() };
    globals.init_logging(&log).map_err(|wrong| Failure::new(Exit::Usage, wrong.to_string()))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|wrong| Failure::new(Exit::Internal, format!("cannot start the runtime: {wrong}")))
}
