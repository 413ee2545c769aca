#![allow(clippy::unwrap_used)]

use super::*;

fn target(n: u16) -> Target {
    Target { peer: PeerId::random(), addresses: vec![format!("/ip4/127.0.0.1/tcp/{n}").parse().unwrap()] }
}

fn redial() -> Redial {
    Redial { min: Duration::from_millis(100), max: Duration::from_millis(500) }
}

#[test]
fn every_target_is_due_once_at_the_start() {
    let now = Instant::now();
    let (a, b) = (target(1), target(2));
    let mut dialler = Dialler::new([a.clone(), b.clone(), a.clone()], redial(), now);
    assert_eq!(dialler.due(now), Some(a));
    assert_eq!(dialler.due(now), Some(b));
    assert_eq!((dialler.due(now), dialler.next()), (None, None));
}

#[test]
fn entries_of_one_peer_are_one_target() {
    let now = Instant::now();
    let (mut a, b) = (target(1), target(2));
    let quic: Multiaddr = "/ip4/127.0.0.1/udp/1/quic-v1".parse().unwrap();
    let also = Target { peer: a.peer, addresses: vec![quic.clone()] };
    let mut dialler = Dialler::new([a.clone(), b.clone(), also, a.clone()], redial(), now);
    a.addresses.push(quic);
    assert_eq!(dialler.due(now), Some(a));
    assert_eq!(dialler.due(now), Some(b));
    assert_eq!((dialler.due(now), dialler.next()), (None, None));
}

#[test]
fn the_wait_doubles_up_to_the_longest_and_starts_anew_after_a_connection() {
    let mut now = Instant::now();
    let a = target(1);
    let mut dialler = Dialler::new([a.clone()], redial(), now);
    for expected in [100, 200, 400, 500, 500, 500] {
        assert!(dialler.due(now).is_some());
        dialler.failed(&a.peer, now, 1.0);
        assert_eq!(dialler.next(), Some(now + Duration::from_millis(expected)));
        assert_eq!(dialler.due(now + Duration::from_millis(expected - 1)), None);
        now += Duration::from_millis(expected);
    }
    assert!(dialler.due(now).is_some());
    dialler.connected(&a.peer);
    assert_eq!(dialler.next(), None);
    // A second connection to the same peer failed: nothing to do.
    dialler.failed(&a.peer, now, 1.0);
    assert_eq!(dialler.next(), None);
    dialler.disconnected(&a.peer, now, 0.0);
    assert_eq!(dialler.next(), Some(now + Duration::from_millis(50)), "half of the wait is left to chance");
}

#[test]
fn the_wait_never_overflows() {
    let redial = Redial { min: Duration::from_secs(1), max: Duration::MAX };
    assert_eq!(wait(&redial, 0, 1.0), Duration::from_secs(1));
    assert!(wait(&redial, u32::MAX, 0.5) >= Duration::from_secs(1 << 30));
    let redial = Redial { min: Duration::MAX, max: Duration::from_secs(30) };
    assert!(wait(&redial, 5, 1.0) <= Duration::from_secs(30));
}

#[test]
fn strangers_change_nothing() {
    let now = Instant::now();
    let mut dialler = Dialler::new([], redial(), now);
    let stranger = PeerId::random();
    dialler.connected(&stranger);
    dialler.disconnected(&stranger, now, 0.5);
    dialler.failed(&stranger, now, 0.5);
    assert_eq!((dialler.due(now), dialler.next()), (None, None));
}
