#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn one_host_has_so_many_and_no_more_until_one_goes() {
    let (strangers, host) = (Strangers::default(), IpAddr::from([192, 0, 2, 1]));
    let mut all: Vec<_> = (0..UNPROVEN_PER_HOST).map(|_| strangers.let_in(host).unwrap()).collect();
    assert!(strangers.let_in(host).is_none());
    assert!(strangers.let_in("::ffff:192.0.2.1".parse().unwrap()).is_none(), "the same host in the other form");
    let other = strangers.let_in(IpAddr::from([192, 0, 2, 2])).unwrap();
    all.pop();
    all.push(strangers.let_in(host).unwrap());
    assert!(strangers.let_in(host).is_none());
    drop((all, other));
    assert!(strangers.0.lock().unwrap().is_empty(), "hosts are not kept");
}

#[test]
fn a_network_of_ipv6_is_one_host() {
    let strangers = Strangers::default();
    let address = |last: u32| format!("2001:db8::{last:x}").parse().unwrap();
    let all: Vec<_> = (0..UNPROVEN_PER_HOST).map(|last| strangers.let_in(address(last)).unwrap()).collect();
    assert!(strangers.let_in(address(999)).is_none());
    assert!(strangers.let_in("2001:db8:0:1::1".parse().unwrap()).is_some());
    drop(all);
}
