//! The first router: libp2p-gossipsub. Whatever is particular to that crate stands in this folder.

mod behaviour;
mod config;
mod ids;
mod networks;
mod score;

pub(super) use behaviour::Stock;
pub(super) use config::{Forward, config};
pub use ids::id as message_id;
pub(super) use networks::Networks;
pub(super) use score::{peer_params, thresholds, topic_params};
