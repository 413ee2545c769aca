#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
use std::io;
use std::time::Duration;

use futures::StreamExt;
use libp2p::ping;
use libp2p::swarm::SwarmEvent;

use super::*;
use crate::identity::Identity;
use crate::net::assemble;
use crate::settings::Settings;

#[test]
fn only_a_goodbye_is_agreed() {
    let of = |error: io::Error| Ending::of(Some(&ConnectionError::IO(error)));
    assert_eq!(Ending::of(None), Ending::Agreed);
    assert_eq!(Ending::of(Some(&ConnectionError::KeepAliveTimeout)), Ending::Agreed);
    assert_eq!(of(io::Error::other("closed by peer: 0")), Ending::Agreed);
    assert_eq!(of(io::Error::other(io::Error::other("connection is closed"))), Ending::Unclear);
    for lost in ["timed out", "reset by peer", "aborted by peer: closed by peer: 0"] {
        assert_eq!(of(io::Error::other(lost)), Ending::Lost);
    }
    assert_eq!(of(io::ErrorKind::ConnectionReset.into()), Ending::Lost);
}

/// The texts are those of the libraries in use.
#[tokio::test]
async fn a_peer_that_closes_says_so() {
    for (listen, ending) in [("/ip4/127.0.0.1/udp/0/quic-v1", Ending::Agreed), ("/ip4/127.0.0.1/tcp/0", Ending::Unclear)] {
        let swarm = || assemble(&Settings::default(), &Identity::ephemeral(), ping::Behaviour::default()).unwrap();
        let (mut here, mut there) = (swarm(), swarm());
        here.listen_on(listen.parse().unwrap()).unwrap();
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = here.select_next_some().await {
                break address;
            }
        };
        there.dial(address).unwrap();
        let closed = async {
            loop {
                tokio::select! {
                    event = here.select_next_some() => match event {
                        // Alive and in use.
                        SwarmEvent::Behaviour(ping::Event { result, .. }) => {
                            result.unwrap();
                            let _ = there.disconnect_peer_id(*here.local_peer_id());
                        }
                        SwarmEvent::ConnectionClosed { cause, .. } => break Ending::of(cause.as_ref()),
                        _ => {}
                    },
                    event = there.select_next_some() => if let SwarmEvent::ConnectionClosed { cause, .. } = event {
                        assert_eq!(Ending::of(cause.as_ref()), Ending::Agreed);
                    },
                }
            }
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(20), closed).await.unwrap(), ending, "{listen}");
    }
}
