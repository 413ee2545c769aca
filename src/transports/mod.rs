//! Links between agent and parent: twins under one small face. They move frames and know who is at the other end, nothing else.
//!
//! ```text
//!  agent                                                       parent
//!  Listener::bind(address) -> accept() -> Link  <=======>  Link <- connect(address)
//!                                          |  incoming: Stream<Frame>
//!                                          |  outgoing: Sink<Frame>
//!                                          |  peer:     Credential
//! ```
//! What every twin promises, proved by one suite of tests that runs against each of them:
//! - lengths are checked against the receiver's [`Limits`](crate::wire::Limits) before anything is allocated;
//! - frames arrive whole, in order, once; a peer that dies ends `incoming` at once;
//! - nothing is lost when a half-finished `next`, `send` or `flush` is dropped and called again;
//! - what waits to be sent is bounded by count and bytes: past either bound the sink is not ready (back-pressure, nothing is dropped).
//!
//! A new transport is one folder here, one variant of [`Address`] and of the enums in `link.rs`, and one line in the suite.

mod address;
mod error;
#[cfg(feature = "client-grpc")]
pub mod grpc;
mod link;
mod listener;
mod memory;
mod place;
mod proof;
#[cfg(feature = "client-quic")]
pub mod quic;
mod secret;
mod settings;
mod throttle;
mod token;
mod unix;
mod zeromq;

#[cfg(test)]
mod tests;

pub use address::Address;
pub use error::LinkError;
pub use link::{Credential, FrameSink, FrameStream, Link};
pub use listener::{Listener, connect, connect_with};
pub use proof::Proof;
pub use settings::{SettingsError, SocketMode, UnixSettings};
pub use token::{Token, TokenError, TokenFile};
#[cfg(feature = "agent")]
pub(crate) use unix::{AcceptError, Listener as LocalSocket};
pub use zeromq::{ZeromqError, ZeromqSettings};

/// Frames that may wait to be sent on one link; the sink is not ready past it.
pub const SEND_FRAMES: usize = 1024;

/// Bytes that may wait to be sent on one link; the sink is not ready past it. One frame of any allowed size passes when nothing waits.
pub const SEND_BYTES: usize = 1024 * 1024;
