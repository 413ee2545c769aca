//! A process of its own: a parent of one of the line's agents. It knows the public client and nothing else of the agent.
//!
//! Every one verifies: it accepts at once, on the runtime that its connection is on, as many at a time as are there. The first one publishes, the last one consumes.

use std::time::Duration;

use anyhow::Context;
use futures::stream::{FuturesUnordered, ReadyChunks};
use futures::{FutureExt, SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::unconstrained;

use super::message::Mark;
use super::orders::{Load, Order, Said, Sent, orders, say};
use super::sink::Sink;
use crate::now;
use pmq_client::{
    Client, ConsumeOptions, Consumer, Delivery, Incoming, Offers, PublishError, Published, Verdict, Verdicts, VerifyOptions, Window,
};

/// The agent may still be starting.
const CONNECT: Duration = Duration::from_secs(20);
/// Offers or deliveries of one turn.
const CHUNK: usize = 64;
/// Publishes that are not answered yet. As many as the client lets out; further ones wait, which makes the sender late.
const PUBLISHES: usize = 1024;

/// What it is there for, beside verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    /// Publishes.
    First,
    /// Nothing else.
    Middle,
    /// Consumes.
    Last,
}

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Where the agent is.
    pub(crate) attach: String,
    /// The network, which has one topic of the same name.
    pub(crate) network: String,
    /// What it is there for.
    pub(crate) part: Part,
    /// Messages that it has in its hands at most, each as a verifier and as a consumer.
    pub(crate) window: u32,
}

/// Runs until stdin ends.
///
/// # Errors
/// When the agent cannot be attached to, or the connection ends.
pub(crate) async fn run(setup: Setup) -> anyhow::Result<()> {
    let window = Window { messages: setup.window, bytes: VerifyOptions::default().window.bytes };
    let network = setup.network.as_str();
    let builder = Client::builder(&setup.attach).connect_timeout(CONNECT).software("pmq-bench");
    let builder = builder.verify(network, VerifyOptions { window, ..VerifyOptions::default() });
    let builder = match setup.part {
        Part::First => builder.produce(network),
        Part::Middle => builder,
        Part::Last => builder.consume(network, ConsumeOptions { window, ..ConsumeOptions::default() }),
    };
    let client = builder.connect().await?;
    let (offers, verdicts) = client.verifier(network)?.split();
    let records = if setup.part == Part::Last { Some(client.consumer(network)?.ready_chunks(CHUNK)) } else { None };
    let (offers, orders, sink) = (offers.ready_chunks(CHUNK), orders()?, Sink::default());
    say(&Said::Ready)?;
    Parent { client, network: setup.network, offers, verdicts, records, orders, sink }.run().await
}

struct Parent {
    client: Client,
    network: String,
    offers: ReadyChunks<Offers>,
    verdicts: Verdicts,
    records: Option<ReadyChunks<Consumer>>,
    orders: mpsc::Receiver<Order>,
    sink: Sink,
}

impl Parent {
    async fn run(mut self) -> anyhow::Result<()> {
        let ended = || "the connection to the agent has ended";
        loop {
            tokio::select! {
                offers = self.offers.next() => self.judge(offers.with_context(ended)?).await?,
                deliveries = some(&mut self.records) => self.take(&deliveries.with_context(ended)?)?,
                order = self.orders.recv() => match order {
                    Some(Order::Watch(watch)) => self.sink.watch(watch)?,
                    Some(Order::Report) => say(&Said::Got(self.sink.got()))?,
                    Some(Order::Load(load)) => say(&Said::Sent(self.send(load).await?))?,
                    None => break,
                },
            }
        }
        self.client.close().await;
        Ok(())
    }

    async fn judge(&mut self, offers: Vec<Incoming>) -> anyhow::Result<()> {
        for message in offers {
            self.sink.asked(&message.payload, now());
            self.verdicts.feed((message, Verdict::Accept)).await?;
        }
        Ok(self.verdicts.flush().await?)
    }

    /// One ack for all of them.
    fn take(&mut self, deliveries: &[Delivery]) -> anyhow::Result<()> {
        let mut all = false;
        for delivery in deliveries {
            // A gap, or a message without a verdict, is one that does not arrive.
            if let Delivery::Message { payload, .. } = delivery {
                all |= self.sink.arrived(payload, now());
            }
        }
        if let (Some(records), Some(last)) = (&self.records, deliveries.last()) {
            records.get_ref().ack(last);
        }
        if all { say(&Said::Got(self.sink.got())) } else { Ok(()) }
    }

    /// Sends in an open loop, without waiting for the answers; a publish that is refused is lost.
    async fn send(&mut self, load: Load) -> anyhow::Result<Sent> {
        let mut sent = Sent { run: load.run, ..Sent::default() };
        let pace = load.pace()?;
        let (client, network) = (&self.client, self.network.as_str());
        let mut answers = FuturesUnordered::new();
        let mut next = 0;
        while next < load.count || !answers.is_empty() {
            tokio::select! {
                due = pace.wait(next), if next < load.count && answers.len() < PUBLISHES => due?,
                Some(published) = answers.next(), if !answers.is_empty() => {
                    sent.note(published);
                    // Those that are there already.
                    while let Some(Some(published)) = answers.next().now_or_never() {
                        sent.note(published);
                    }
                }
            }
            for _ in 0..CHUNK {
                let due = pace.due(next);
                if next == load.count || answers.len() == PUBLISHES || now() < due {
                    break;
                }
                let mark = Mark { run: load.run, index: next, due };
                // Asked for here and now, so that the messages leave in their order whatever the set of answers polls first.
                let mut publish = Box::pin(unconstrained(client.publish(network, network, mark.write(load.seq + next, load.size))));
                match publish.as_mut().now_or_never() {
                    Some(published) => sent.note(published),
                    None => answers.push(publish),
                }
                sent.late = now().saturating_sub(due);
                next += 1;
            }
        }
        Ok(sent)
    }
}

impl Sent {
    fn note(&mut self, published: Result<Published, PublishError>) {
        match published {
            Ok(Published { duplicate: false, .. }) => {}
            Ok(published) => {
                tracing::warn!(id = %published.id, "a message was known already");
                self.failed += 1;
            }
            Err(error) => {
                if self.failed == 0 {
                    tracing::info!(%error, "not published");
                }
                self.failed += 1;
            }
        }
    }
}

/// Never, where there is no such stream.
async fn some<S: futures::Stream + Unpin>(stream: &mut Option<S>) -> Option<S::Item> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}
