//! Against a bare libp2p-gossipsub node that signs, or names an author, as nodes of the Go predecessor do.

use futures::StreamExt;
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, ValidationMode};
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, SwarmBuilder, noise, tcp, yamux};

use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Author {
    Signed,
    Unsigned,
    Anonymous,
}

/// Connects a bare node to `to`, which publishes `payload` once as soon as `to` is on the topic, and then serves on.
fn bare(author: Author, to: &str, payload: &'static str) -> tokio::task::JoinHandle<()> {
    let key = Keypair::generate_ed25519();
    let privacy = match author {
        Author::Signed => MessageAuthenticity::Signed(key.clone()),
        Author::Unsigned => MessageAuthenticity::Author(key.public().to_peer_id()),
        Author::Anonymous => MessageAuthenticity::Anonymous,
    };
    let mode = if author == Author::Anonymous { ValidationMode::Anonymous } else { ValidationMode::Permissive };
    let config = gossipsub::ConfigBuilder::default().validation_mode(mode).build().unwrap();
    let behaviour =
        gossipsub::Behaviour::<gossipsub::IdentityTransform, gossipsub::AllowAllSubscriptionFilter>::new(privacy, config).unwrap();
    let mut swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| behaviour)
        .unwrap()
        .build();
    let topic = IdentTopic::new("test/t");
    swarm.behaviour_mut().subscribe(&topic).unwrap();
    swarm.dial(to.parse::<Multiaddr>().unwrap()).unwrap();
    tokio::spawn(async move {
        loop {
            if let SwarmEvent::Behaviour(gossipsub::Event::Subscribed { .. }) = swarm.select_next_some().await {
                swarm.behaviour_mut().publish(topic.hash(), payload.as_bytes()).unwrap();
            }
        }
    })
}

/// What becomes of a bare node's message: true if it arrives, false if it is refused with a penalty.
async fn arrives(predecessor: bool, author: Author) -> bool {
    let mut node = Node::with(settings(), Identity::ephemeral(), NetworkOverlay { predecessor, ..network() }).await;
    node.join("test/t").await;
    let other = bare(author, &node.address(), "authored");
    let start = Instant::now();
    let arrived = loop {
        if let Ok(arrival) = node.arrivals.try_recv() {
            assert_eq!(arrival.payload, "authored");
            break true;
        }
        // The refusal is an invalid message (P4).
        if node.gossip.peers().await.unwrap().iter().any(|view| view.score < -10.0) {
            break false;
        }
        assert!(start.elapsed() < BOUND, "neither taken nor refused");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    other.abort();
    arrived
}

#[tokio::test]
async fn the_predecessors_messages_are_taken_where_the_network_says_so() {
    assert!(arrives(true, Author::Unsigned).await);
    assert!(arrives(true, Author::Anonymous).await);
    assert!(!arrives(false, Author::Unsigned).await);
    assert!(arrives(false, Author::Anonymous).await);
}

#[tokio::test]
async fn signed_messages_are_refused_everywhere() {
    assert!(!arrives(true, Author::Signed).await);
    assert!(!arrives(false, Author::Signed).await);
}

/// One network's choice is not another's, though gossipsub's validation mode is one for all.
#[tokio::test]
async fn a_network_beside_the_predecessors_stays_anonymous() {
    let predecessor = NetworkOverlay { predecessor: true, claims: Claims(vec!["old/*".into()]), ..network() };
    let (gossip, running) = start(&settings(), &Identity::ephemeral(), vec![predecessor, network()]).await.unwrap();
    let (sink, mut arrivals) = mpsc::channel(8);
    gossip.subscribe(topic("test/t"), Inlet::new(sink, Overflowed::default())).await.unwrap();
    let other = bare(Author::Unsigned, running.listen.first().unwrap(), "authored");
    let start = Instant::now();
    while gossip.peers().await.unwrap().iter().all(|view| view.score > -10.0) {
        assert!(start.elapsed() < BOUND && arrivals.try_recv().is_err());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    other.abort();
}
