//! The load, and what it fills.

use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};

use super::process::{Agent, Counts, Files, NETWORK, Neighbour, topic};
use crate::{Pace, now};
use pmq_client::Verifier;
use pmq_config::Estimate;
use pmq_gossip::{PublishError, SCORE_MEMORY};
use pmq_protocol::wire::Window;

/// What the parent gives credit for: little, so that what waits, waits in the queue.
const WINDOW: Window = Window { messages: 64, bytes: 1 << 20 };
/// The longest a ring may take to fill; and how much more than planned it may, by share and by time.
const LONGEST: Duration = Duration::from_secs(600);
const PATIENCE: (u32, Duration) = (4, Duration::from_secs(60));
/// Between two looks at the agent.
const LOOK: Duration = Duration::from_millis(100);
/// The estimate's items that this load fills; [`Estimate`] has their names.
const FILLED: [&str; 6] = ["the agent itself", "message cache", "duplicate cache", SCORES, "validation-queue", "delivery"];
/// The item that a run is too short to fill.
const SCORES: &str = "score records";

/// A load and the bounds that it meets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    rate: f64,
    pub(super) size: usize,
    heartbeat: Duration,
    deadline: Duration,
    remembered: Duration,
    queue: u64,
    ring: u64,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(super) struct Round {
    /// Messages a second that came in.
    pub(super) rate: f64,
    /// The most that was pending: messages, bytes.
    pub(super) pending: (u64, u64),
    /// What the estimate says of each item that the load fills.
    pub(super) items: Vec<(String, u64)>,
    /// The most resident memory, in bytes.
    pub(super) measured: u64,
}

impl Load {
    /// Of tens of seconds, and over a hundred MiB.
    pub(super) fn large(rate: f64, size: usize) -> Self {
        let [heartbeat, deadline, remembered] = [1, 4, 10].map(Duration::from_secs);
        Self { rate, size, heartbeat, deadline, remembered, queue: 16 << 20, ring: 16 << 20 }
    }

    /// Of a few seconds.
    pub(super) fn small(rate: f64, size: usize) -> Self {
        let [heartbeat, deadline, remembered] = [200, 1_000, 2_000].map(Duration::from_millis);
        Self { rate, size, heartbeat, deadline, remembered, queue: 1 << 20, ring: 2 << 20 }
    }

    /// The result's settings.
    pub(super) fn settings(&self) -> Value {
        let Self { rate, size, heartbeat, deadline, remembered, queue, ring } = self;
        let ms = |time: &Duration| time.as_millis() as u64;
        json!({ "rate": rate, "size": size, "heartbeat_ms": ms(heartbeat), "deadline_ms": ms(deadline),
            "duplicate_cache_time_ms": ms(remembered), "queue_bytes": queue, "ring_bytes": ring, "window": WINDOW.messages })
    }

    /// How long it takes to fill the ring.
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn fills(&self) -> Duration {
        Duration::from_secs_f64(self.ring_full() as f64 / self.rate)
    }

