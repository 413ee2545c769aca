//! Looks at all agents again and again: for readiness, for the table, and for what becomes of the dishonest node.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::health::{self, Health};
use super::layout::Place;
use super::topology::Topology;
use crate::oracle::Network;
use crate::report::account::Role;
use crate::report::facts::{Nanos, now};
use crate::report::summary::{Percentiles, Verdicts};
use crate::report::table::Row;
use pmq_gossip::Transport;

/// What is known of all agents.
#[derive(Debug)]
pub(crate) struct Observer {
    ports: Vec<u16>,
    ids: Vec<String>,
    topology: Topology,
    networks: Vec<Network>,
    /// The last that each one said. Of a dead agent, its last words.
    last: Vec<Option<Health>>,
    /// When each neighbour of the dishonest node was first seen to read nothing of it any more.
    graylisted: BTreeMap<usize, Nanos>,
}

impl Observer {
    /// Nothing seen yet.
    pub(crate) fn new(topology: &Topology, places: &[Place], networks: &[Network]) -> Self {
        Self {
            ports: places.iter().map(|place| place.ops).collect(),
            ids: places.iter().map(|place| place.peer_id.clone()).collect(),
            last: vec![None; places.len()],
            topology: topology.clone(),
            networks: networks.to_vec(),
            graylisted: BTreeMap::new(),
        }
    }

    /// Asks everybody, all at once.
    pub(crate) async fn look(&mut self) {
        let answers = join_all(self.ports.iter().map(|port| health::ask(*port))).await;
        for (last, answer) in self.last.iter_mut().zip(answers) {
            if answer.is_some() {
                *last = answer;
            }
        }
        let at = now();
        for neighbour in self.topology.neighbours(self.topology.dishonest) {
            if self.of_dishonest(neighbour).is_some_and(|peer| peer.graylisted) {
                self.graylisted.entry(neighbour).or_insert(at);
            }
        }
    }

    fn of_dishonest(&self, neighbour: usize) -> Option<&health::PeerHealth> {
        let id = self.ids.get(self.topology.dishonest)?;
        self.last.get(neighbour)?.as_ref()?.peers.get(id)
    }

    /// All of them.
    pub(crate) fn nodes(&self) -> usize {
        self.last.len()
    }

    /// Agents that have answered at all.
    pub(crate) fn answering(&self) -> usize {
        self.last.iter().flatten().count()
    }

    /// What is still missing before rounds can begin, or `None`.
    pub(crate) fn missing(&self) -> Option<String> {
        for (index, spot) in self.topology.spots.iter().enumerate() {
            let name = &spot.name;
            let Some(health) = self.last.get(index).and_then(Option::as_ref) else {
                return Some(format!("{name}'s agent does not answer"));
            };
            if !health.ready {
                return Some(format!("{name}'s agent is not ready"));
            }
            for (network, attached) in &health.networks {
                if attached.verifiers == 0 || (attached.consumers == 0 && spot.role != Role::Witness) {
                    return Some(format!("{name}'s parent is not attached to {network}"));
                }
            }
            for (topic, neighbours) in self.joined(index) {
                let mesh = health.peers.values().filter(|peer| peer.mesh.iter().any(|of| *of == topic)).count();
                // Two ways in are enough: the mesh may leave out some neighbours for a while.
                if mesh < neighbours.min(2) {
                    return Some(format!("{name} has {mesh} of {neighbours} neighbours in the mesh of {topic}"));
                }
            }
        }
        None
    }

    /// The topics that a node joins, and how many of its neighbours join them too.
    fn joined(&self, index: usize) -> Vec<(&'static str, usize)> {
        let neighbours = self.topology.neighbours(index);
        let mut joined: Vec<_> = self.networks.iter().map(|network| (network.reports(), neighbours.len())).collect();
        if let Some(network) = self.topology.internal(index) {
            let others = neighbours.iter().filter(|other| self.topology.internal(**other) == Some(network)).count();
            joined.push((network.shares(), others));
        }
        joined
    }

    /// How often an agent has a neighbour over a transport.
    pub(crate) fn neighbours_over(&self, transport: Transport) -> usize {
        let peers = self.last.iter().flatten().flat_map(|health| health.peers.values());
        peers.filter(|peer| peer.transports.iter().any(|of| of == transport.as_str())).count()
    }

    /// The dishonest node's best score among its neighbours; 0 if none has one.
    pub(crate) fn score(&self) -> f64 {
        let neighbours = self.topology.neighbours(self.topology.dishonest);
        let best = neighbours.into_iter().filter_map(|neighbour| self.of_dishonest(neighbour)).map(|peer| peer.score).reduce(f64::max);
        best.unwrap_or_default()
    }

    /// When the last of its neighbours had graylisted it; those for which `live` is false do not count.
    pub(crate) fn graylisted(&self, live: impl Fn(usize) -> bool) -> Option<Nanos> {
        let mut last = None;
        for neighbour in self.topology.neighbours(self.topology.dishonest).into_iter().filter(|neighbour| live(*neighbour)) {
            last = last.max(Some(*self.graylisted.get(&neighbour)?));
        }
        last
    }

    /// One network at all honest agents.
    pub(crate) fn row(&self, network: Network) -> Row {
        let mut row = Row { name: network.name(), ..Row::default() };
        let mut hops = Vec::new();
        let honest = self.topology.spots.iter().zip(&self.last).filter(|(spot, _)| spot.role == Role::Honest);
        for health in honest.filter_map(|(_, health)| health.as_ref()?.networks.get(network.name())) {
            let Verdicts { accept, ignore, reject } = row.verdicts;
            row.verdicts = Verdicts { accept: accept + health.accept, ignore: ignore + health.ignore, reject: reject + health.reject };
            row.forwarded += health.forwarded;
            row.delivered += health.delivered;
            hops.push(health.hop);
        }
        row.hop = Percentiles::merged(&hops);
        row
    }
}
