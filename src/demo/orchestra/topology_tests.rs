#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use super::*;

#[test]
fn witnesses_have_one_neighbour_and_the_victim_is_not_beside_the_dishonest() {
    for networks in 1..=3 {
        for nodes in [4, 7, 16] {
            let topology = Topology::new(&Network::ALL[..networks], nodes);
            assert_eq!(topology.spots.len(), networks * usize::from(nodes) + 2 + networks);
            for (index, spot) in topology.spots.iter().enumerate() {
                let neighbours = topology.neighbours(index);
                match spot.role {
                    Role::Witness => assert_eq!(neighbours.len(), 1),
                    Role::Dishonest => assert_eq!(neighbours.len(), networks),
                    Role::Honest => assert!(neighbours.len() >= usize::from(nodes) - 1),
                }
                assert!(spot.dials.iter().all(|dialled| *dialled < index), "dialled ones are there first");
            }
            assert_eq!(topology.neighbours(topology.witness), [topology.victim]);
            let beside = topology.neighbours(topology.dishonest);
            assert!(!beside.contains(&topology.victim));
            let watched: BTreeSet<_> = (topology.witness + 1..topology.spots.len()).map(|other| topology.neighbours(other)[0]).collect();
            assert_eq!(watched, beside.into_iter().collect(), "a witness behind each neighbour of the dishonest node");
        }
    }
}

#[test]
fn any_one_agent_can_be_spared() {
    let topology = Topology::new(&Network::ALL, 4);
    let honest: BTreeSet<_> = (0..12).collect();
    for gone in 0..12 {
        let mut reached = BTreeSet::new();
        let mut next = vec![(gone + 1) % 12];
        while let Some(index) = next.pop() {
            if index != gone && honest.contains(&index) && reached.insert(index) {
                next.extend(topology.neighbours(index));
            }
        }
        assert_eq!(reached.len(), 11);
    }
}

#[test]
fn parents_in_go_are_beside_the_dishonest_first_and_never_the_victim() {
    let mut topology = Topology::new(&Network::ALL, 4);
    let go = |topology: &Topology| -> Vec<String> { topology.spots.iter().filter(|spot| spot.go).map(|spot| spot.name.clone()).collect() };
    topology.in_go(0).unwrap();
    assert!(go(&topology).is_empty());
    topology.in_go(2).unwrap();
    assert_eq!(go(&topology), ["weather-1", "quakes-1"]);
    topology.in_go(11).unwrap();
    assert_eq!(go(&topology).len(), 11);
    assert!(!topology.spots[topology.victim].go && topology.spots.iter().all(|spot| !spot.go || spot.role == Role::Honest));
    assert!(topology.in_go(12).unwrap_err().to_string().contains("at most 11"));
}
