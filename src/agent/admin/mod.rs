//! The control socket: what the operator asks of a running agent, as JSON lines (`docs/control.md`).
//!
//! ```text
//!   pmq tap      --+                    +--> taps of the networks' drivers (bounded, lossy, counted)
//!   pmq publish  --+--> socket, 0600 --+--> the requests of parents, as a parent's publish goes
//!   pmq parents  --+                    +--> sessions, and each driver's view of their links
//! ```
//!
//! # Invariants
//! - Only the agent's own user and root are listened to (`SO_PEERCRED`).
//! - A client that does not read costs its own connection's bounds and nothing else; at most `control.max_clients` of them are served.
//! - What is shown is a copy: no client keeps a payload, a session or a pipeline waiting.

mod answer;
mod client;
mod lines;
mod parents;
mod publish;
mod request;
mod serve;
pub mod settings;
mod tap;

pub use answer::{
    Answer, Code, Consuming, Credit, Done, Lost, Message, Missed, OnNetwork, Parent, Problem, Published, Publishing, Said, Tapping,
    Verifying,
};
pub use lines::{LineError, Lines};
pub use publish::{MAX_OUTSTANDING, MAX_OUTSTANDING_BYTES};
pub use request::{Ask, MAX_REQUEST, Outcome, PublishAsk, PublishLine, TapAsk, VERSION, read, write};
pub use serve::Admin;
pub(crate) use serve::serve;

/// Bytes that so many clients may take, where the largest message has `largest` bytes.
#[must_use]
pub fn memory(clients: u32, largest: u64) -> u64 {
    let under_way = largest.saturating_add(MAX_OUTSTANDING_BYTES as u64);
    publish::longest_line(largest).saturating_add(under_way).saturating_mul(clients.into())
}

#[cfg(test)]
mod tests;
