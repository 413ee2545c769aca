//! A process of its own: a gossipsub node without an agent, as the first, the middle or the last of a line.

use std::future::poll_fn;
use std::path::PathBuf;
use std::task::Poll;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::message::Mark;
use super::orders::{Load, Order, Said, Sent, orders, say};
use super::sink::Sink;
use crate::now;
use pmq_config::{Request, Source};
use pmq_gossip::{Identity, NetworkOverlay, Plain, Verdicts};

/// Messages that are published before anything else is looked at, when the sender is behind.
const BURST: u64 = 64;

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// The file of an agent in its place: overlay and networks are read from there.
    pub(crate) config: PathBuf,
    /// Changes to the file.
    pub(crate) set: Vec<String>,
    /// How it comes to forward.
    pub(crate) verdicts: Verdicts,
}

/// Runs until stdin ends.
///
/// # Errors
/// When the file cannot be used, or a neighbour is lost.
pub(crate) async fn run(setup: Setup) -> anyhow::Result<()> {
    let request = Request { file: Some(setup.config), flags: setup.set, environment: Vec::new(), source: Source::Disk };
    let config = pmq_config::load(&request)?;
    let network = config.settings.networks.first().context("the file names no network")?;
    let topic = network.subscribe.first().context("the network joins no topic")?;
    let deadline = network.plan.queue.deadline();
    let overlay = NetworkOverlay::new(network.name.as_str(), network.claims.clone(), deadline, &network.overlay);
    let identity = Identity::load(&config.settings.gossip.identity)?;
    let node = Plain::start(&config.settings.gossip, &identity, overlay, topic, setup.verdicts).await?;
    let orders = orders()?;
    say(&Said::Ready)?;
    Raw { node, orders, sink: Sink::default() }.run().await
}

struct Raw {
    node: Plain,
    orders: mpsc::Receiver<Order>,
    sink: Sink,
}

impl Raw {
    async fn run(mut self) -> anyhow::Result<()> {
        loop {
            match self.until_order().await? {
                Some(Order::Watch(watch)) => self.sink.watch(watch)?,
                Some(Order::Report) => say(&Said::Got(self.sink.got()))?,
                Some(Order::Load(load)) => say(&Said::Sent(self.send(load).await?))?,
                None => return Ok(()),
            }
        }
    }

    /// Serves the node until there is an order; `None` when there will be no more.
    async fn until_order(&mut self) -> anyhow::Result<Option<Order>> {
        let Self { node, orders, sink } = self;
        loop {
            let mut all = false;
            // CORRECTNESS: both are polled with the task's own waker at every turn, and neither loses anything when a turn ends early.
            let turn = poll_fn(|cx| {
                let served = node.poll(cx, &mut |payload| all |= sink.arrived(payload, now()));
                match (served, orders.poll_recv(cx)) {
                    (Poll::Ready(Err(error)), _) => Poll::Ready(Err(error)),
                    (_, Poll::Ready(order)) => Poll::Ready(Ok(Some(order))),
                    (Poll::Pending, Poll::Pending) if !all => Poll::Pending,
                    (Poll::Ready(Ok(())) | Poll::Pending, Poll::Pending) => Poll::Ready(Ok(None)),
                }
            });
            let order = turn.await?;
            if all {
                say(&Said::Got(sink.got()))?;
            }
            match order {
                Some(order) => return Ok(order),
                // Connections are tasks of their own.
                None => tokio::task::yield_now().await,
            }
        }
    }

    /// Sends in an open loop; what the queue has no room for is lost.
    async fn send(&mut self, load: Load) -> anyhow::Result<Sent> {
        let mut sent = Sent { run: load.run, ..Sent::default() };
        let pace = load.pace()?;
        let mut next = 0;
        while next < load.count {
            let node = &mut self.node;
            tokio::select! {
                biased;
                due = pace.wait(next) => due?,
                // The first of a line gets no messages.
                served = poll_fn(|cx| node.poll(cx, &mut |_| {})) => {
                    served?;
                    continue;
                }
            }
            for _ in 0..BURST {
                let due = pace.due(next);
                if next == load.count || now() < due {
                    break;
                }
                let mark = Mark { run: load.run, index: next, due };
                sent.failed += u64::from(!self.node.publish(mark.write(load.seq + next, load.size)));
                sent.late = now().saturating_sub(due);
                next += 1;
            }
            if next < load.count && pace.due(next) <= now() {
                // Behind: the node has its turn all the same, and so have its connections.
                let node = &mut self.node;
                if let Poll::Ready(served) = poll_fn(|cx| Poll::Ready(node.poll(cx, &mut |_| {}))).await {
                    served?;
                }
                tokio::task::yield_now().await;
            }
        }
        Ok(sent)
    }
}
