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
        Link::new(ConnectionId::new_unchecked(next), Transport::Quic, incoming, now + Duration::from_secs(after))
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
        peers.closed(&peer, older.id, Ending::Agreed, now);
        assert!(!peers.opened(&peer, link(second, after), dialling));
    }
}

#[test]
fn transports_are_those_of_the_open_connections() {
    let (now, peer) = (Instant::now(), PeerId::random());
    let mut peers = Peers::new(1);
    peers.connected(peer, now).unwrap();
    let link = |id, transport| Link::new(ConnectionId::new_unchecked(id), transport, false, now);
    let transports = |peers: &Peers| peers.iter().next().unwrap().transports();
    for (id, transport) in [(1, Transport::Quic), (2, Transport::Tcp), (3, Transport::Quic)] {
        peers.opened(&peer, link(id, transport), Duration::ZERO);
    }
    assert_eq!(transports(&peers), [Transport::Tcp, Transport::Quic]);
    peers.closed(&peer, ConnectionId::new_unchecked(1), Ending::Agreed, now);
    peers.closed(&peer, ConnectionId::new_unchecked(2), Ending::Agreed, now);
    assert_eq!(transports(&peers), [Transport::Quic]);
    peers.closed(&peer, ConnectionId::new_unchecked(3), Ending::Agreed, now);
    assert_eq!(transports(&peers), []);
}

/// A table with one peer, and its connections `(incoming, seconds)` opened one after the other: what each of them showed.
struct Links {
    peers: Peers,
    peer: PeerId,
    start: Instant,
    opened: usize,
}

impl Links {
    fn new() -> Self {
        let (mut peers, peer, start) = (Peers::new(1), PeerId::random(), Instant::now());
        peers.connected(peer, start).unwrap();
        Self { peers, peer, start, opened: 0 }
    }

    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    /// Its id is the number of those before.
    fn open(&mut self, incoming: bool, second: u64) -> bool {
        let link = Link::new(ConnectionId::new_unchecked(self.opened), Transport::Quic, incoming, self.at(second));
        self.opened += 1;
        self.peers.opened(&self.peer, link, Duration::from_secs(10))
    }

    fn overdue(&mut self, second: u64) -> Vec<PeerId> {
        let now = self.at(second);
        self.peers.overdue(now)
    }

    fn close(&mut self, link: usize, ending: Ending, second: u64) -> bool {
        let now = self.at(second);
        self.peers.closed(&self.peer, ConnectionId::new_unchecked(link), ending, now)
    }
}

#[test]
fn a_peer_that_lost_the_connection_it_was_greeted_on_begins_anew() {
    for (ending, anew) in [(Ending::Lost, true), (Ending::Unclear, true), (Ending::Agreed, false)] {
        let mut links = Links::new();
        assert!(!links.open(false, 0));
        assert!(!links.open(true, 5), "as far as that shows, both have dialled at once");
        assert_eq!(links.close(0, ending, 10), anew, "{ending:?}");
        // What is closing is not closed twice; what has inherited the greeting is as good as the first.
        links.open(false, 11);
        assert!(links.close(1, Ending::Lost, 12), "{ending:?}");
        assert!(!links.close(2, Ending::Lost, 13), "nothing stands");
        assert!(!links.close(2, Ending::Lost, 13), "nothing is known of it");
    }
    // Not greeted on the one that was lost.
    let mut links = Links::new();
    links.open(false, 0);
    links.open(true, 5);
    assert!(!links.close(1, Ending::Lost, 10));
}

#[test]
fn a_peer_that_keeps_two_connections_is_cut_once_a_minute() {
    let mut links = Links::new();
    links.open(true, 0);
    assert!(links.open(true, 0));
    // Both are being closed, and count no more.
    assert!(!links.open(true, 1));
    assert!(links.close(0, Ending::Agreed, 1), "the third was never greeted");
    assert!(!links.close(1, Ending::Agreed, 1) && !links.close(2, Ending::Agreed, 1));
    links.open(true, 2);
    assert!(!links.open(true, 3), "cut a second ago");
    assert!(!links.close(3, Ending::Unclear, 4), "cut three seconds ago");
    assert_eq!(links.overdue(59), []);
    assert!(!links.open(true, 60));
    assert!(links.close(4, Ending::Lost, 60), "what is lost is lost, whatever the time");
    assert!(!links.close(5, Ending::Agreed, 60));
    links.open(true, 61);
    assert!(!links.open(true, 119));
    assert!(links.open(true, 120));
    assert_eq!(links.overdue(1_000), [], "nothing was put off");
}

#[test]
fn what_could_not_be_cut_is_cut_later() {
    for (ending, overdue) in [(Ending::Unclear, true), (Ending::Agreed, false)] {
        let mut links = Links::new();
        links.open(true, 0);
        assert!(links.open(true, 1));
        links.close(0, Ending::Agreed, 1);
        links.close(1, Ending::Agreed, 1);
        // It is back, dies, and is back again.
        links.open(true, 2);
        assert!(!links.open(true, 10), "cut nine seconds ago");
        assert!(!links.close(2, ending, 11));
        assert_eq!(links.overdue(60), []);
        let expected: &[PeerId] = if overdue { &[links.peer] } else { &[] };
        assert_eq!(links.overdue(61), expected, "{ending:?}");
        assert_eq!(links.overdue(200), [], "once");
    }
}
