//! Who is there, and who is whose neighbour.
//!
//! ```text
//!   weather-0 --- quakes-0 --- flights-0      and weather-0 --- flights-0; the same for 1, 2, 3
//!       |             |            |
//!       |   each network a full mesh of its nodes
//!       |
//!   weather-1 --- quakes-1 --- flights-1
//!    |     \________  |  ________/
//!    |              dishonest                 beside node 1 of every network
//!  witness-1                                  gets from weather-1 whatever it forwards; 2 and 3 from quakes-1 and flights-1
//!
//!   weather-3 --- quakes-3 --- flights-3
//!    |
//!  witness-0                                  gets from weather-3, whose parent is killed, whatever it forwards
//! ```
//!
//! # Invariants
//! - A witness has one neighbour, so whatever it gets, that one has forwarded or published.
//! - The victim is no neighbour of the dishonest node.
//! - Without any one agent the others still reach each other.

use crate::oracle::{Network, Node};
use crate::report::account::Role;

/// One node: an agent and a parent.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    /// Name in files and output.
    pub(crate) name: String,
    /// What it is there for.
    pub(crate) role: Role,
    /// Its network; of a witness, the one whose internal topic it reads too.
    pub(crate) network: Option<Network>,
    /// Its number within the network.
    pub(crate) node: Node,
    /// Whether its parent is in Go.
    pub(crate) go: bool,
    /// Whom its agent dials: indices of nodes before it.
    pub(crate) dials: Vec<usize>,
}

/// All nodes and what is special about some.
#[derive(Debug, Clone)]
pub(crate) struct Topology {
    /// The nodes.
    pub(crate) spots: Vec<Spot>,
    /// Whose parent is killed.
    pub(crate) victim: usize,
    /// Who sees what the victim forwards.
    pub(crate) witness: usize,
    /// Who sends invalid reports.
    pub(crate) dishonest: usize,
}

impl Topology {
    /// `nodes` nodes for each network, the dishonest one and a witness behind the victim and behind each neighbour of the dishonest one.
    pub(crate) fn new(networks: &[Network], nodes: Node) -> Self {
        let size = usize::from(nodes);
        let mut spots = Vec::new();
        for (row, network) in networks.iter().enumerate() {
            for node in 0..nodes {
                let column = usize::from(node);
                let own = (0..column).map(|other| row * size + other);
                let others = (0..row).map(|other| other * size + column);
                let dials = own.chain(others).collect();
                spots.push(Spot {
                    name: format!("{}-{node}", network.name()),
                    role: Role::Honest,
                    network: Some(*network),
                    node,
                    go: false,
                    dials,
                });
            }
        }
        let (victim, beside) = (size.saturating_sub(1), 1);
        let first = networks.first().copied();
        let mut extra = |name: &str, role, network, dials| {
            spots.push(Spot { name: name.to_owned(), role, network, node: 0, go: false, dials });
            spots.len() - 1
        };
        let dishonest = extra("dishonest", Role::Dishonest, None, (0..networks.len()).map(|row| row * size + beside).collect());
        let witness = extra("witness-0", Role::Witness, first, vec![victim]);
        for row in 0..networks.len() {
            extra(&format!("witness-{}", row + 1), Role::Witness, None, vec![row * size + beside]);
        }
        Self { spots, victim, witness, dishonest }
    }

    /// Gives `count` honest nodes parents in Go, by turns of each network: first those beside the dishonest node, whose lies they have to see through. Never the
    /// victim, whose parent is to know after its restart what it has missed: those messages have no place for that.
    ///
    /// # Errors
    /// When there are not so many.
    pub(crate) fn in_go(&mut self, count: usize) -> anyhow::Result<()> {
        let beside = self.neighbours(self.dishonest);
        let mut able: Vec<usize> = (0..self.spots.len()).filter(|index| *index != self.victim).collect();
        able.retain(|index| self.spots[*index].role == Role::Honest);
        able.sort_by_key(|index| (!beside.contains(index), self.spots[*index].node, *index));
        anyhow::ensure!(count <= able.len(), "--go-parents {count}: at most {} parents can be in Go here", able.len());
        for index in able.into_iter().take(count) {
            self.spots[index].go = true;
        }
        Ok(())
    }

    /// The node's neighbours, whoever dials.
    pub(crate) fn neighbours(&self, index: usize) -> Vec<usize> {
        let own = self.spots.get(index).map(|spot| spot.dials.clone()).unwrap_or_default();
        let others = self.spots.iter().enumerate().filter(|(_, spot)| spot.dials.contains(&index)).map(|(other, _)| other);
        own.into_iter().chain(others).collect()
    }

    /// The outbound topics that the node's agent joins, and the internal one.
    pub(crate) fn internal(&self, index: usize) -> Option<Network> {
        self.spots.get(index).and_then(|spot| spot.network)
    }
}

#[cfg(test)]
#[path = "topology_tests.rs"]
mod tests;
