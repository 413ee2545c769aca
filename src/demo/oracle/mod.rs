//! An oracle network in small: observations, signatures, rounds, and how each of them can be falsified. No IO but its files, no agent.

mod assembly;
mod dishonest;
mod keys;
mod message;
mod network;
mod verify;

#[cfg(test)]
mod test_support;
#[cfg(test)]
#[path = "vectors_tests.rs"]
mod vectors;

pub(crate) use assembly::{Assembly, Identity, Output};
pub(crate) use dishonest::{Ages, Kind, Liar, Lie};
pub(crate) use keys::{Node, NodeKey, Roster, Sig};
pub(crate) use message::{Internal, NUMBERS_PER_ROUND, Report, Round, fingerprint, open_internal, open_report};
pub(crate) use network::Network;
#[cfg(test)]
pub(crate) use verify::Invalid;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};

/// What a node's instrument shows for a true value: the same for the same seed, another for every node and round.
pub(crate) fn observe(truth: i64, seed: u64, round: Round, node: Node) -> i64 {
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(round.observed(node, truth)).finalize();
    let mut rng = StdRng::from_seed(digest.into());
    let noise = round.network.noise();
    truth.saturating_add(rng.random_range(-noise..=noise))
}
