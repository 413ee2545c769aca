//! The agent's side of the attach: accepts parents, runs a session for each, and connects it to the drivers of its networks.
//!
//! ```text
//!   Listener --accept--> admit (grants, bounds) --> Session task --Up--> drivers
//!                                                    |      ^----Down---- drivers
//!                                                    +--Request--> control --> Reply
//! ```

mod admit;
mod events;
mod registry;
mod replies;
mod serve;
mod session;
mod writer;

pub use admit::{Admission, Refusal};
pub use registry::{Place, Registry, SessionInfo};
pub use serve::{Parents, serve};
