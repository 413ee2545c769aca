//! The parent's library: verify, consume, publish; reconnects and resumes by itself.
//!
//! One [`Client`] is one connection to one agent. What it wants is declared before it connects, because the agent grants it by name:
//!
//! ```
//! use futures::StreamExt;
//! use pmq_client::{Client, ConsumeOptions, Delivery, VerifyOptions};
//!
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # start_agent("node-1").await;
//! // Or unix:///run/pmq/agent.sock: an agent in a process of its own.
//! let client = Client::builder("memory:node-1")
//!     .verify("weather", VerifyOptions::default())
//!     .consume("weather", ConsumeOptions::named("archive"))
//!     .produce("weather")
//!     .connect()
//!     .await?;
//!
//! // Verdicts: a closure over a batch, on a thread of its own.
//! client.verify("weather", |batch| {
//!     for message in batch {
//!         if message.payload.starts_with(b"report") { message.accept() } else { message.reject() }
//!     }
//! })?;
//!
//! // Publishing: safe to repeat, a message that was sent before is no error.
//! let sent = client.publish("weather", "weather/reports", "report 1").await?;
//! println!("{} to {} peers", sent.id, sent.peers);
//!
//! // Consuming: in order, with what was lost in its place.
//! let mut consumer = client.consumer("weather")?;
//! while let Some(delivery) = consumer.next().await {
//!     match &delivery {
//!         Delivery::Message { payload, .. } => println!("{} bytes", payload.len()),
//!         Delivery::Gap { count, .. } => println!("{count} messages were lost"),
//!         Delivery::Unverified { count, .. } => println!("{count} messages never had a verdict"),
//!     }
//!     consumer.ack(&delivery);
//! #   if delivery.cursor().counter == 2 { break }
//! }
//! # Ok(()) }
//! ```
//!
//! # What holds
//! - **The connection has a task of its own**, in which no code of the user runs: heartbeats flow while a verifier computes. (Do not block
//!   the runtime's only thread, though: on a current-thread runtime heavy verification belongs in [`Client::verify`]'s closure.)
//! - **Everything is bounded**: offers and records by the windows given here (credit comes back with verdicts and acks), verdicts by the
//!   offers they answer, requests by 1,024 at a time (further calls wait).
//! - **A lost link** is dialled again with jittered pauses of 50 ms to 2 s. Consumers resume behind their last ack and see nothing
//!   twice while the process lives; verifiers, pauses and subscriptions are set up again; publishes are sent again until their deadline;
//!   other requests that were under way fail with [`RequestError::LinkLost`]. Thresholds, marks and allow-lists belong to the agent: when
//!   [`Client::status`] tells of a new connection, set again what an agent's restart may have lost.
//! - **A refusal that no repetition can mend** (another protocol version, a role or network that is not granted, a second session under
//!   the same consumer name) ends the client: [`Status::Refused`], every stream ends, every call fails with the reason.
//!
//! The crate's rkyv format features (`little_endian`, `unaligned`, `pointer_width_32`) unify over a whole build: a parent's own rkyv data
//! gets them too.

mod attachment;
mod backoff;
mod builder;
mod connection;
mod consume;
mod error;
mod handle;
mod inbound;
mod mailbox;
mod options;
mod outbox;
mod request;
mod session;
mod slot;
mod status;
mod verify;

#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use consume::{Consumer, Delivery};
pub use error::{ClientError, PublishError, RequestError};
pub use handle::Client;
pub use options::{ConsumeOptions, VerifyOptions};
pub use request::Published;
pub use status::Status;
pub use verify::{Incoming, Offers, Verdicts, Verifier};

pub use pmq_protocol::wire::{AllowOp, Cursor, GapReason, MarkOp, MessageId, Overflow, PublishStatus, Reason, RefuseCode, Verdict, Window};
/// What a parent writes in front of its messages, where its network's codec is `pmq`: origin, epoch and sequence number.
pub use pmq_protocol::wire::{HeaderError, HeaderOrigin, PmqHeader};
pub use pmq_transports::Token;
#[cfg(feature = "grpc")]
pub use pmq_transports::grpc::Certificate;
#[cfg(feature = "quic")]
pub use pmq_transports::quic::Identity;
