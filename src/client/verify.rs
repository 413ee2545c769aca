//! Verdicts: a stream of offers and a sink of verdicts, or a closure over a batch.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures::{Sink, Stream};

use super::ClientError;
use super::mailbox::Mailbox;
use super::outbox::{Given, Outbox, Waiting};
use pmq_protocol::wire::{MessageId, Ticket, Verdict};

/// Most messages that a closure gets at once.
const BATCH: usize = 64;

/// A message that waits for its verdict.
///
/// The verdict takes effect when this is dropped (in a closure over a batch: when the closure returns). Without a verdict the message is
/// left to the deadline and the network's fallback, and takes up credit until then.
#[derive(Debug)]
pub struct Incoming {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its id in the overlay.
    pub id: MessageId,
    /// Its bytes.
    pub payload: Bytes,
    /// When the fallback takes the verdict's place.
    pub deadline: Instant,
    pub(super) verdict: Option<Verdict>,
    /// The parent's own code and words for it.
    pub(super) because: (u16, Cow<'static, str>),
    pub(super) origin: Origin,
}

/// Where an offer came from, and its verdict goes to.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) times: u64,
    pub(super) slot: usize,
    pub(super) ticket: Ticket,
    /// Taken when the verdict has been handed over.
    pub(super) outbox: Option<Arc<Outbox>>,
}

impl Incoming {
    /// Forward and deliver.
    ///
    /// ```
    /// fn judge(batch: &mut [pmq_client::Incoming]) {
    ///     for message in batch {
    ///         if message.payload.starts_with(b"report") {
    ///             message.accept();
    ///         }
    ///     }
    /// }
    /// ```
    pub fn accept(&mut self) {
        self.answer(Verdict::Accept);
    }

    /// Drop; nobody is penalised.
    ///
    /// ```
    /// fn judge(batch: &mut [pmq_client::Incoming]) {
    ///     for message in batch {
    ///         if message.payload.is_empty() {
    ///             message.ignore();
    ///         }
    ///     }
    /// }
    /// ```
    pub fn ignore(&mut self) {
        self.answer(Verdict::Ignore);
    }

    /// Drop and penalise whoever sent it.
    ///
    /// ```
    /// fn judge(batch: &mut [pmq_client::Incoming]) {
    ///     for message in batch {
    ///         if message.payload.len() > 4096 {
    ///             message.reject();
    ///         }
    ///     }
    /// }
    /// ```
    pub fn reject(&mut self) {
        self.answer(Verdict::Reject);
    }

    /// Forward and deliver, with a reason: see [`Incoming::reject_because`].
    pub fn accept_because(&mut self, code: u16, text: impl Into<Cow<'static, str>>) {
        self.answer_because(Verdict::Accept, code, text);
    }

    /// Drop without a penalty, with a reason: see [`Incoming::reject_because`].
    pub fn ignore_because(&mut self, code: u16, text: impl Into<Cow<'static, str>>) {
        self.answer_because(Verdict::Ignore, code, text);
    }

    /// Drop and penalise, with a reason: a code of the parent's own, which the agent counts (0 = none), and a few words for the agent's log,
    /// cut after 255 bytes.
    ///
    /// ```
    /// const BAD_SIGNATURE: u16 = 7;
    ///
    /// fn judge(batch: &mut [pmq_client::Incoming]) {
    ///     for message in batch {
    ///         match message.payload.first() {
    ///             Some(1) => message.accept(),
    ///             Some(version) => message.ignore_because(1, format!("version {version}")),
    ///             None => message.reject_because(BAD_SIGNATURE, "no signature"),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn reject_because(&mut self, code: u16, text: impl Into<Cow<'static, str>>) {
        self.answer_because(Verdict::Reject, code, text);
    }

    /// Sets the verdict. The last one before the drop counts.
    pub fn answer(&mut self, verdict: Verdict) {
        self.answer_because(verdict, 0, "");
    }

    /// Sets the verdict and the reason for it: see [`Incoming::reject_because`].
    pub fn answer_because(&mut self, verdict: Verdict, code: u16, text: impl Into<Cow<'static, str>>) {
        self.verdict = Some(verdict);
        self.because = (code, text.into());
    }

    fn hand_over(&mut self, waiting: &mut Waiting) {
        let Origin { times, slot, ticket, .. } = self.origin;
        let (reason, text) = std::mem::take(&mut self.because);
        let given = |verdict| Given { times, slot, ticket, verdict, reason, text };
        match self.verdict {
            Some(verdict) => waiting.verdicts.push(given(verdict)),
            // Sent when it has no effect any more but to give the credit back.
            None => waiting.parked.push((self.deadline, given(Verdict::Ignore))),
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(outbox) = self.origin.outbox.take() {
            outbox.change(|waiting| self.hand_over(waiting));
        }
    }
}

