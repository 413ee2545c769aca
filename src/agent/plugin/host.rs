//! The process that has started this one.

use std::io;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, getppid, pidfd_open};
use tokio_util::sync::CancellationToken;

/// Watches it by a handle which no other process of its number can take over. (The kernel's own signal on a parent's death follows the thread that forked, not
/// the process.)
#[derive(Debug, Clone)]
pub(super) struct Host(CancellationToken);

impl Host {
    pub(super) fn of_this_process() -> io::Result<Self> {
        let gone = || io::Error::other("it is gone already");
        let parent = getppid().ok_or_else(gone)?;
        let handle = pidfd_open(parent, PidfdFlags::empty())?;
        // It may have ended in between, and its number be another's.
        if getppid() != Some(parent) {
            return Err(gone());
        }
        let ended = CancellationToken::new();
        let told = ended.clone();
        // A thread of its own, since nobody else has to wait for such a handle; it ends with the process.
        std::thread::Builder::new().name("host".to_owned()).spawn(move || {
            let waited = loop {
                match poll(&mut [PollFd::new(&handle, PollFlags::IN)], None) {
                    Err(Errno::INTR) => {}
                    waited => break waited,
                }
            };
            if let Err(error) = waited {
                tracing::error!(%error, "the host cannot be watched any more");
            }
            told.cancel();
        })?;
        Ok(Self(ended))
    }

    /// Ready when it has ended, or cannot be watched.
    pub(super) async fn gone(self) {
        self.0.cancelled().await;
    }
}
