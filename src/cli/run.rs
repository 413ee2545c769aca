//! `pmq run`: the agent.

use std::io::Read as _;

use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, Failure, Globals};
use crate::agent::ops::OpsError;
use crate::agent::{self, RunError};
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
        agent::run(&mut config, leave).await.map_err(|error| failure(&config, &error))
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
            let mut sink = [0; 1024];
            // An error means the same as the end.
            while std::io::stdin().lock().read(&mut sink).is_ok_and(|count| count > 0) {}
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

/// An error at start that one setting is behind names where that setting was written.
fn failure(config: &Config, error: &RunError) -> Failure {
    let (exit, key) = match error {
        RunError::Ops(OpsError::Bind { .. }) => (Exit::Unavailable, "ops.listen"),
        RunError::Gossip(GossipError::Listen { .. }) => (Exit::Unavailable, "gossip.listen"),
        RunError::Attach(LinkError::AddressInUse(_)) => (Exit::Unavailable, "attach.unix.path"),
        RunError::Attach(_) => (Exit::Config, "attach.unix.path"),
        RunError::Identity(_) => (Exit::Config, "gossip.identity"),
        RunError::Gossip(GossipError::Settings(_)) | RunError::Topic { .. } => return Failure::new(Exit::Config, error.to_string()),
        _ => return Failure::new(Exit::Internal, error.to_string()),
    };
    Failure { exit, ..config.refuse(key, error).into() }
}
