//! The upper half: a real driver and its stages, in front of the sessions.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Host, Messages, NETWORK, Parent, Received, WINDOW, host, plan};
use pmq_agent::ARRIVALS;
use pmq_agent::directory::Network;
use pmq_pipeline::{Arrival, Channels, Driver, Inlet, Overflowed, Pipeline, Report, RouterGone, Snapshot};
use pmq_protocol::wire::Verdict;
use pmq_transports::Listener;

/// Frames and orders that the driver has not taken yet, as in the agent.
const UPS: usize = 1_024;
/// Reports that the router has not taken yet, as in gossip.
const REPORTS: usize = 4_096;

/// The whole agent without an overlay. Dropped, it takes its sessions and its driver with it.
#[derive(Debug)]
pub struct Rig {
    /// Where the router puts messages, and does not wait.
    pub inlet: Inlet,
    /// The same place, for those who can wait.
    pub arrivals: mpsc::Sender<Arrival>,
    /// What the router is told.
    pub reports: mpsc::Receiver<Report>,
    /// What the driver shows.
    pub snapshot: watch::Receiver<Snapshot>,
    host: Host,
    shutdown: DropGuard,
    driver: JoinHandle<Result<(), RouterGone>>,
}

impl Rig {
    /// Starts it on the current runtime, with `stages` as they stand in a network's file ([`FULL`](super::FULL), [`EMPTY`](super::EMPTY)), and lets parents in at
    /// `listeners`.
    ///
    /// # Errors
    /// When the stages cannot work, or gossip does not start.
    pub async fn start(stages: &str, listeners: Vec<Listener>) -> anyhow::Result<Self> {
        let plan = Arc::new(plan(stages)?);
        let (arrivals, arrived) = mpsc::channel(ARRIVALS);
        let (ups, up) = mpsc::channel(UPS);
        let (reported, reports) = mpsc::channel(REPORTS);
        let (shown, snapshot) = watch::channel(Snapshot::default());
        let shutdown = CancellationToken::new();
        let overflowed = Overflowed::default();
        let inlet = Inlet::new(arrivals.clone(), overflowed.clone());
        let network = Network { inlet: inlet.clone(), snapshot: snapshot.clone(), ..host::network(plan.clone(), ups) };
        let channels = Channels { arrivals: arrived, overflowed, ups: up, reports: reported, snapshot: shown, shutdown: shutdown.clone() };
        let driver =
            Driver::new(NETWORK.into(), Box::new(move |stream| Pipeline::new(&plan, stream)), channels).tapped(network.tap.clone());
        let driver = tokio::spawn(driver.run());
        let host = Host::start(vec![network], listeners, Vec::new()).await?;
        Ok(Self { inlet, arrivals, reports, snapshot, host, shutdown: shutdown.drop_guard(), driver })
    }

    /// Hands messages over with up to a window of them in flight, and waits until all are reported, and done at the parent, which must be the only one.
    ///
    /// # Errors
    /// When one of them is not accepted, or lost, or somebody has ended.
    pub async fn pass(&mut self, parent: &Parent, edge: &mut Messages, messages: Vec<Received>) -> anyhow::Result<()> {
        let (target, lost) = (parent.done() + parent.lost() + messages.len() as u64, parent.lost());
        let mut left = messages.len();
        let mut in_flight = 0;
        let mut messages = messages.into_iter();
        while left > 0 {
            while in_flight < WINDOW.messages {
                let Some(message) = messages.next() else { break };
                self.arrivals.send(edge.hand_over(message)).await.context("the driver has ended")?;
                in_flight += 1;
            }
            let report = self.reports.recv().await.context("the driver has ended")?;
            anyhow::ensure!(report.outcome.verdict == Verdict::Accept, "a message was not accepted: {:?}", report.outcome);
            in_flight -= 1;
            left -= 1;
        }
        parent.until(target).await?;
        anyhow::ensure!(parent.lost() == lost, "the consumer has missed {} messages", parent.lost() - lost);
        Ok(())
    }

    /// Ends the driver, then the sessions, which frees the listeners' addresses.
    ///
    /// # Errors
    /// When one of them had failed.
    pub async fn end(self) -> anyhow::Result<()> {
        let Self { host, shutdown, driver, .. } = self;
        drop(shutdown);
        driver.await?.context("the driver failed")?;
        host.end().await
    }
}
