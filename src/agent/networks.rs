//! Starts one driver a network.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::builder::Wrap;
use super::directory::Network;
use super::settings;
use pmq_pipeline::{Channels, Driver, Inlet, Overflowed, Pipeline, Report, RouterGone, Snapshot, Tap};

/// Messages from the router that a driver has not taken yet. When it is full, the router reports Ignore at once, and the driver books it.
pub const ARRIVALS: usize = 4096;
/// Frames and orders that a driver has not taken yet. When it is full, links stop reading from their parents.
const UPS: usize = 1024;

/// Builds the pipeline of every network and starts its driver on `drivers`; at shutdown each waits `drain_within` for verdicts. Answers what the directory knows of them, in order.
pub(super) fn start(
    networks: Vec<settings::Network>,
    mut layers: HashMap<String, Vec<Wrap>>,
    reports: &mpsc::Sender<Report>,
    shutdown: &CancellationToken,
    drain_within: Duration,
    drivers: &mut JoinSet<Result<(), RouterGone>>,
) -> Vec<Network> {
    let mut started = Vec::with_capacity(networks.len());
    for network in networks {
        let name: Arc<str> = network.name.as_str().into();
        let deadline = network.plan.queue.deadline();
        let (ups, up) = mpsc::channel(UPS);
        let (arrivals, arrived) = mpsc::channel(ARRIVALS);
        let overflowed = Overflowed::default();
        let (snapshots, snapshot) = watch::channel(Snapshot { network: name.clone(), ..Snapshot::default() });
        let wraps = layers.remove(&network.name).unwrap_or_default();
        let plan = Arc::new(network.plan);
        let of_driver = plan.clone();
        let driver = Driver::new(
            name.clone(),
            Box::new(move |stream| wraps.iter().fold(Pipeline::new(&of_driver, stream), |pipeline, wrap| wrap(pipeline))),
            Channels {
                arrivals: arrived,
                overflowed: overflowed.clone(),
                ups: up,
                reports: reports.clone(),
                snapshot: snapshots,
                shutdown: shutdown.clone(),
            },
        );
        let tap = Tap::default();
        drivers.spawn(driver.drain_within(drain_within).tapped(tap.clone()).run());
        started.push(Network {
            name,
            claims: network.claims,
            deadline,
            // Checked against the largest frame when the file was read.
            max_message: usize::try_from(network.max_message).unwrap_or(usize::MAX),
            loopback: network.loopback,
            message_id: network.overlay.message_id,
            plan,
            ups,
            inlet: Inlet::new(arrivals, overflowed),
            snapshot,
            tap,
        });
    }
    started
}
