//! `pmq tap`, `pmq publish`, `pmq parents`: what is asked at a running agent's control socket (`docs/control.md`).

mod connection;
mod input;
pub(super) mod parents;
pub(super) mod publish;
mod table;
pub(super) mod tap;

use std::future::Future;
use std::path::PathBuf;

use super::{Exit, Failure, Globals};

/// Where the agent is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Where {
    /// The agent's control socket; else control.path of its configuration
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl Where {
    fn path(&self, globals: &Globals) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.socket {
            return Ok(path.clone());
        }
        let config = globals.load()?;
        if !config.settings.control.enabled {
            let text = "control.enabled = false: the agent has no control socket to ask; set it to true, or give --socket";
            return Err(Failure::new(Exit::Config, text));
        }
        Ok(config.settings.control.place(&config.settings.attach.unix.path))
    }
}

/// Runs a client on a runtime of its own.
fn block_on<T>(client: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|wrong| Failure::new(Exit::Internal, format!("cannot start the runtime: {wrong}")))?.block_on(client)
}

/// Ready when the user presses Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler the signal ends the process as it always does.
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests;
