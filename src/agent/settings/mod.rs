//! What the composition root itself is set by: `[agent]`, `[attach]`'s limits and grants, `[log]`, and the head of a network's file.

mod agent;
mod attach;
mod log;
mod network;

pub use agent::{Agent, AgentError, Placement};
pub use attach::{Attach, AttachError, Grant, GrantError, Role, Who};
pub use log::{Format, Log};
pub use network::{Head, HeadError, Unclaimed};
