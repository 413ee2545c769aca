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
