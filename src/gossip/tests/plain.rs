//! A node without an agent, between two agents.

use std::future::poll_fn;

use super::*;

/// Puts a plain node between two agents, each of which publishes until the other has something of it.
async fn forwards(verdicts: Verdicts) {
    let (mut a, mut c) = (Node::new(settings()).await, Node::new(settings()).await);
    a.join("test/t").await;
    c.join("test/t").await;
    let between = Settings { peers: vec![a.address(), c.address()], ..settings() };
    let mut plain = Plain::start(&between, &Identity::ephemeral(), network(), "test/t", verdicts).await.unwrap();
    let (seen, mut all) = mpsc::channel(1024);
    tokio::spawn(async move {
        loop {
            let mut see = |payload: &[u8]| seen.try_send(payload.to_vec()).unwrap();
            poll_fn(|cx| plain.poll(cx, &mut see)).await.unwrap();
        }
    });
    // A mesh forms with a heartbeat: what comes before goes no further.
    for (from, to) in [(&a.gossip, &mut c.arrivals), (&c.gossip, &mut a.arrivals)] {
        let start = Instant::now();
        let arrived = loop {
            from.publish(topic("test/t"), format!("{} at {:?}", from.peer_id(), start.elapsed()).into()).await.unwrap();
            if let Ok(arrival) = timeout(Duration::from_millis(50), to.recv()).await {
                break arrival.unwrap();
            }
            assert!(start.elapsed() < BOUND, "nothing gets through after {BOUND:?}");
        };
        assert!(arrived.payload.starts_with(from.peer_id().as_bytes()));
        while all.recv().await.unwrap() != arrived.payload {}
    }
}

#[tokio::test]
async fn a_plain_node_forwards_at_once() {
    forwards(Verdicts::None).await;
}

#[tokio::test]
async fn a_plain_node_forwards_what_it_reports() {
    forwards(Verdicts::Reported).await;
}

#[tokio::test]
async fn a_plain_node_publishes_and_ends_with_its_neighbour() {
    let mut agent = Node::new(settings()).await;
    agent.join("test/t").await;
    let settings = Settings { peers: vec![agent.address()], ..settings() };
    let mut plain = Plain::start(&settings, &Identity::ephemeral(), network(), "test/t", Verdicts::None).await.unwrap();
    assert!(!plain.publish(b"nobody is there".to_vec()));
    let start = Instant::now();
    while !plain.publish(format!("{:?}", start.elapsed()).into_bytes()) {
        assert!(start.elapsed() < BOUND, "nobody is on the topic after {BOUND:?}");
        let looked = timeout(Duration::from_millis(10), poll_fn(|cx| plain.poll(cx, &mut |_| {}))).await;
        looked.map_or(Ok(()), |looked| looked).unwrap();
    }
    let served = tokio::spawn(async move {
        loop {
            poll_fn(|cx| plain.poll(cx, &mut |_| {})).await?;
        }
        #[allow(unreachable_code, reason = "names the error's type")]
        Ok::<(), GossipError>(())
    });
    agent.next().await;
    agent.gossip.stop(Duration::ZERO).await.unwrap();
    let ended = timeout(BOUND, served).await.unwrap().unwrap();
    assert!(matches!(&ended, Err(GossipError::Transport(why)) if why.contains("has gone")), "{ended:?}");
}
