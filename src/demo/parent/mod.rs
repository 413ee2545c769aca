//! A parent process. Of PMQ it uses the public client, nothing else.

mod actor;
mod control;
mod judge;
mod process;
mod setup;

pub(crate) use control::Order;
pub(crate) use process::run;
pub(crate) use setup::{Part, Setup};
