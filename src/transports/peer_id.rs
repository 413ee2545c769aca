//! A peer id as text.

use libp2p_identity::PeerId;

/// The peer id that a text stands for, in the form in which ids are compared. `None` for a text that is no peer id.
#[must_use]
pub fn peer_id(text: &str) -> Option<String> {
    text.parse().ok().map(|id: PeerId| id.to_base58())
}
