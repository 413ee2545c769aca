#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::message::{Body, Observation, Report, Round, Signer, median};
use super::*;

/// A network of four with all its keys, which no process of the demo ever has.
pub(super) struct Four {
    pub(super) keys: Vec<Arc<NodeKey>>,
    pub(super) roster: Arc<Roster>,
}

pub(super) const TAKEOVER: Duration = Duration::from_millis(500);

impl Four {
    pub(super) fn new() -> Self {
        let keys: Vec<_> = (0..4).map(|_| Arc::new(NodeKey::generate())).collect();
        let publics = keys.iter().map(|key| key.public()).collect::<Vec<_>>();
        let roster = Roster::new(&BTreeMap::from([(Network::Weather, publics)])).unwrap();
        Self { keys, roster: Arc::new(roster) }
    }

    pub(super) fn identity(&self, node: Node) -> Identity {
        let key = self.keys[usize::from(node)].clone();
        Identity { network: Network::Weather, node, key, roster: self.roster.clone() }
    }

    pub(super) fn assembly(&self, node: Node) -> Assembly {
        Assembly::new(self.identity(node), 7, TAKEOVER)
    }

    pub(super) fn body(&self, seq: u64, nodes: &[Node]) -> Body {
        let round = Round { network: Network::Weather, epoch: 7, seq };
        let observations: Vec<_> = nodes
            .iter()
            .map(|&node| {
                let value = observe(4000, 1, round, node);
                Observation { node, value, sig: self.keys[usize::from(node)].sign(&round.observed(node, value)) }
            })
            .collect();
        Body { round, median: median(observations.iter().map(|seen| seen.value)), observations }
    }

    pub(super) fn sign(&self, body: Body, nodes: &[Node]) -> Report {
        let bytes = body.signed_bytes();
        let signers = nodes.iter().map(|&node| Signer { node, sig: self.keys[usize::from(node)].sign(&bytes) }).collect();
        Report { body, signers }
    }

    pub(super) fn report(&self, seq: u64) -> Report {
        self.sign(self.body(seq, &[0, 1, 3]), &[0, 2, 3])
    }
}
