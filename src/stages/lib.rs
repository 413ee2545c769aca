//! The rooms on a network's pipeline: synchronous, without IO, the clock an argument.
//!
//! | name in a network's file | going in | coming out |
//! |---|---|---|
//! | `admission` | topic, size, rates, quotas | gives the quotas back |
//! | `decode` | reads origin, epoch, sequence number, content tag | |
//! | `sequence-window` | refuses what is old or known | commits what was accepted |
//! | `validation-queue` | owns what waits for a verdict | |
//! | `delivery` | fans out what was accepted | |
//!
//! A stage is one folder and one line in [`Registry::standard`].

pub mod admission;
pub mod decode;
pub mod delivery;
#[cfg(test)]
mod fixture;
mod registry;
mod settings;
mod table;
#[cfg(test)]
pub(crate) mod testing;
pub mod validation;
pub mod window;

pub use pmq_protocol::InvalidSetting;
pub use registry::{Registry, StageError};
pub use settings::{NetworkContext, StageSettings};

#[cfg(test)]
mod stack_tests;
