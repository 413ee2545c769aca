//! `pmq run`: the agent.

use std::io::Read as _;

use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, Failure, Globals};
use crate::agent::{self, RunError};
use crate::transports::LinkError;

/// Arguments of `pmq run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Leaves when standard input is closed, so that the agent ends with whoever started it
    #[arg(long)]
    with_stdin: bool,
}

pub(super) fn run(arguments: &Args, globals: &Globals) -> Result<(), Failure> {
    let config = globals.load()?;
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
        agent::run(config, leave).await.map_err(|error| failure(&error))
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

fn failure(error: &RunError) -> Failure {
    let exit = match error {
        RunError::Ops(_) | RunError::Gossip(_) | RunError::Attach(LinkError::AddressInUse(_)) => Exit::Unavailable,
        RunError::Identity(_) | RunError::Topic { .. } | RunError::Attach(_) => Exit::Config,
        _ => Exit::Internal,
    };
    Failure::new(exit, error.to_string())
}
