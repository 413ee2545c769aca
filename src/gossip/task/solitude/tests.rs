use super::*;

const BOUND: Duration = Duration::from_secs(30);

#[test]
fn only_the_first_peer_after_a_long_solitude_ends_it() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut solitude = Solitude::new(BOUND);
    assert!(solitude.connected(at(0)), "the start counts");
    assert!(!solitude.connected(at(100)));
    solitude.disconnected(at(101));
    assert!(!solitude.connected(at(200)), "there was a peer all the time");
    solitude.disconnected(at(201));
    solitude.disconnected(at(202));
    assert!(!solitude.connected(at(232)), "no longer than the bound");
    solitude.disconnected(at(240));
    assert!(solitude.connected(at(271)));
    assert!(!solitude.connected(at(400)));
}
