//! The process: joins the actor's will, the judge's verdicts and the books to the public client.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::{Semaphore, mpsc};

use super::actor::{Actor, Send, actor};
use super::control::{Order, orders};
use super::judge::Judge;
use super::{Part, Setup};
use crate::oracle::{Identity, NUMBERS_PER_ROUND, Network, NodeKey, Roster, fingerprint, open_report};
use crate::report::facts::{Fact, Ledger, now};
use pmq_client::{Client, ConsumeOptions, Consumer, Delivery, Identity as Key, Incoming, Token, VerifyOptions};

/// Distance of two looks at the clock.
const TICK: Duration = Duration::from_millis(20);
/// Deliveries under way to the actor; a consumer waits when it is full, and its agent keeps the rest.
const DELIVERIES: usize = 256;
/// Publishes under way; the actor waits when there are more.
const PUBLISHES: usize = 256;
/// The agent may still be starting.
const CONNECT: Duration = Duration::from_secs(20);

/// The agents' network that carries a topic, and the topic.
#[derive(Debug, Clone, Copy)]
struct Carried {
    network: &'static str,
    topic: &'static str,
    /// Numbers per round.
    numbers: u64,
}

fn carried(setup: &Setup) -> Vec<Carried> {
    let outbound = setup.networks.iter().map(|network| Carried { network: network.name(), topic: network.reports(), numbers: 1 });
    let internal =
        setup.network.map(|network| Carried { network: network.internal_name(), topic: network.shares(), numbers: NUMBERS_PER_ROUND });
    outbound.chain(internal).collect()
}

fn network_of(topic: &str) -> Option<&'static str> {
    let outbound = Network::from_reports(topic).map(Network::name);
    outbound.or_else(|| Network::from_shares(topic).map(Network::internal_name))
}

/// Runs until stdin ends.
///
/// # Errors
/// When a file cannot be read or written, or the agent refuses this parent for good.
pub(crate) async fn run(setup: Setup) -> anyhow::Result<()> {
    let ledger = Ledger::open(&setup.facts)?;
    ledger.write(&Fact::Up { at: now() })?;
    let text = std::fs::read_to_string(&setup.roster).with_context(|| format!("cannot read {}", setup.roster.display()))?;
    let roster = Arc::new(Roster::from_json(&text)?);
    let will = actor(&setup, member(&setup, &roster)?);
    let mut orders = orders().context("cannot start a thread")?;
    // One error is enough to end the process; further ones find the channel full.
    let (fatal, mut failed) = mpsc::channel(1);
    let work = serve(&setup, will, Judge::new(setup.part, roster, ledger.clone()), &ledger, &mut orders, fatal);
    tokio::select! {
        done = work => done,
        Some(error) = failed.recv() => Err(error),
    }
}

fn member(setup: &Setup, roster: &Arc<Roster>) -> anyhow::Result<Option<(Identity, Vec<i64>)>> {
    let (Some(network), Some(key)) = (setup.network, &setup.key) else { return Ok(None) };
    let key = Arc::new(NodeKey::load(key)?);
    let me = Identity { network, node: setup.node, key, roster: roster.clone() };
    Ok(Some((me, network.observations(setup.input.as_deref())?)))
}

type Fatal = mpsc::Sender<anyhow::Error>;

async fn serve(
    setup: &Setup,
    mut will: Actor,
    judge: Judge,
    ledger: &Ledger,
    orders: &mut mpsc::Receiver<Order>,
    fatal: Fatal,
) -> anyhow::Result<()> {
    let attaching = attach(setup, &judge, ledger, &fatal);
    tokio::pin!(attaching);
    // A restarted process is told at once when the rounds began.
    let (client, mut deliveries) = loop {
        tokio::select! {
            attached = &mut attaching => break attached?,
            order = orders.recv() => match order {
                Some(Order::Start(at)) => will.start(at, now()),
                None => return Ok(()),
            },
        }
    };
    let slots = Arc::new(Semaphore::new(PUBLISHES));
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut status = client.status();
    loop {
        let sends = tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Start(at)) => { will.start(at, now()); Vec::new() }
                None => break,
            },
            ended = status.wait_for(|status| status.end().is_some()) => {
                let why = ended.ok().and_then(|status| status.end());
                anyhow::bail!("the client ended: {}", why.map_or_else(|| "its task is gone".to_owned(), |why| why.to_string()));
            }
            Some((topic, payload)) = deliveries.recv() => will.delivered(&topic, &payload, now()),
            _ = ticks.tick() => will.tick(now()),
        };
        for send in sends {
            let permit = slots.clone().acquire_owned().await.context("the semaphore is never closed")?;
            let (client, ledger, fatal) = (client.clone(), ledger.clone(), fatal.clone());
            tokio::spawn(async move {
                if let Err(error) = publish(&client, &ledger, send).await {
                    // The first error is on its way already when it is full.
                    let _ = fatal.try_send(error);
                }
                drop(permit);
            });
        }
    }
    client.close().await;
    Ok(())
}

