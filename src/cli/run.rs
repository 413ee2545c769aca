//! `pmq run`: the agent.

use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, Failure, Globals};
use crate::agent::ops::OpsError;
use crate::agent::settings::Format;
use crate::agent::{self, Plugin, RunError};
use crate::config::Config;
use crate::gossip::GossipError;
use crate::transports::LinkError;

/// Arguments of `pmq run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Leaves when standard input is closed, so that the agent ends with whoever started it
    #[arg(long)]
    with_stdin: bool,
}

pub(super) fn run(arguments: &Args, globals: &Globals) -> Result<(), Failure> {
    let mut config = globals.load()?;
    let plugin = Plugin::from_environment().map_err(|wrong| Failure::new(Exit::Config, wrong.to_string()))?;
    if plugin.is_some() {
        // What the host reads.
        config.log.format = Format::Hclog;
    }
    globals.init_logging(&config.log).map_err(|wrong| Failure::new(Exit::Config, wrong.to_string()))?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let mut runtime = match config.agent.threads {
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
        let ended = match &plugin {
            Some(plugin) => agent::run_as_plugin(&mut config, plugin, leave).await,
            None => agent::run(&mut config, leave).await,
        };
        ended.map_err(|error| failure(&config, &error))
    })
}

/// Ready when the agent is told to leave: SIGTERM, SIGINT, or the end of standard input.
fn leave(with_stdin: bool) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (closed, stdin) = tokio::sync::oneshot::channel();
    if with_stdin {
        // A thread of its own, since reading standard input cannot be cancelled; it ends with the process.
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            // An error means the same as the end.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            let _ = closed.send(());
        })?;
    }
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM"),
            _ = interrupt.recv() => tracing::info!("SIGINT"),
            Ok(()) = stdin => tracing::info!("standard input was closed"),
        }
    })
}

/// What shows only at start is told like any other mistake in a file: by line, key and value.
fn failure(config: &Config, error: &RunError) -> Failure {
    let of = |key: &str, wrong: &dyn std::fmt::Display| Failure::from(config.refuse(key, wrong));
    let unavailable = |failure: Failure| Failure { exit: Exit::Unavailable, ..failure };
    match error {
        RunError::Ops(wrong @ OpsError::Bind { .. }) => unavailable(of("ops.listen", wrong)),
        RunError::Gossip(wrong @ GossipError::Listen { .. }) => unavailable(of("gossip.listen", wrong)),
        RunError::Attach { key, source: wrong @ LinkError::AddressInUse(_) } => unavailable(of(key, wrong)),
        RunError::Attach { key, source } => of(key, source),
        RunError::Control(wrong @ LinkError::AddressInUse(_)) => unavailable(of("control.path", wrong)),
        RunError::Control(wrong) => of("control.path", wrong),
        RunError::Identity(wrong) => of("gossip.identity", wrong),
        RunError::Gossip(GossipError::Settings(_)) | RunError::Topic { .. } => Failure::new(Exit::Config, error.to_string()),
        RunError::Gossip(_) => Failure::new(Exit::Unavailable, error.to_string()),
        _ => Failure::new(Exit::Internal, error.to_string()),
    }
}
