//! What the parent's process does.

use std::io::Read;

use anyhow::Context;
use tokio::sync::oneshot;

use super::node::{Setup, Work, verify};
use super::{links, raw};

/// Is one. Ends with stdin, or with the socket.
///
/// # Errors
/// When it cannot attach, or the agent ends it.
pub(super) async fn run(setup: &str) -> anyhow::Result<()> {
    let setup: Setup = serde_json::from_str(setup).context("the setup is no such JSON")?;
    let (over, mut ended) = oneshot::channel();
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // Whatever comes is of no interest; that nothing more does is.
        let _ = std::io::copy(&mut std::io::stdin().lock().take(u64::MAX), &mut std::io::sink());
        let _ = over.send(());
    })?;
    let work = async {
        match setup.work {
            Work::Verify => verify(&setup).await,
            Work::Link => links::answer(&setup.url.parse()?).await,
            Work::Raw => tokio::task::spawn_blocking(move || raw::answer(&raw::path(&setup.url))).await?,
        }
    };
    tokio::select! {
        biased;
        _ = &mut ended => Ok(()),
        // A link's end comes with stdin's.
        done = work => done,
    }
}
