//! A parent that uses the public client: it accepts everything, and consumes and acknowledges what was accepted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{FutureExt, SinkExt, Stream, StreamExt};
use tokio::sync::Notify;

use super::{DEADLINE, NETWORK, WINDOW, due};
use crate::{Latency, now};
use pmq_client::{Client, ConsumeOptions, Consumer, Delivery, Verdict, Verifier, VerifyOptions};

/// Most messages that are taken at once.
const BURST: usize = 64;

/// What a parent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Verdicts alone.
    Verify,
    /// Verdicts, and what was accepted is consumed and acknowledged.
    Consume,
}

/// A parent that is attached. It detaches when this is dropped.
#[derive(Debug)]
pub struct Parent {
    client: Client,
    books: Arc<Books>,
}

#[derive(Debug)]
struct Books {
    /// Messages that are done: consumed, or, without a consumer, verified.
    done: AtomicU64,
    /// Messages that the consumer was told it has missed.
    lost: AtomicU64,
    target: AtomicU64,
    reached: Notify,
    latency: Mutex<Latency>,
}

impl Parent {
    /// Attaches to the agent at `url`.
    ///
    /// # Errors
    /// When that fails for 5 s.
    pub async fn attach(url: &str, work: Work) -> anyhow::Result<Self> {
        let builder = Client::builder(url).verify(NETWORK, VerifyOptions { window: WINDOW, ..VerifyOptions::default() });
        let client = match work {
            Work::Verify => builder,
            Work::Consume => builder.consume(NETWORK, ConsumeOptions { window: WINDOW, ..ConsumeOptions::default() }),
        };
        let client = client.connect().await?;
        let books = Arc::new(Books {
            done: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            target: AtomicU64::new(u64::MAX),
            reached: Notify::new(),
            latency: Mutex::default(),
        });
        tokio::spawn(verify(client.verifier(NETWORK)?, (work == Work::Verify).then(|| books.clone())));
        if work == Work::Consume {
            tokio::spawn(consume(client.consumer(NETWORK)?, books.clone()));
        }
        Ok(Self { client, books })
    }

    /// Messages that are done: consumed and acknowledged, or, without a consumer, verified.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.books.done.load(Ordering::Relaxed)
    }

    /// Messages that its consumer was told it has missed.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.books.lost.load(Ordering::Relaxed)
    }

    /// Waits until `count` messages since the start are done or lost.
    ///
    /// # Errors
    /// When the client has ended, or that takes longer than a message's deadline.
    pub async fn until(&self, count: u64) -> anyhow::Result<()> {
        self.books.target.store(count, Ordering::Relaxed);
        let mut overdue = std::pin::pin!(tokio::time::sleep(DEADLINE));
        let mut status = self.client.status();
        while self.done() + self.lost() < count {
            tokio::select! {
                () = self.books.reached.notified() => {}
                () = &mut overdue => anyhow::bail!("of {count} messages {} are done and {} missed", self.done(), self.lost()),
                ended = status.wait_for(|status| status.end().is_some()) => {
                    drop(ended);
                    anyhow::bail!("the parent's client has ended: {:?}", *self.client.status().borrow());
                }
            }
        }
        self.books.target.store(u64::MAX, Ordering::Relaxed);
        Ok(())
    }

    /// From due to done, of the messages since the last call that say when they were due.
    #[must_use]
    pub(crate) fn take_latency(&self) -> Latency {
        std::mem::take(&mut *self.books.latency.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Books {
    fn book(&self, done: u64, lost: u64) {
        let all = self.done.fetch_add(done, Ordering::Relaxed) + done + self.lost.fetch_add(lost, Ordering::Relaxed) + lost;
        if all >= self.target.load(Ordering::Relaxed) {
            self.reached.notify_one();
        }
    }

    /// A burst that came at once is read off the clock at once.
    fn time<'a>(&self, payloads: impl Iterator<Item = &'a [u8]>) {
        let mut dues = payloads.filter_map(due).peekable();
        if dues.peek().is_some() {
            let now = now();
            let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
            dues.for_each(|due| latency.record(Duration::from_nanos(now.saturating_sub(due))));
        }
    }
}

/// Waits for a message and takes what is there beside it, into a list that is used again; empty once the stream has ended.
async fn burst<S: Stream + Unpin>(stream: &mut S, taken: &mut Vec<S::Item>) {
    taken.clear();
    taken.extend(stream.next().await);
    while !taken.is_empty() && taken.len() < BURST {
        let Some(Some(item)) = stream.next().now_or_never() else { break };
        taken.push(item);
    }
}

async fn verify(verifier: Verifier, books: Option<Arc<Books>>) {
    let (mut offers, mut verdicts) = verifier.split();
    let mut taken = Vec::with_capacity(BURST);
    loop {
        burst(&mut offers, &mut taken).await;
        if taken.is_empty() {
            return;
        }
        if let Some(books) = &books {
            books.time(taken.iter().map(|message| &*message.payload));
            books.book(taken.len() as u64, 0);
        }
        for message in taken.drain(..) {
            // Fails only when the client has ended, and then the stream has, too.
            let _ = verdicts.feed((message, Verdict::Accept)).await;
        }
        let _ = verdicts.flush().await;
    }
}

async fn consume(mut consumer: Consumer, books: Arc<Books>) {
    let mut taken = Vec::with_capacity(BURST);
    loop {
        burst(&mut consumer, &mut taken).await;
        let payloads = || {
            taken.iter().filter_map(|delivery| match delivery {
                Delivery::Message { payload, .. } => Some(&**payload),
                Delivery::Gap { .. } | Delivery::Unverified { .. } => None,
            })
        };
        // What had no verdict was not accepted; its sender knows from the report.
        let lost = taken.iter().map(|delivery| if let Delivery::Gap { count, .. } = delivery { *count } else { 0 }).sum();
        books.time(payloads());
        books.book(payloads().count() as u64, lost);
        // The last one stands for all before it.
        let Some(last) = taken.last() else { return };
        consumer.ack(last);
    }
}
