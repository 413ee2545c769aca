//! What passes between a network's pipeline and the links to its parents.

use std::time::Instant;

use super::{
    ConsumerView, Envelope, LogError, QueueEvent, Topic, VerdictEffect, VerdictRecord, VerifierCounts, VerifierTerms, VerifierView,
};
use pmq_protocol::wire::{ConsumerTerms, Cursor, Offer, Reason, Record, Ticket, VerdictRefused, Window};

/// One parent's attachment to one network, in one session. Never reused while the agent runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LinkId(pub u32);

/// A record for one consumer.
#[derive(Debug, Clone)]
pub struct Shipment {
    /// The consumer.
    pub link: LinkId,
    /// What it gets.
    pub record: Record,
}

/// The room that owns every message whose verdict is pending.
pub trait PendingQueue: Send {
    /// Takes every live message of the batch; what finds no room is settled by the fallback.
    fn admit(&mut self, batch: &mut super::Batch, now: Instant);
    /// A verifier or a shadow came. Answers whether its group exists; otherwise nothing has changed.
    fn attach(&mut self, link: LinkId, terms: VerifierTerms, now: Instant) -> bool;
    /// A verifier or a shadow went; what it had in flight waits for another one.
    fn detach(&mut self, link: LinkId, now: Instant);
    /// A verifier's window changed.
    fn window(&mut self, link: LinkId, window: Window);
    /// A verifier's credit came back.
    fn released(&mut self, link: LinkId, messages: u32, bytes: u64);
    /// A verifier wants no further messages for now, or wants them again.
    fn pause(&mut self, link: LinkId, paused: bool);
    /// A verdict. What it settles is moved to `out.settled`.
    ///
    /// # Errors
    /// [`VerdictRefused`] when it changes nothing.
    fn verdict(
        &mut self,
        link: LinkId,
        ticket: Ticket,
        said: VerdictRecord,
        now: Instant,
        out: &mut super::Batch,
    ) -> Result<VerdictEffect, VerdictRefused>;
    /// Settles by the fallback what has reached its deadline.
    fn expire(&mut self, now: Instant, out: &mut super::Batch);
    /// Settles everything for one reason of our own (shutdown, fault).
    fn flush(&mut self, reason: Reason, out: &mut super::Batch);
    /// Hands out what the verifiers' credit allows.
    fn hand_out(&mut self, now: Instant, out: &mut Vec<(LinkId, Offer)>);
    /// Messages whose verdict is pending.
    fn len(&self) -> usize;
    /// Whether none is pending.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Payload bytes that rest here.
    fn bytes(&self) -> u64;
    /// Verifiers attached; shadows are none.
    fn verifiers(&self) -> usize;
    /// Who is attached, group by group.
    fn census(&self) -> VerifierCounts;
    /// What the operator is to hear of; to be drained after every step.
    fn news(&mut self) -> &mut Vec<QueueEvent>;
    /// How a link stands as a verifier; `None` if it is none.
    fn view(&self, link: LinkId) -> Option<VerifierView>;
}

/// The last room: fans accepted messages out to consumers.
pub trait Delivery: Send {
    /// An accepted message.
    fn deliver(&mut self, envelope: &Envelope);
    /// Messages that never had a verdict for a cause of our own.
    fn unverified(&mut self, topic: &Topic, cause: Reason, count: u64);
    /// Keeps what was delivered; called once a batch, before an Accept takes effect.
    ///
    /// # Errors
    /// [`LogError`] when the log cannot keep its promise.
    fn commit(&mut self) -> Result<(), LogError>;
    /// A consumer came. Answers the cursor as of which it is served, and the link that it takes over from, if any.
    fn open(&mut self, link: LinkId, terms: &ConsumerTerms) -> Opened;
    /// A consumer went.
    fn close(&mut self, link: LinkId);
    /// A consumer has processed everything up to `counter`.
    fn ack(&mut self, link: LinkId, counter: u64);
    /// A consumer's window changed.
    fn window(&mut self, link: LinkId, window: Window);
    /// Ships what the consumers' credit allows. Links to be cut for slowness are pushed to `cut`.
    fn pump(&mut self, out: &mut Vec<Shipment>, cut: &mut Vec<LinkId>);
    /// Consumers attached.
    fn consumers(&self) -> usize;
    /// How a link stands as a consumer; `None` if it is none.
    fn view(&self, link: LinkId) -> Option<ConsumerView>;
    /// Entries that the log holds.
    fn queued(&self) -> u64;
    /// Names of consumers whose place was forgotten to make room, since this outlet was built.
    fn forgotten(&self) -> u64 {
        0
    }
}

/// How a consumer was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The stream, and the last counter before the first record that will be shipped.
    pub cursor: Cursor,
    /// A link that was attached under the same name and is attached no more.
    pub replaced: Option<LinkId>,
}
