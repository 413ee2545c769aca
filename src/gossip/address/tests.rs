#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::net::{TcpListener, UdpSocket};

use super::*;

fn of(text: &str) -> Option<Transport> {
    transport(&text.parse().unwrap())
}

#[test]
fn the_address_chooses_the_transport() {
    let peer = PeerId::random();
    for (text, transport) in [
        ("/ip4/10.0.0.1/tcp/4001", Transport::Tcp),
        ("/ip6/::1/tcp/4001", Transport::Tcp),
        ("/ip4/10.0.0.1/udp/4001/quic-v1", Transport::Quic),
        ("/ip6/::1/udp/4001/quic-v1", Transport::Quic),
    ] {
        assert_eq!(of(text), Some(transport));
        assert_eq!(of(&format!("{text}/p2p/{peer}")), Some(transport));
        assert_eq!(listen_address(text).unwrap().to_string(), text);
        let read = target(&format!("{text}/p2p/{peer}")).unwrap();
        assert_eq!((read.peer, read.addresses), (peer, vec![text.parse().unwrap()]));
        assert!(listen_address(&format!("{text}/p2p/{peer}")).is_err(), "an own id is no part of a listen address");
        assert!(target(text).is_err(), "a peer without an id");
    }
}

#[test]
fn anything_else_is_refused() {
    let peer = PeerId::random();
    for text in [
        "/ip4/10.0.0.1",
        "/ip4/10.0.0.1/udp/4001",
        "/ip4/10.0.0.1/udp/4001/quic",
        "/ip4/10.0.0.1/tcp/4001/quic-v1",
        "/ip4/10.0.0.1/tcp/4001/ws",
        "/ip4/10.0.0.1/udp/4001/quic-v1/webtransport",
        "/dns4/localhost/udp/4001/quic-v1",
        "/tcp/4001",
    ] {
        assert_eq!(of(text), None, "{text}");
        assert!(listen_address(text).is_err() && target(&format!("{text}/p2p/{peer}")).is_err(), "{text}");
    }
    assert!(listen_address("0.0.0.0:4001").is_err());
    assert_eq!(of(&format!("/ip4/10.0.0.1/tcp/1/p2p/{peer}/p2p/{peer}")), None);
}

#[test]
fn a_taken_port_is_seen() {
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let tcp_address = |port| format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap();
    let udp_address = |port| format!("/ip4/127.0.0.1/udp/{port}/quic-v1").parse().unwrap();
    let (tcp_port, udp_port) = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
    for taken in [tcp_address(tcp_port), udp_address(udp_port)] {
        assert_eq!(probe(&taken).unwrap_err().kind(), std::io::ErrorKind::AddrInUse, "{taken}");
    }
    drop((tcp, udp));
    probe(&tcp_address(tcp_port)).unwrap();
    probe(&udp_address(udp_port)).unwrap();
    probe(&tcp_address(0)).unwrap();
}
