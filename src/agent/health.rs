//! What `/health` says of each subsystem.

use std::sync::Arc;

use serde_json::{Value, json};

use super::directory::{Directory, Network};
use super::ops::{HealthBoard, Status};
use pmq_pipeline::Snapshot;

/// Names of the subsystems.
pub(super) const GOSSIP: &str = "gossip";
pub(super) const NETWORKS: &str = "networks";
pub(super) const ATTACH: &str = "attach";

/// Registers the live providers of a running agent.
pub(super) fn provide(board: &HealthBoard, directory: &Arc<Directory>) {
    let shared = directory.clone();
    board.provide(GOSSIP, move || gossip(shared.clone()));
    let shared = directory.clone();
    board.provide(NETWORKS, move || std::future::ready(networks(&shared.networks)));
}

async fn gossip(directory: Arc<Directory>) -> Status {
    let (Ok(peers), Ok(listen)) = (directory.gossip.peers().await, directory.gossip.listen_addresses().await) else {
        return Status::not_ready("gossip has stopped");
    };
    let peers: Vec<Value> = peers
        .iter()
        .map(|peer| {
            json!({
                "peer_id": peer.peer_id,
                "connected": peer.connected,
                "transports": peer.transports.iter().map(|transport| transport.as_str()).collect::<Vec<_>>(),
                "score": peer.score,
                "graylisted": peer.graylisted,
                "graylisted_after_s": peer.graylisted_after.map(|after| after.as_secs_f64()),
                "mesh": peer.mesh.iter().map(|topic| &**topic).collect::<Vec<&str>>(),
            })
        })
        .collect();
    Status::ready(json!({ "peer_id": directory.gossip.peer_id(), "listen": listen, "peers": peers }))
}

/// A network without a verifier does not do what it is for: not ready (promises 4).
fn networks(networks: &[Network]) -> Status {
    let snapshots: Vec<_> = networks.iter().map(|network| network.snapshot.borrow().clone()).collect();
    let ready = snapshots.iter().all(|snapshot| missing(snapshot).is_none());
    Status { ready, detail: snapshots.iter().map(network).collect() }
}

/// Why a network is not ready. In a chain every group must have a verifier; shadows are none.
fn missing(snapshot: &Snapshot) -> Option<String> {
    if snapshot.verifiers == 0 {
        return Some("no verifier is attached".to_owned());
    }
    let empty: Vec<&str> = snapshot.groups.iter().filter(|(_, verifiers)| *verifiers == 0).map(|(name, _)| &**name).collect();
    (!empty.is_empty()).then(|| format!("no verifier is attached in group {}", empty.join(", ")))
}

/// Verifiers by group, where the network's file names groups.
fn groups(snapshot: &Snapshot) -> Option<Value> {
    let named = snapshot.groups.iter().any(|(name, _)| !name.is_empty());
    named.then(|| snapshot.groups.iter().map(|(name, verifiers)| json!({ "name": &**name, "verifiers": verifiers })).collect())
}

fn network(snapshot: &Snapshot) -> Value {
    let [accept, ignore, reject] = snapshot.verdicts;
    let [verified_accept, verified_ignore, verified_reject] = snapshot.verified;
    let [p50, p99, p999] = snapshot.hop_us;
    json!({
        "name": &*snapshot.network,
        "missing": missing(snapshot),
        "verifiers": snapshot.verifiers,
        "groups": groups(snapshot),
        "paused": snapshot.paused,
        "shadows": snapshot.shadows,
        "consumers": snapshot.consumers,
        "came_in": snapshot.came_in,
        "verdicts": { "accept": accept, "ignore": ignore, "reject": reject },
        "verified": { "accept": verified_accept, "ignore": verified_ignore, "reject": verified_reject },
        "pending": { "messages": snapshot.pending.0, "bytes": snapshot.pending.1 },
        // What the router was told to forward; what it could not any more is `pmq_gossip_forward_missed_total`.
        "forwarded": accept,
        "delivered": snapshot.delivered,
        "lost_by_us": snapshot.lost_by_us,
        "hop_us": { "p50": p50, "p99": p99, "p999": p999 },
        "restarts": snapshot.restarts,
    })
}
