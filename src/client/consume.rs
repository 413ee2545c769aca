//! Deliveries: a stream with acks and a cursor.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;

use super::mailbox::Mailbox;
use super::outbox::Outbox;
use pmq_protocol::wire::{Cursor, GapReason, MessageId, Reason};

/// One entry of a consumer's stream, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// An accepted message.
    Message {
        /// Its place in the stream.
        cursor: Cursor,
        /// Its topic.
        topic: Arc<str>,
        /// Its id in the overlay.
        id: MessageId,
        /// Its bytes.
        payload: Bytes,
    },
    /// Records that were dropped: what is lost is never silent.
    Gap {
        /// The place of the last one that is missing.
        cursor: Cursor,
        /// Counter of the first one that is missing.
        from: u64,
        /// How many messages were lost; 0 where that is not known (after a restart of the agent).
        count: u64,
        /// Why.
        reason: GapReason,
    },
    /// Messages that never had a verdict for a cause on this side (no verifier, timeout, full queue): not delivered, and not forwarded.
    Unverified {
        /// Its place in the stream.
        cursor: Cursor,
        /// Their topic.
        topic: Arc<str>,
        /// The cause.
        cause: Reason,
        /// How many in a row.
        count: u64,
    },
}

impl Delivery {
    /// Its place in the stream, as given to [`Consumer::ack`].
    ///
    /// ```
    /// use pmq_client::{Cursor, Delivery, GapReason};
    ///
    /// let cursor = Cursor { stream: 1, counter: 9 };
    /// let gap = Delivery::Gap { cursor, from: 7, count: 3, reason: GapReason::DropOldest };
    /// assert_eq!(gap.cursor(), cursor);
    /// ```
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        match self {
            Self::Message { cursor, .. } | Self::Gap { cursor, .. } | Self::Unverified { cursor, .. } => *cursor,
        }
    }
}

/// A network's consumer: taken from [`Client::consumer`](super::Client::consumer). Ends when the client does.
///
/// ```
/// use futures::StreamExt;
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::ClientError> {
/// # start_agent("doc-consumer").await;
/// # let builder = pmq_client::Client::builder("memory:doc-consumer");
/// # let client = builder.consume("weather", pmq_client::ConsumeOptions::default()).connect().await?;
/// let mut consumer = client.consumer("weather")?;
/// while let Some(delivery) = consumer.next().await {
///     println!("{delivery:?}");
///     consumer.ack(&delivery);
/// #   break;
/// }
/// # Ok(()) }
/// ```
/// Deliveries take up credit until they are acked: a consumer that never acks gets one window and no more.
#[derive(Debug)]
pub struct Consumer {
    pub(super) records: Arc<Mailbox<Delivery>>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) slot: usize,
}

impl Consumer {
    /// This delivery and all before it are processed: after a lost link, or in another process, the stream goes on behind it.
    /// One that belongs to a stream which the agent has given up since changes nothing.
    ///
    /// ```
    /// use futures::StreamExt;
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::ClientError> {
    /// # start_agent("doc-ack").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-ack");
    /// # let client = builder.consume("weather", pmq_client::ConsumeOptions::default()).connect().await?;
    /// let mut consumer = client.consumer("weather")?;
    /// if let Some(delivery) = consumer.next().await {
    ///     consumer.ack(&delivery);
    ///     assert_eq!(consumer.cursor(), delivery.cursor());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn ack(&self, delivery: &Delivery) {
        let new = delivery.cursor();
        let behind = |old: &Cursor| old.stream == new.stream && old.counter < new.counter;
        let slot = self.slot;
        if behind(&self.outbox.lock().acked[slot]) {
            // Only this consumer moves it forward within one stream; a new stream in between is looked for again.
            self.outbox.change(|waiting| {
                if behind(&waiting.acked[slot]) {
                    waiting.acked[slot] = new;
                }
            });
        }
    }

    /// Where it stands: the last ack. To be kept where the messages are kept, and given to
    /// [`ConsumeOptions::cursor`](super::ConsumeOptions::cursor) by the next process.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::ClientError> {
    /// # start_agent("doc-cursor").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-cursor");
    /// # let client = builder.consume("weather", pmq_client::ConsumeOptions::default()).connect().await?;
    /// let consumer = client.consumer("weather")?;
    /// let cursor = consumer.cursor();
    /// println!("the next process goes on behind {}:{}", cursor.stream, cursor.counter);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.outbox.lock().acked[self.slot]
    }
}

impl Stream for Consumer {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.records.poll_pop(cx)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.records.abandon();
    }
}
