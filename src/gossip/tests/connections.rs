//! Who is connected: redial, limits, the list of allowed peers.

use super::*;

#[tokio::test]
async fn a_restarted_peer_is_redialled() {
    let identity = Identity::ephemeral();
    let first = Node::with(settings(), identity.clone(), network()).await;
    let address = first.address();
    let a = Node::dialling(&[&first]).await;
    a.join("test/t").await;
    a.until(&first, "connected", |view| view.connected).await;
    let handle = a.view(&first).await.unwrap().peer;
    let Node { gossip, running, .. } = first;
    drop(gossip);
    timeout(BOUND, running.task).await.unwrap().unwrap();
    let listen = vec![address.split("/p2p/").next().unwrap().to_owned()];
    let mut second = Node::with(Settings { listen, ..settings() }, identity, network()).await;
    second.join("test/t").await;
    a.until(&second, "connected", |view| view.connected).await;
    a.meshed(&second, "test/t").await;
    a.publish("test/t", "after the restart").await;
    second.expect("after the restart").await;
    assert_eq!(a.view(&second).await.unwrap().peer, handle, "a peer that comes back keeps its handle");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_denied() {
    let meter = Meter::new();
    let _installed = meter.install();
    let mut of_b = settings();
    of_b.connections.total = 1;
    let mut b = Node::new(of_b).await;
    let a = Node::dialling(&[&b]).await;
    b.until(&a, "connected", |view| view.connected).await;
    let c = Node::dialling(&[&b]).await;
    // Refused again and again, since C redials.
    meter.reaches("pmq_gossip_incoming_failed_total", 2).await;
    assert_eq!(b.view(&c).await, None, "the router has never heard of it");
    for node in [&a, &b] {
        node.join("test/t").await;
    }
    a.meshed(&b, "test/t").await;
    a.publish("test/t", "undisturbed").await;
    b.expect("undisturbed").await;
}

#[tokio::test]
async fn only_allowed_peers_connect() {
    let meter = Meter::new();
    let _installed = meter.install();
    let (a_key, c_key) = (Identity::ephemeral(), Identity::ephemeral());
    let b = Node::new(Settings { allow: Some(vec![a_key.peer_id()]), ..settings() }).await;
    let dial_b = || Settings { peers: vec![b.address()], ..settings() };
    let a = Node::with(dial_b(), a_key.clone(), network()).await;
    b.until(&a, "connected", |view| view.connected).await;
    let c = Node::with(dial_b(), c_key.clone(), network()).await;
    meter.reaches("pmq_gossip_incoming_failed_total", 1).await;
    assert_eq!(b.view(&c).await, None);

    b.gossip.allow(AllowChange::Add(vec![c_key.peer_id()])).await.unwrap();
    b.until(&c, "let in", |view| view.connected).await;
    b.gossip.allow(AllowChange::Remove(vec![a_key.peer_id()])).await.unwrap();
    let removed = Instant::now();
    b.until(&a, "disconnected", |view| !view.connected).await;
    assert!(removed.elapsed() < Duration::from_secs(1), "an eviction takes effect within a second");
    assert!(b.view(&c).await.unwrap().connected);

    // An id that cannot be read changes nothing.
    let nonsense = b.gossip.allow(AllowChange::Replace(vec!["nonsense".into()])).await;
    assert!(matches!(nonsense, Err(PeerError::Id(_))));
    assert!(b.view(&c).await.unwrap().connected);
    b.gossip.allow(AllowChange::Replace(Vec::new())).await.unwrap();
    b.until(&c, "disconnected", |view| !view.connected).await;
    b.gossip.allow(AllowChange::Open).await.unwrap();
    b.until(&a, "let in", |view| view.connected).await;
    b.until(&c, "let in", |view| view.connected).await;
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let first = Node::new(settings()).await;
    let taken = first.address().split("/p2p/").next().unwrap().to_owned();
    let error = start(&Settings { listen: vec![taken.clone()], ..settings() }, &Identity::ephemeral(), vec![network()]).await.unwrap_err();
    assert!(error.to_string().contains(&taken), "{error}");
}

#[tokio::test]
async fn a_deadline_beyond_the_cache_is_refused() {
    let mut short = settings();
    short.mesh.history_length = Some(5);
    let error = start(&short, &Identity::ephemeral(), vec![network()]).await.unwrap_err().to_string();
    assert!(error.contains("deadline = 4s") && error.contains("history_length = 5"), "{error}");
}

/// Peers that dial again at once do not hold up one that stops. Of several times one is enough: a busy machine may be late, one that is held up always is.
#[tokio::test]
async fn who_dials_a_node_that_stops_does_not_hold_it_up() {
    let mut took = Vec::new();
    for listen in ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"].repeat(3) {
        let node = Node::new(Settings { listen: vec![listen.into()], ..settings() }).await;
        let redial = Redial { min: Duration::from_millis(1), max: Duration::from_millis(1) };
        let hasty = || Settings { peers: vec![node.address()], redial: redial.clone(), ..settings() };
        let peers = [Node::new(hasty()).await, Node::new(hasty()).await, Node::new(hasty()).await];
        for peer in &peers {
            node.until(peer, "connected", |view| view.connected).await;
        }
        let start = Instant::now();
        node.gossip.stop(Duration::ZERO).await.unwrap();
        timeout(BOUND, node.running.task).await.unwrap().unwrap();
        took.push((listen, start.elapsed()));
    }
    for transport in ["/tcp/", "/udp/"] {
        let fastest = took.iter().filter(|(listen, _)| listen.contains(transport)).map(|(_, took)| *took).min().unwrap();
        assert!(fastest < task::FAREWELL, "{took:?}");
    }
}
