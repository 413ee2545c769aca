//! What crosses the boundary between an agent and its parents.
//!
//! - [`wire`]: frames, ids, tickets, verdicts and reasons, and how they are written (`docs/wire.md`);
//! - [`session`]: the attach protocol as two state machines without IO, one for each end;
//! - [`setting`]: how a setting that cannot work is reported.
//!
//! ```text
//!  agent                                              parent
//!  AgentEnd   --- offers, records, answers --->   ParentEnd
//!             <-- verdicts, acks, requests ----
//! ```
//!
//! Nothing here reads a clock, a socket or a random number: `now` is an argument, bytes come in and go out.

pub mod session;
pub mod setting;
pub mod wire;

pub use setting::InvalidSetting;
