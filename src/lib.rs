//! PMQ: a messaging engine that a node can trust with its voice.

pub mod client;
pub mod session;
pub mod transports;
pub mod wire;

#[cfg(feature = "agent")]
pub mod agent;
#[cfg(feature = "agent")]
pub mod bench;
#[cfg(feature = "agent")]
pub mod cli;
#[cfg(feature = "agent")]
pub mod config;
#[cfg(feature = "agent")]
pub mod demo;
#[cfg(feature = "agent")]
pub mod gossip;
#[cfg(feature = "agent")]
pub mod pipeline;
#[cfg(feature = "agent")]
pub mod stages;
