//! `pmq bench`, and the processes that it starts.

use super::output::print;
use super::{Exit, Failure, Globals, Logs, Output};
use pmq_agent::settings::Log;

pub(super) fn run(command: &pmq_bench::Command, globals: &Globals) -> Result<(), Failure> {
    if globals.config.is_some() || !globals.set.is_empty() {
        let text = "bench reads no file of yours: it writes its own. Leave --config and --set out; bench line takes --node-set KEY=VALUE for its nodes";
        return Err(Failure::new(Exit::Usage, text.to_owned()));
    }
    let _logs = logging(globals)?;
    let result = runtime()?.block_on(pmq_bench::run(command, globals.output == Output::Json));
    let failure = |error: anyhow::Error| {
        if error.is::<pmq_bench::Interrupted>() { Failure::new(Exit::Interrupted, error.to_string()) } else { error.into() }
    };
    print(result.map_err(failure)?.trim_end())
}

/// Runs one process of a benchmark.
pub(super) fn node(arguments: &pmq_bench::NodeArgs, globals: &Globals) -> Result<(), Failure> {
    let _logs = logging(globals)?;
    Ok(runtime()?.block_on(pmq_bench::node(arguments))?)
}

fn logging(globals: &Globals) -> Result<Logs, Failure> {
    let log = Log { filter: "warn".to_owned(), ..Log::default() };
    globals.init_logging(&log).map_err(|wrong| Failure::new(Exit::Usage, wrong.to_string()))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|wrong| Failure::new(Exit::Internal, format!("cannot start the runtime: {wrong}")))
}
