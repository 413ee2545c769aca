//! The road of one network: what travels on it, the glue of its stages, the tables that own what waits, and its driver.

mod batch;
mod command;
mod envelope;
mod link;
mod log;
mod plan;
mod stage;
mod tickets;
mod topics;
mod wheel;

pub use batch::{BATCH_MESSAGES, Batch, Pool};
pub use command::{Command, CommandError, MarkAction, Order};
pub use envelope::{Arrival, Envelope, Header, MAX_ORIGIN, Origin, Outcome, Peer, Settled, Topic};
pub use link::{LinkId, Opened, Outlet, Shipment, Store};
pub use log::{Entry, Log, LogError};
pub use plan::{OrderError, OutletBlueprint, Part, Plan, StoreBlueprint};
pub use stage::{Blueprint, Core, Fault, Pass, Stack, Stage, StageLayer};
pub use tickets::{End, Known, Tickets};
pub use topics::{Claims, TooManyTopics, Topics};
pub use wheel::{TICK, Wheel};
