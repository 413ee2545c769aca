//! A parent process. Of PMQ it uses the public client, nothing else.

mod actor;
mod control;
mod judge;
mod setup;

pub(crate) use control::Order;
pub(crate) use setup::{Part, Setup};
