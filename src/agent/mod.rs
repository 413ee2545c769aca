//! The composition root: builds every room from its settings, joins them, and takes them down in order.

pub mod console;
pub mod control;
pub mod directory;
mod grace;
mod health;
mod networks;
pub mod ops;
mod p2pmq;
pub mod parents;
mod placement;
mod plugin;
mod run;
pub mod settings;
mod subscriptions;
mod turn;

pub use networks::ARRIVALS;
pub(crate) use p2pmq::CALLS as P2PMQ_CALLS;
pub use plugin::{Plugin, PluginError};
pub use run::{RunError, run, run_as_plugin, run_with};
pub use subscriptions::Holder;
pub use turn::{Turn, Turns};
