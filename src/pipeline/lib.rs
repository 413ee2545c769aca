//! The pipeline of one network: what travels on it, the glue of its stages, the tables that own what waits, and its driver.

mod batch;
mod command;
mod driver;
mod envelope;
mod inlet;
mod link;
mod log;
mod metrics;
mod pipeline;
mod plan;
mod port;
mod stage;
mod tally;
mod tap;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tickets;
mod topics;
mod verifiers;
mod view;
mod wheel;
mod wrapped;

pub use batch::{BATCH_MESSAGES, Batch, Pool};
pub use command::{Command, CommandError, MarkAction, Order};
pub use driver::{Build, Channels, DRAIN, Driver, RouterGone};
pub use envelope::{Arrival, Envelope, Header, MAX_ORIGIN, Origin, Outcome, Peer, Settled, Topic};
pub use inlet::{Inlet, Overflowed};
pub use link::{Delivery, LinkId, Opened, PendingQueue, Shipment};
pub use log::{Entry, Log, LogError};
pub use pipeline::{Pipeline, PipelineError, Report};
pub use plan::{DeliveryBlueprint, OrderError, Part, PendingQueueBlueprint, Plan};
pub use port::{DetachReason, DriverMessage, LinkMessage, LinkPort, Snapshot};
pub use stage::{Blueprint, Core, Fault, Pass, Stack, Stage, StageLayer};
pub use tally::{Tally, TopicTally};
pub use tap::{TAP_RECORDS, Tap, TapItem, TapRecord, TapSender, TapSubject, TapSubscription};
pub use tickets::{End, Known, Tickets};
pub use topics::{Claims, TooManyTopics, Topics};
pub use verifiers::{Compared, Conflict, QueueEvent, VerdictEffect, VerdictRecord, VerifierCounts, VerifierRole, VerifierTerms};
pub use view::{ConsumerView, Drops, LinkView, Refusals, VerifierView};
pub use wheel::{TICK, Wheel};
pub use wrapped::{PipelineLayer, Wrapped};
