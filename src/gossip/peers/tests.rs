#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn handles_are_stable_never_reused_and_bounded() {
    let now = Instant::now();
    let mut peers = Peers::new(2);
    let ids: Vec<PeerId> = (0..5).map(|_| PeerId::random()).collect();
    let handles: Vec<Peer> = ids.iter().map(|id| peers.connected(*id, now).unwrap()).collect();
    for id in &ids[..3] {
        peers.disconnected(id);
        peers.disconnected(id);
    }
    // The first that left is forgotten, the others are not.
    assert_eq!((peers.id(handles[0]), peers.handle(&ids[0])), (None, None));
    assert_eq!(peers.id(handles[1]), Some(ids[1]));
    assert_eq!(peers.iter().count(), 4);
    // One that came back is not forgotten when its old turn comes.
    assert_eq!(peers.connected(ids[1], now), Some(handles[1]));
    peers.disconnected(&ids[3]);
    peers.disconnected(&ids[4]);
    assert_eq!(peers.id(handles[1]), Some(ids[1]));
    assert_eq!(peers.id(handles[2]), None);
    // One that was forgotten is a new one.
    assert!(!handles.contains(&peers.connected(ids[0], now).unwrap()));
}

#[test]
fn the_last_handle_is_the_last() {
    let mut peers = Peers::new(0);
    peers.next = u32::MAX;
    assert_eq!(peers.connected(PeerId::random(), Instant::now()), None);
    assert_eq!(peers.connected(PeerId::random(), Instant::now()), None);
}

#[test]
fn a_dial_by_a_peer_that_is_connected_shows_that_it_is_not() {
    let now = Instant::now();
    let dialling = Duration::from_secs(10);
    let mut next = 0;
    let mut link = |incoming, after| {
        next += 1;
        Link { id: ConnectionId::new_unchecked(next), transport: Transport::Quic, incoming, since: now + Duration::from_secs(after) }
    };
    for (first, second, after, anew) in [
        // It has dialled before, and has forgotten that.
        (true, true, 0, true),
        // Both have dialled at once, in either order.
        (false, true, 10, false),
        (true, false, 10, false),
        // No dial takes that long.
        (false, true, 11, true),
        // We have dialled: nothing is known of what the peer has forgotten.
        (true, false, 11, false),
    ] {
        let mut peers = Peers::new(1);
        let peer = PeerId::random();
        peers.connected(peer, now).unwrap();
        let older = link(first, 0);
        assert!(!peers.opened(&peer, older, dialling));
        assert_eq!(peers.opened(&peer, link(second, after), dialling), anew, "{first} {second} {after}");
        // What has closed counts no more.
        let mut peers = Peers::new(1);
        peers.connected(peer, now).unwrap();
        peers.opened(&peer, older, dialling);
        peers.closed(&peer, older.id);
        assert!(!peers.opened(&peer, link(second, after), dialling));
    }
}

#[test]
fn transports_are_those_of_the_open_connections() {
    let (now, peer) = (Instant::now(), PeerId::random());
    let mut peers = Peers::new(1);
    peers.connected(peer, now).unwrap();
    let link = |id, transport| Link { id: ConnectionId::new_unchecked(id), transport, incoming: false, since: now };
    let transports = |peers: &Peers| peers.iter().next().unwrap().transports();
    for (id, transport) in [(1, Transport::Quic), (2, Transport::Tcp), (3, Transport::Quic)] {
        peers.opened(&peer, link(id, transport), Duration::ZERO);
    }
    assert_eq!(transports(&peers), [Transport::Tcp, Transport::Quic]);
    peers.closed(&peer, ConnectionId::new_unchecked(1));
    peers.closed(&peer, ConnectionId::new_unchecked(2));
    assert_eq!(transports(&peers), [Transport::Quic]);
    peers.closed(&peer, ConnectionId::new_unchecked(3));
    assert_eq!(transports(&peers), []);
}
