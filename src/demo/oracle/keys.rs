//! Keys: every node signs with its own, and everybody knows the public ones.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use k256::ecdsa::signature::{Signer, Verifier};
use k256::ecdsa::{Signature, SigningKey, VerifyingKey};
use rand::Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Network;

/// A node's number within its network, from 0.
pub(crate) type Node = u8;

/// A secp256k1 signature (ECDSA over SHA-256, low s), as its two scalars.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Sig(pub(crate) [u8; 32], pub(crate) [u8; 32]);

/// A node's private key. One process holds it.
pub(crate) struct NodeKey(SigningKey);

impl std::fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeKey(..)")
    }
}

impl NodeKey {
    /// A new key from the system's randomness. Never from the run's seed, which every process knows.
    pub(crate) fn generate() -> Self {
        let mut secret = [0; 32];
        loop {
            rand::rng().fill_bytes(&mut secret);
            // Fails for 0 and beyond the group's order: once in 2^127 draws.
            if let Ok(key) = SigningKey::from_slice(&secret) {
                return Self(key);
            }
        }
    }

    /// Signs `bytes`.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Sig {
        let signature: Signature = self.0.sign(bytes);
        let (r, s) = signature.split_bytes();
        Sig(r.into(), s.into())
    }

    /// The public half, compressed.
    pub(crate) fn public(&self) -> Vec<u8> {
        self.0.verifying_key().to_sec1_point(true).as_bytes().to_vec()
    }

    /// Writes the key to a new file that only its owner can read.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub(crate) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        file.write_all(hex::encode(self.0.to_bytes()).as_bytes()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads a key that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// When the file cannot be read or holds no key.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the key file {}", path.display()))?;
        let no_key = || format!("{} holds no secp256k1 key", path.display());
        let secret = hex::decode(text.trim()).map_err(|_| anyhow::anyhow!(no_key()))?;
        Ok(Self(SigningKey::from_slice(&secret).map_err(|_| anyhow::anyhow!(no_key()))?))
    }
}

/// Public keys of all networks' nodes: what a verifier must know, and all that it knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roster {
    networks: BTreeMap<Network, Vec<VerifyingKey>>,
}

impl Roster {
    /// Reads the public keys, in the order of the nodes' numbers.
    ///
    /// # Errors
    /// When bytes are no point on the curve, or a network has fewer than 4 nodes or more than a node number can name.
    pub(crate) fn new(networks: &BTreeMap<Network, Vec<Vec<u8>>>) -> anyhow::Result<Self> {
        let mut read = BTreeMap::new();
        for (network, keys) in networks {
            let name = network.name();
            anyhow::ensure!(
                (4..=255).contains(&keys.len()),
                "network {name} has {} nodes: at least 4 are needed to bear one fault",
                keys.len()
            );
            let keys: Result<Vec<_>, _> = keys.iter().map(|key| VerifyingKey::from_sec1_bytes(key)).collect();
            read.insert(*network, keys.map_err(|_| anyhow::anyhow!("the roster of {name} holds bytes that are no public key"))?);
        }
        Ok(Self { networks: read })
    }

    /// The roster as text for its file: network -> public keys in hex.
    pub(crate) fn to_json(&self) -> anyhow::Result<String> {
        let hex = |keys: &Vec<VerifyingKey>| keys.iter().map(|key| hex::encode(key.to_sec1_point(true).as_bytes())).collect::<Vec<_>>();
        let networks: BTreeMap<_, _> = self.networks.iter().map(|(network, keys)| (network, hex(keys))).collect();
        Ok(serde_json::to_string_pretty(&networks)?)
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// When the text is no roster.
    pub(crate) fn from_json(text: &str) -> anyhow::Result<Self> {
        let networks: BTreeMap<Network, Vec<String>> = serde_json::from_str(text).context("the roster is no JSON of network -> keys")?;
        let mut keys = BTreeMap::new();
        for (network, texts) in networks {
            keys.insert(network, texts.iter().map(hex::decode).collect::<Result<Vec<_>, _>>().context("a key in the roster is no hex")?);
        }
        Self::new(&keys)
    }

    /// Nodes of a network; 0 for an unknown one.
    pub(crate) fn nodes(&self, network: Network) -> usize {
        self.networks.get(&network).map_or(0, Vec::len)
    }

    /// Faulty nodes that the network bears: the largest f with n >= 3f + 1.
    pub(crate) fn faults(&self, network: Network) -> usize {
        self.nodes(network).saturating_sub(1) / 3
    }

    /// Whether that node signed these bytes. False for a node that is not in the roster.
    pub(crate) fn signed(&self, network: Network, node: Node, bytes: &[u8], sig: &Sig) -> bool {
        let Some(key) = self.networks.get(&network).and_then(|keys| keys.get(usize::from(node))) else { return false };
        Signature::from_scalars(sig.0, sig.1).is_ok_and(|signature| key.verify(bytes, &signature).is_ok())
    }

    /// The node's origin in message headers: a digest of its public key, so that no node can take another one's numbers by accident.
    pub(crate) fn origin(&self, network: Network, node: Node) -> Option<[u8; 32]> {
        let key = self.networks.get(&network)?.get(usize::from(node))?;
        Some(Sha256::digest(key.to_sec1_point(true).as_bytes()).into())
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