async fn attach(
    setup: &Setup,
    judge: &Judge,
    ledger: &Ledger,
    fatal: &Fatal,
) -> anyhow::Result<(Client, mpsc::Receiver<(Arc<str>, Bytes)>)> {
    let witness = setup.part == Part::Witness;
    let mut builder = Client::builder(&setup.attach).connect_timeout(CONNECT).software(format!("pmq-demo/{}", setup.name));
    if let Some(file) = &setup.token {
        builder = builder.token(Token::from_file(file)?);
    }
    if let Some(file) = &setup.identity {
        builder = builder.identity(Key::from_file(file)?);
    }
    let carried = carried(setup);
    for Carried { network, .. } in &carried {
        builder = builder.verify(network, VerifyOptions::default());
        if !witness {
            builder = builder.consume(network, ConsumeOptions::named("demo")).produce(network);
        }
    }
    let client = builder.connect().await?;
    let (sender, deliveries) = mpsc::channel(DELIVERIES);
    for Carried { network, topic, numbers } in carried {
        if !witness {
            // The thresholds are the parent's to set: it knows how often its network reports.
            let (skip, validity) = (setup.ages.skip * numbers, setup.ages.validity * numbers);
            client.thresholds(network, topic, skip, validity).await.with_context(|| format!("thresholds of {topic}"))?;
            let (consumer, ledger, sender, fatal) = (client.consumer(network)?, ledger.clone(), sender.clone(), fatal.clone());
            tokio::spawn(async move {
                if let Err(error) = consume(network, consumer, &ledger, &sender).await {
                    let _ = fatal.try_send(error);
                }
            });
        }
        let (judge, fatal) = (judge.clone(), fatal.clone());
        client.verify(network, move |batch| verify(&judge, &fatal, batch))?;
    }
    Ok((client, deliveries))
}

fn verify(judge: &Judge, fatal: &Fatal, batch: &mut [Incoming]) {
    for message in batch {
        match judge.judge(&message.topic, &message.payload) {
            Ok(verdict) => message.answer(verdict),
            Err(error) => {
                let _ = fatal.try_send(error);
            }
        }
    }
}

/// Every record is written down, handed to the actor, and acknowledged, in this order.
async fn consume(
    network: &'static str,
    mut consumer: Consumer,
    ledger: &Ledger,
    actor: &mpsc::Sender<(Arc<str>, Bytes)>,
) -> anyhow::Result<()> {
    while let Some(delivery) = consumer.next().await {
        let cursor = delivery.cursor();
        let place = (cursor.stream, cursor.counter);
        match &delivery {
            Delivery::Message { topic, payload, .. } => {
                if Network::from_reports(topic).is_some() {
                    let fact = match open_report(payload) {
                        Ok((_, report)) => Fact::Delivered { at: now(), round: report.body.round, print: fingerprint(payload), place },
                        Err(error) => Fact::Trouble { at: now(), what: format!("delivered on {topic}: {error}") },
                    };
                    ledger.write(&fact)?;
                }
                if actor.send((topic.clone(), payload.clone())).await.is_err() {
                    return Ok(());
                }
            }
            Delivery::Gap { count, .. } => ledger.write(&Fact::Gap { at: now(), network: network.to_owned(), count: *count, place })?,
            Delivery::Unverified { topic, cause, count, .. } => {
                let (topic, cause) = (topic.to_string(), cause.as_str().to_owned());
                ledger.write(&Fact::Unverified { at: now(), topic, count: *count, cause, place })?;
            }
        }
        consumer.ack(&delivery);
    }
    Ok(())
}

async fn publish(client: &Client, ledger: &Ledger, send: Send) -> anyhow::Result<()> {
    let Send { topic, payload, report, lie } = send;
    let Some(network) = network_of(topic) else { return Ok(()) };
    let (at, print) = (now(), fingerprint(&payload));
    // Whoever is killed in between has said what it was about to do; the same lie twice is one line too many, and sets do not mind.
    ledger.write(&match lie {
        Some(lie) => Fact::Lied { at, topic: topic.to_owned(), kind: lie.kind, round: lie.round, print: print.clone() },
        None => Fact::Publishing { at, topic: topic.to_owned(), print: print.clone(), report },
    })?;
    let error = client.publish(network, topic, payload).await.err().map(|error| error.to_string());
    ledger.write(&Fact::Published { at: now(), topic: topic.to_owned(), print, error })
}
