//! Links over ZeroMQ, by the `zeromq` crate: the agent binds one ROUTER an address, parents connect a DEALER each. What the crate lacks is
//! made up for here; `docs/wire.md`, "Over ZeroMQ", says what crosses the wire.
//!
//! ```text
//!  agent    Link <- inbox ---+                           +--- identity, frames <- peers
//!           Link -> lane --> | hub: owns the ROUTER      |
//!           Listener <- opened links                     +--- connected, gone
//!  parent   Link: owns its DEALER, reads it only when asked
//! ```
//! - **Bounds going out.** The crate queues 100,000 messages a peer. The first part of every message tells when the crate has written it
//!   ([`load`]), so that the sink counts what waits inside the crate, too.
//! - **Bounds coming in.** A ROUTER reads all its peers or none. A peer that sends more than its link has read is cut off (`lane`).
//! - **Fairness.** The crate takes one message of each ready peer in turn; the hub takes a few frames of each ready link in turn, and lets other
//!   tasks run after each round.
//! - **Who is there.** A ROUTER does not say where one link ends and the next begins, so parents say so: open, with a token, and leave.

#[cfg(feature = "listen")]
mod acceptor;
mod dealer;
mod envelope;
#[cfg(feature = "listen")]
mod hub;
#[cfg(feature = "listen")]
mod lane;
#[cfg(feature = "listen")]
mod listener;
mod load;
#[cfg(feature = "listen")]
mod peers;
#[cfg(feature = "listen")]
mod settings;

pub(super) use dealer::{Receiver as DealerReceiver, Sender as DealerSender, connect};
#[cfg(feature = "listen")]
pub(super) use lane::{Receiver as LaneReceiver, Sender as LaneSender};
#[cfg(feature = "listen")]
pub(super) use listener::Listener;
#[cfg(feature = "listen")]
pub use settings::ZeromqSettings;

use std::io;

use super::LinkError;

/// The crate's error as one of a link.
fn failed(what: impl Into<String>) -> impl FnOnce(zeromq::ZmqError) -> LinkError {
    let what = what.into();
    |error| {
        let source = match error {
            zeromq::ZmqError::Network(source) => source,
            other => io::Error::other(other),
        };
        LinkError::Io { what, source }
    }
}