/// A network's verifier: taken from [`Client::verifier`](super::Client::verifier).
///
/// As a stream it yields one message after the other; give each its verdict and drop it:
///
/// ```
/// use futures::StreamExt;
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::ClientError> {
/// # start_agent("doc-verifier").await;
/// # let builder = pmq_client::Client::builder("memory:doc-verifier");
/// # let client = builder.verify("weather", pmq_client::VerifyOptions::default()).connect().await?;
/// let mut verifier = client.verifier("weather")?;
/// while let Some(mut message) = verifier.next().await {
///     if message.payload.is_empty() { message.reject() } else { message.accept() }
/// #   break;
/// }
/// # Ok(()) }
/// ```
/// Dropping it pauses the network's verification: no further messages are offered to this parent.
#[derive(Debug)]
pub struct Verifier {
    pub(super) offers: Arc<Mailbox<Incoming>>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) slot: usize,
}

impl Stream for Verifier {
    type Item = Incoming;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        self.offers.poll_pop(cx)
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.offers.abandon();
        self.outbox.change(|waiting| waiting.paused[self.slot] = true);
    }
}

/// The stream half of a split [`Verifier`].
pub type Offers = Verifier;

/// The sink half of a split [`Verifier`]: verdicts that were fed go out together when flushed, in one frame.
#[derive(Debug)]
pub struct Verdicts {
    outbox: Arc<Outbox>,
    /// Bounded by the window: each holds one offer.
    fed: Vec<Incoming>,
}

impl Verifier {
    /// Wants no further messages for now. Those that were offered already still come; the others wait for another verifier of the group, or
    /// for [`Verifier::resume`]. Holds over lost links.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::ClientError> {
    /// # start_agent("doc-pause-verifier").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-pause-verifier");
    /// # let client = builder.verify("weather", pmq_client::VerifyOptions::default()).connect().await?;
    /// let verifier = client.verifier("weather")?;
    /// verifier.pause();
    /// // Load the new rules.
    /// verifier.resume();
    /// # Ok(()) }
    /// ```
    pub fn pause(&self) {
        self.outbox.change(|waiting| waiting.paused[self.slot] = true);
    }

    /// Wants messages again.
    pub fn resume(&self) {
        self.outbox.change(|waiting| waiting.paused[self.slot] = false);
    }

    /// A stream and a sink, for two tasks.
    ///
    /// ```
    /// use futures::{SinkExt, StreamExt};
    /// use pmq_client::Verdict;
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::ClientError> {
    /// # start_agent("doc-split").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-split");
    /// # let client = builder.verify("weather", pmq_client::VerifyOptions::default()).connect().await?;
    /// let (offers, mut verdicts) = client.verifier("weather")?.split();
    /// let mut bursts = offers.ready_chunks(64);
    /// while let Some(burst) = bursts.next().await {
    ///     for message in burst {
    ///         verdicts.feed((message, Verdict::Accept)).await?;
    ///     }
    ///     verdicts.flush().await?;
    /// #   break;
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn split(self) -> (Offers, Verdicts) {
        let verdicts = Verdicts { outbox: self.outbox.clone(), fed: Vec::new() };
        (self, verdicts)
    }

    /// Runs a closure over batches until the client ends: see [`Client::verify`](super::Client::verify). Blocks the thread.
    pub(super) fn run(self, mut closure: impl FnMut(&mut [Incoming])) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.offers.take_blocking(&mut batch, BATCH) {
            // The closure's own state is its author's affair; ours is not touched by its unwinding.
            if catch_unwind(AssertUnwindSafe(|| closure(&mut batch))).is_err() {
                tracing::error!(
                    messages = batch.len(),
                    "the verifier's closure panicked: messages without a verdict are left to the deadline"
                );
            }
            hand_over(&self.outbox, &mut batch);
        }
    }
}

/// All of them in one change, so that they leave in one frame.
fn hand_over(outbox: &Outbox, batch: &mut Vec<Incoming>) {
    outbox.change(|waiting| {
        for message in batch.iter_mut() {
            message.hand_over(waiting);
            message.origin.outbox = None;
        }
    });
    batch.clear();
}

impl Sink<(Incoming, Verdict)> for Verdicts {
    type Error = ClientError;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        Poll::Ready(if self.outbox.lock().closed { Err(ClientError::Closed) } else { Ok(()) })
    }

    fn start_send(mut self: Pin<&mut Self>, (mut message, verdict): (Incoming, Verdict)) -> Result<(), ClientError> {
        // One that it was given already keeps its reason.
        if message.verdict != Some(verdict) {
            message.answer(verdict);
        }
        self.fed.push(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        let this = self.get_mut();
        if !this.fed.is_empty() {
            hand_over(&this.outbox, &mut this.fed);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        self.poll_flush(cx)
    }
}
