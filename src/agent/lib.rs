//! The composition root: builds every room from its settings, joins them, and takes them down in order.

pub mod admin;
mod builder;
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
mod publish_order;
pub mod requests;
pub mod settings;
mod start;
mod subscriptions;

pub use builder::{Agent, AgentBuilder};
pub use error::RunError;
pub use networks::ARRIVALS;
pub use p2pmq::CALLS as P2PMQ_CALLS;
pub use plugin::{Plugin, PluginError};

pub use publish_order::{PublishOrder, Turn};
pub use settings::Settings;
pub use subscriptions::Holder;
