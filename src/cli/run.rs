//! `pmq run`: the agent.

use std::time::Duration;

use super::signals::leave;
use super::{Exit, Failure, Globals, Logs};
use pmq_agent::ops::OpsError;
use pmq_agent::settings::Format;
use pmq_agent::{Agent, Plugin, RunError};
use pmq_config::Spans;
use pmq_gossip::GossipError;
use pmq_transports::LinkError;

/// Arguments of `pmq run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Leaves when standard input is closed, so that the agent ends with whoever started it
    #[arg(long)]
    with_stdin: bool,
}

pub(super) fn run(arguments: &Args, globals: &Globals) -> Result<(), Failure> {
    let mut config = globals.load()?;
    config.check_files()?;
    let plugin = Plugin::from_environment().map_err(|wrong| Failure::new(Exit::Config, wrong.to_string()))?;
    if plugin.is_some() {
        // What the host reads.
        config.log.format = Format::Hclog;
    }
    let logs = globals.init_logging(&config.log).map_err(|wrong| Failure::new(Exit::Config, wrong.to_string()))?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let mut runtime = match config.settings.agent.threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            runtime.worker_threads(threads);
            runtime
        }
    };
    let internal = |what: &str, wrong: std::io::Error| Failure::new(Exit::Internal, format!("{what}: {wrong}"));
    let runtime = runtime.enable_all().build().map_err(|wrong| internal("the runtime cannot be started", wrong))?;
    let with_stdin = arguments.with_stdin;
    runtime.block_on(async {
        let leave = leave(with_stdin).map_err(|wrong| internal("signals cannot be handled", wrong))?;
        let mut agent = Agent::builder(config.settings);
        if let Some(plugin) = plugin {
            agent = agent.plugin(plugin);
        }
        let ended = tokio::select! {
            ended = agent.build().run(leave) => ended,
            () = count_lost(&logs) => Ok(()),
        };
        ended.map_err(|error| failure(&config.spans, &error))
    })
}

/// Shows in the metrics how many log lines were lost. Never returns.
async fn count_lost(logs: &Logs) {
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    loop {
        looks.tick().await;
        metrics::counter!("pmq_log_lost_lines_total").absolute(logs.lost() as u64);
    }
}

/// What shows only at start is told like any other mistake in a file: by line, key and value.
fn failure(spans: &Spans, error: &RunError) -> Failure {
    let of = |key: &str, wrong: &dyn std::fmt::Display| Failure::from(spans.refuse(key, wrong));
    let unavailable = |failure: Failure| Failure { exit: Exit::Unavailable, ..failure };
    match error {
        RunError::Ops(wrong @ OpsError::Bind { .. }) => unavailable(of("ops.listen", wrong)),
        RunError::Gossip(wrong @ GossipError::Listen { .. }) => unavailable(of("gossip.listen", wrong)),
        RunError::Attach { key, source: wrong @ LinkError::AddressInUse(_) } => unavailable(of(key, wrong)),
        RunError::Attach { key, source } => of(key, source),
        RunError::Admin(wrong @ LinkError::AddressInUse(_)) => unavailable(of("control.path", wrong)),
        RunError::Admin(wrong) => of("control.path", wrong),
        RunError::Identity(wrong) => of("gossip.identity", wrong),
        RunError::Gossip(GossipError::Settings(_)) | RunError::Topic { .. } => Failure::new(Exit::Config, error.to_string()),
        RunError::Gossip(_) => Failure::new(Exit::Unavailable, error.to_string()),
        _ => Failure::new(Exit::Internal, error.to_string()),
    }
}
