//! Own messages.

use super::*;

#[tokio::test]
async fn a_known_message_is_a_duplicate() {
    let (a, mut b, _c) = line(|_| {}).await;
    let first = a.publish("test/t", "same").await;
    let second = a.publish("test/t", "same").await;
    assert!(!first.duplicate && second.duplicate);
    assert_eq!(first.id, second.id);
    b.expect("same").await;
    // What came from the overlay counts as well.
    assert!(b.publish("test/t", "same").await.duplicate);
}

#[tokio::test]
async fn without_peers_it_waits_then_errs() {
    let wait = Duration::from_millis(150);
    let node = Node::new(Settings { publish_wait: wait, publish_waiting: 1, ..settings() }).await;
    node.join("test/t").await;
    let start = Instant::now();
    let first = node.gossip.publish(topic("test/t"), "a".into());
    let second = node.gossip.publish(topic("test/t"), "b".into());
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first, Err(PublishError::NoPeers(wait)));
    assert_eq!(second, Err(PublishError::TooManyWaiting(1)));
    assert!(start.elapsed() >= wait);
}

#[tokio::test]
async fn without_peers_it_waits_for_the_first() {
    let mut of_a = Settings { publish_wait: BOUND, ..settings() };
    // Heartbeats also try again what waits; here none comes before the peer does.
    of_a.mesh.heartbeat = BOUND * 10;
    let a = Node::new(of_a).await;
    a.join("test/t").await;
    let mut b = Node::dialling(&[&a]).await;
    let publish = a.gossip.publish(topic("test/t"), "early".into());
    let (published, ()) = tokio::join!(publish, async {
        a.until(&b, "connected", |view| view.connected).await;
        b.join("test/t").await;
        b.expect("early").await;
    });
    assert_eq!(published.unwrap().eligible, 1);
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let (a, mut b, _c) = line_with(|_| {}, NetworkOverlay { max_message: 4, ..network() }).await;
    let large = a.gossip.publish(topic("test/t"), "large".into()).await;
    assert_eq!(large, Err(PublishError::TooLarge { size: 5, max: 4 }));
    let unclaimed = a.gossip.publish(topic("elsewhere"), "x".into()).await;
    assert_eq!(unclaimed, Err(PublishError::Unclaimed("elsewhere".into())));
    a.publish("test/t", "fits").await;
    b.expect("fits").await;
}
