//! The road of one network: what travels on it, the glue of its stages, the tables that own what waits, and its driver.

mod batch;
mod command;
mod driver;
mod envelope;
mod inlet;
mod judges;
mod link;
mod log;
mod metrics;
mod plan;
mod port;
mod road;
mod stage;
mod tally;
mod tap;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tickets;
mod topics;
mod view;
mod wheel;
mod wrapped;

pub use batch::{BATCH_MESSAGES, Batch, Pool};
pub use command::{Command, CommandError, MarkAction, Order};
pub use driver::{Build, Channels, DRAIN, Driver, RouterGone};
pub use envelope::{Arrival, Envelope, Header, MAX_ORIGIN, Origin, Outcome, Peer, Settled, Topic};
pub use inlet::{Inlet, Overflowed};
pub use judges::{Census, Compared, Conflict, Heard, News, Said, Seat, VerifierTerms};
pub use link::{LinkId, Opened, Outlet, Shipment, Store};
pub use log::{Entry, Log, LogError};
pub use plan::{OrderError, OutletBlueprint, Part, Plan, StoreBlueprint};
pub use port::{Cut, Down, LinkPort, Snapshot, Up};
pub use road::{Report, Road, RoadError};
pub use stage::{Blueprint, Core, Fault, Pass, Stack, Stage, StageLayer};
pub use tally::{Tally, TopicTally};
pub use tap::{Ended, Look, Open, Seen, Sight, TAP_RECORDS, Tap};
pub use tickets::{End, Known, Tickets};
pub use topics::{Claims, TooManyTopics, Topics};
pub use view::{ConsumerView, Drops, LinkView, Refusals, VerifierView};
pub use wheel::{TICK, Wheel};
pub use wrapped::{PipelineLayer, Wrapped};
