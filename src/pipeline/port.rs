//! What passes between a network's driver and the links to its parents: one bounded channel each way.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{Arrival, CommandError, LinkId, LinkView, Opened, Order, VerifierTerms};
use pmq_protocol::wire::{ConsumerTerms, Frame, Offer, Outstanding, Record, Ticket, VerdictRefused, Window};

/// From the driver to one link.
#[derive(Debug)]
pub enum LinkMessage {
    /// A message for a verdict.
    Offer(Offer),
    /// A record of the consumer's stream.
    Record(Record),
    /// A verdict that changed nothing.
    VerdictRefused(Ticket, VerdictRefused),
    /// The link is to be ended.
    Detached(DetachReason),
}

/// Why a driver ends a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DetachReason {
    /// The consumer fell behind, and its policy is to disconnect.
    #[error("the consumer fell behind by more than max_lag, and its policy is to disconnect")]
    TooSlow,
    /// The same consumer name was attached elsewhere.
    #[error("the same consumer name was attached by another session")]
    Replaced,
    /// More waits for the link than its parent's credit allows.
    #[error("the parent has overrun its credit: what it caused and did not read fills the link")]
    Overrun,
    /// The network's pipeline was restarted.
    #[error("the network's pipeline failed and is being restarted")]
    Fault,
    /// The agent is shutting down.
    #[error("the agent is shutting down")]
    Shutdown,
}

/// One network of one session, as the driver addresses it.
#[derive(Debug, Clone)]
pub struct LinkPort {
    /// Its name within the agent.
    pub link: LinkId,
    /// The session's index for this network, which stands in its frames.
    pub index: u16,
    /// To the link. Its capacity covers both windows, so that it is never full while the parent keeps to its credit; a full one ends the link.
    /// The driver keeps one place of it for the [`DetachReason`].
    pub down: mpsc::Sender<(u16, LinkMessage)>,
}

/// From a link, or from the requests of parents, to the driver.
#[derive(Debug)]
pub enum DriverMessage {
    /// A parent attached.
    Attach {
        /// How to reach it.
        port: LinkPort,
        /// Its terms, if it verifies or is a shadow.
        verify: Option<VerifierTerms>,
        /// Its terms, if it consumes.
        consume: Option<ConsumerTerms>,
        /// Answered with where the consumer stands.
        opened: oneshot::Sender<Option<Opened>>,
    },
    /// A parent went.
    Gone(LinkId),
    /// A frame of verdicts, and the credit that they release.
    Verdicts(LinkId, u16, Frame, Outstanding),
    /// Processed up to a counter.
    Ack(LinkId, u64),
    /// A verifier's new window.
    VerifyWindow(LinkId, Window),
    /// A consumer's new window.
    ConsumeWindow(LinkId, Window),
    /// A verifier pauses (true) or goes on (false).
    Pause(LinkId, bool),
    /// A message that our own parent has published, and whether own consumers get it.
    Own(Arrival, bool),
    /// An order to the stages.
    Command(Order, oneshot::Sender<Result<(), CommandError>>),
    /// How every link stands.
    Inspect(oneshot::Sender<Vec<LinkView>>),
}

/// What the driver shows of itself, every 500 ms.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The network.
    pub network: Arc<str>,
    /// Messages that came in.
    pub came_in: u64,
    /// Accepted, ignored, rejected.
    pub verdicts: [u64; 3],
    /// Verdicts of the parent's: accept, ignore, reject.
    pub verified: [u64; 3],
    /// Messages whose verdict is pending, and their bytes.
    pub pending: (u64, u64),
    /// Verifiers attached.
    pub verifiers: usize,
    /// The groups in the order of the chain, with their verifiers; one without a name where the file names none.
    pub groups: Vec<(Arc<str>, usize)>,
    /// Verifiers that have paused.
    pub paused: usize,
    /// Shadows attached.
    pub shadows: usize,
    /// Consumers attached.
    pub consumers: usize,
    /// Messages never verified for a cause of our own.
    pub lost_by_us: u64,
    /// Messages shipped to consumers, each consumer's counted.
    pub delivered: u64,
    /// Arrival to report of verified messages, in microseconds: p50, p99, p99.9.
    pub hop_us: [u64; 3],
    /// Times that the pipeline was restarted after a fault.
    pub restarts: u64,
}
