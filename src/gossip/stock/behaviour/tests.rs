#![allow(clippy::unwrap_used)]

use std::time::Duration;

use libp2p::core::ConnectedPoint;

use super::*;
use crate::settings::NetworkSettings;
use pmq_pipeline::{Claims, Topics};

fn stock() -> Stock {
    let network = NetworkOverlay::new("test", Claims(vec!["test/*".into()]), Duration::from_secs(4), &NetworkSettings::default());
    Stock::new(&Settings::default(), vec![network]).unwrap()
}

#[test]
fn a_subscription_that_is_told_after_its_peer_has_gone_counts_nowhere() {
    let mut stock = stock();
    let topic = Topics::new(1).intern("test/t").unwrap();
    let (peer_id, connection_id) = (PeerId::random(), ConnectionId::new_unchecked(1));
    let subscribed = || Event::Subscribed { peer_id, topic: hash(&topic) };
    let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
    let endpoint = ConnectedPoint::Listener { local_addr: address.clone(), send_back_addr: address.clone() };
    drop(stock.handle_established_inbound_connection(connection_id, peer_id, &address, &address).unwrap());
    let (failed_addresses, other_established) = (&[][..], 0);
    let established = ConnectionEstablished { peer_id, connection_id, endpoint: &endpoint, failed_addresses, other_established };
    stock.on_swarm_event(FromSwarm::ConnectionEstablished(established));
    assert!(matches!(stock.translate(subscribed()), Some(RouterEvent::Joined { .. })));
    assert_eq!(stock.eligible(&topic), 1);
    let closed = ConnectionClosed { peer_id, connection_id, endpoint: &endpoint, cause: None, remaining_established: 0 };
    stock.on_swarm_event(FromSwarm::ConnectionClosed(closed));
    assert_eq!(stock.eligible(&topic), 0);
    assert!(stock.translate(subscribed()).is_none());
    assert_eq!(stock.eligible(&topic), 0);
    assert!(stock.members.is_empty());
}
