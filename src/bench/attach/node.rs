//! The parent's process.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::process::{Child, ChildStdin};

use crate::{command, rig};
use pmq_client::{Client, VerifyOptions};
use pmq_protocol::wire::Window;
use pmq_transports::quic::Identity;

/// What it is called on the command line.
pub(super) const KIND: &str = "attach-parent";
/// How long it may take to attach, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Work {
    /// Accepts everything, on the client.
    Verify,
    /// Answers frames.
    Link,
    /// Answers bytes.
    Raw,
}

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) work: Work,
    /// Where the agent listens.
    pub(super) url: String,
    /// The file with its key, where it has to show one.
    pub(super) key: Option<PathBuf>,
    /// Credit: messages and bytes.
    pub(super) window: (u32, u64),
    /// Bytes of a message.
    pub(super) size: usize,
}

/// A parent: a verdict for each message, one by one.
///
/// # Errors
/// When it cannot attach, or its client ends.
pub(super) async fn verify(setup: &Setup) -> anyhow::Result<()> {
    let window = Window { messages: setup.window.0, bytes: setup.window.1 };
    let builder = Client::builder(&setup.url).verify(rig::NETWORK, VerifyOptions { window, ..VerifyOptions::default() });
    let builder = match &setup.key {
        Some(key) => builder.identity(Identity::from_file(key)?),
        None => builder,
    };
    let client = builder.connect_timeout(PATIENCE).connect().await?;
    let mut verifier = client.verifier(rig::NETWORK)?;
    while let Some(mut message) = verifier.next().await {
        ensure!(message.payload.len() == setup.size, "a message of {} bytes in place of {}", message.payload.len(), setup.size);
        message.accept();
    }
    Err(anyhow!("the client has ended: {:?}", *client.status().borrow()))
}

/// A parent's process as its starter holds it.
#[derive(Debug)]
pub(super) struct Node {
    child: Child,
    /// Kept apart: waiting for a child closes what it has of it.
    stdin: Option<ChildStdin>,
}

impl Node {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(setup: &Setup) -> anyhow::Result<Self> {
        let mut command = command()?;
        command.args(["bench-node", KIND]).arg(serde_json::to_string(setup)?).stdout(Stdio::null());
        let mut child = command.spawn().context("cannot start the parent")?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// Its number.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the parent's process has ended")
    }

    /// Waits for an end that nobody has asked for. Cancel-safe.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        match self.child.wait().await {
            Ok(status) => anyhow!("the parent's process has ended: {status}"),
            Err(wrong) => anyhow!(wrong).context("cannot wait for the parent's process"),
        }
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not end, or not well.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        drop(self.stdin.take());
        let status =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.context("the parent's process does not end with its stdin")??;
        ensure!(status.success(), "the parent's process has ended: {status}");
        Ok(())
    }
}
