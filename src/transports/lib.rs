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
//! - lengths are checked against the receiver's [`Limits`](pmq_protocol::wire::Limits) before anything is allocated;
//! - frames arrive whole, in order, once; a peer that dies ends `incoming` at once;
//! - nothing is lost when a half-finished `next`, `send` or `flush` is dropped and called again;
//! - what waits to be sent is bounded by count and bytes: past either bound the sink is not ready (back-pressure, nothing is dropped).
//!
//! A new transport is one folder here, one variant of [`Address`] and of the enums in `link.rs`, and one line in the suite.

#[cfg(feature = "listen")]
mod accept;
mod address;
mod alarm;
mod connect;
mod ends;
mod error;
#[cfg(feature = "grpc")]
pub mod grpc;
mod link;
#[cfg(feature = "listen")]
mod listener;
mod memory;
#[cfg(feature = "quic")]
mod peer_id;
mod proof;
#[cfg(feature = "quic")]
pub mod quic;
mod secret;
#[cfg(feature = "listen")]
mod settings;
#[cfg(feature = "listen")]
mod socket_dir;
#[cfg(feature = "listen")]
mod throttle;
mod token;
#[cfg(feature = "listen")]
mod tokens;
#[cfg(feature = "unix")]
mod unix;
#[cfg(feature = "zeromq")]
mod zeromq;

#[cfg(all(test, feature = "listen"))]
mod suite;

#[cfg(feature = "listen")]
pub use accept::AcceptError;
pub use address::Address;
pub use alarm::Alarm;
pub use connect::{connect, connect_with};
pub use ends::Credential;
pub use error::LinkError;
pub use link::{FrameSink, FrameStream, Link};
#[cfg(feature = "listen")]
pub use listener::Listener;
pub use proof::Proof;
#[cfg(feature = "listen")]
pub use settings::{SocketMode, UnixSettings};
pub use token::Token;
#[cfg(feature = "listen")]
pub use tokens::TokenFile;
#[cfg(feature = "listen")]
pub use unix::Listener as LocalSocket;
#[cfg(feature = "listen")]
pub use zeromq::ZeromqSettings;

/// Frames that may wait to be sent on one link; the sink is not ready past it.
pub const SEND_FRAMES: usize = 1024;

/// Bytes that may wait to be sent on one link; the sink is not ready past it. One frame of any allowed size passes when nothing waits.
pub const SEND_BYTES: usize = 1024 * 1024;