    /// # Errors
    /// When this would take all day.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let (fills, Self { rate, size, .. }) = (self.fills(), self);
        anyhow::ensure!(
            fills <= LONGEST,
            "{rate} messages of {size} B a second take {fills:.0?} to fill a consumer's ring: raise --rate or --size"
        );
        Ok(())
    }

    fn files(&self) -> Files {
        let Self { rate, size, heartbeat, deadline, remembered, queue, ring } = self;
        let ms = Duration::as_millis;
        Files {
            // One neighbour, so no duplicates.
            agent: format!(
                "[gossip.mesh]\nn = 1\nn_low = 1\nn_high = 1\noutbound_min = 0\nheartbeat = \"{}ms\"\nduplicate_cache_time = \"{}ms\"\n",
                ms(heartbeat),
                ms(remembered)
            ),
            head: format!("expected_rate = {rate:.3}\nexpected_size = \"{size}B\"\n"),
            queue: format!("deadline = \"{}ms\"\nmax_bytes = \"{queue}B\"\n", ms(deadline)),
            delivery: format!("ring_bytes = \"{ring}B\"\n"),
        }
    }

    /// Messages that fill the ring.
    fn ring_full(&self) -> u64 {
        (self.ring / self.size as u64).min(u64::from(pmq_stages::delivery::Settings::default().ring_messages))
    }

    /// Bytes that are pending when the queue is as full as this load makes it; nine tenths of that are asked for.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate; a float cast saturates")]
    fn queue_full(&self, rate: f64) -> u64 {
        let waiting = rate * self.deadline.as_secs_f64() * self.size as f64;
        (waiting as u64).min(self.queue) / 10 * 9
    }

    pub(super) async fn run(&self) -> anyhow::Result<Round> {
        let neighbour = Neighbour::start().await?;
        let agent = Agent::start(&neighbour, &self.files()).await?;
        let client = agent.parent(WINDOW).await?;
        // Nothing is ever taken out of it.
        let consumer = client.consumer(NETWORK)?;
        let mut verifier = client.verifier(NETWORK)?;
        neighbour.wait().await?;
        let round = tokio::select! {
            ended = publish(&neighbour, self.rate, self.size) => Err(ended.err().unwrap_or_else(|| anyhow::anyhow!("the neighbour has ended"))),
            round = self.phases(&agent, &mut verifier) => round,
        }?;
        agent.end().await?;
        drop((consumer, verifier, client));
        Ok(round)
    }

    async fn phases(&self, agent: &Agent, verifier: &mut Verifier) -> anyhow::Result<Round> {
        let begun = Instant::now();
        let first = agent.counts().await?.came_in;
        let full = async {
            let patience = self.fills() * PATIENCE.0 + self.remembered + PATIENCE.1;
            while agent.counts().await?.accepted < self.ring_full() || begun.elapsed() < self.remembered {
                anyhow::ensure!(
                    begun.elapsed() < patience,
                    "the consumer's ring was not full after {patience:.0?}: too few messages come through"
                );
                tokio::time::sleep(LOOK).await;
            }
            anyhow::Ok(())
        };
        let accept = async {
            while let Some(mut message) = verifier.next().await {
                message.accept();
            }
            anyhow::bail!("the parent's client has ended")
        };
        tokio::select! {
            full = full => full?,
            ended = accept => ended?,
        }
        let rate = (agent.counts().await?.came_in - first) as f64 / begun.elapsed().as_secs_f64();
        // From here on nobody gives verdicts. The caches go round once more, with messages that were not accepted.
        let until = Instant::now() + self.deadline * 2 + self.remembered;
        let mut most = Counts::default();
        while Instant::now() < until {
            let counts = agent.counts().await?;
            most.pending = (most.pending.0.max(counts.pending.0), most.pending.1.max(counts.pending.1));
            tokio::time::sleep(LOOK).await;
        }
        let expected = self.queue_full(rate);
        anyhow::ensure!(
            most.pending.1 >= expected,
            "{} bytes were pending, and {expected} should be: the queue did not fill",
            most.pending.1
        );
        let measured = agent.most()?;
        Ok(Round { rate, pending: most.pending, items: items(&agent.config(rate)?.memory(), begun.elapsed())?, measured })
    }
}

/// What the estimate says of what this load fills in `time`.
fn items(estimates: &[Estimate], time: Duration) -> anyhow::Result<Vec<(String, u64)>> {
    let all = || estimates.iter().flat_map(|estimate| &estimate.items);
    let item = |name: &&str| {
        let item = all().find(|item| item.what == **name).with_context(|| format!("the estimate has no item {name:?}"))?;
        Ok(match *name {
            SCORES => (format!("{SCORES} of {:.0} s", time.as_secs_f64()), part(item.bytes, time)),
            name => (name.to_owned(), item.bytes),
        })
    };
    FILLED.iter().map(item).collect()
}

/// Of what takes [`SCORE_MEMORY`] to fill, as much as there is after `time`.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an estimate; a float cast saturates"
)]
fn part(bytes: u64, time: Duration) -> u64 {
    (bytes as f64 * (time.as_secs_f64() / SCORE_MEMORY.as_secs_f64()).min(1.0)) as u64
}

/// Publishes at a constant rate until this is dropped, no two messages the same.
async fn publish(neighbour: &Neighbour, rate: f64, size: usize) -> anyhow::Result<()> {
    let pace = Pace::new(now(), rate)?;
    let topic = topic();
    let mut index = 0_u64;
    loop {
        pace.wait(index).await?;
        let mut payload = index.to_be_bytes().to_vec();
        payload.resize(size.max(payload.len()), 7);
        match neighbour.gossip.publish(topic.clone(), Bytes::from(payload)).await {
            // A machine that is busy with something else; the rate that counts is the one that comes in.
            Ok(_) | Err(PublishError::QueueFull(_)) => index += 1,
            Err(wrong) => return Err(wrong.into()),
        }
    }
}
