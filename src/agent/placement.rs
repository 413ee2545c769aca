//! Where the swarm runs.

use std::future::Future;
use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::settings::Placement;

/// The runtime of the swarm and its connections.
#[derive(Debug)]
pub(super) struct SwarmHome {
    handle: Handle,
    /// Keeps the thread alive; its runtime ends when this is dropped.
    _thread: Option<oneshot::Sender<()>>,
}

impl SwarmHome {
    /// On the current runtime, or on a thread of its own.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn new(placement: Placement) -> io::Result<Self> {
        match placement {
            Placement::Together => Ok(Self { handle: Handle::current(), _thread: None }),
            Placement::Apart => {
                // Built here, so that a failure ends the start; it runs, and is dropped, on its thread.
                let runtime = Builder::new_current_thread().enable_all().build()?;
                let handle = runtime.handle().clone();
                let (stay, leave) = oneshot::channel::<()>();
                thread::Builder::new().name("swarm".to_owned()).spawn(move || {
                    // The sender is dropped when it is time to leave.
                    let _ = runtime.block_on(leave);
                })?;
                Ok(Self { handle, _thread: Some(stay) })
            }
        }
    }

    /// Runs a future there, and whatever it spawns.
    pub(super) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.handle.spawn(future)
    }
}

#[cfg(test)]
#[path = "placement_tests.rs"]
mod tests;
