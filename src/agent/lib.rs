//! The composition root: builds every room from its settings, joins them, and takes them down in order.

mod builder;
pub mod console;
pub mod control;
pub mod directory;
mod error;
mod grace;
mod health;
mod listeners;
mod networks;
pub mod ops;
mod p2pmq;
pub mod parents;
mod placement;
mod plugin;
pub mod settings;
mod start;
mod subscriptions;
mod turn;

pub use builder::{Agent, AgentBuilder};
pub use error::RunError;
pub use networks::ARRIVALS;
pub use p2pmq::CALLS as P2PMQ_CALLS;
pub use plugin::{Plugin, PluginError};

pub use settings::Settings;
pub use subscriptions::Holder;
pub use turn::{Turn, Turns};
