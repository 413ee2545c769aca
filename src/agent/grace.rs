//! A partition that has healed: what others sent meanwhile comes late through no fault of those who send it.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use super::directory::{Directory, Network};
use pmq_pipeline::{CommandError, DriverMessage, Order};

/// Begins every network's grace period each time that gossip finds its first peer after a partition; ends with gossip.
pub(super) async fn keep(directory: Arc<Directory>, mut healed: watch::Receiver<u64>) {
    let mut begun = 0;
    // An error means that gossip has ended.
    while let Ok(count) = healed.wait_for(|count| *count > begun).await.map(|count| *count) {
        begun = count;
        // All networks of an agent have their peers in common, so they are cut off together.
        for network in &directory.networks {
            begin(network).await;
        }
    }
}

async fn begin(network: &Network) {
    let (answer, answered) = oneshot::channel();
    if network.ups.send(DriverMessage::Command(Order::Grace, answer)).await.is_err() {
        return;
    }
    match answered.await {
        Ok(Ok(())) => {
            tracing::info!(network = %network.name, "first peer after a partition: for the grace period, what is too old is ignored and not rejected");
        }
        // A network without a window rejects nothing for its age.
        Ok(Err(CommandError::NoStage)) | Err(_) => {}
        Ok(Err(error)) => tracing::warn!(network = %network.name, %error, "no grace period after a partition"),
    }
}
