//! Verdicts drive scores.

use super::*;

/// Sends invalid messages from A, all of which B rejects.
async fn misbehave(a: &Node, b: &mut Node, count: u8) {
    for n in 0..count {
        let published = a.gossip.publish(topic("test/t"), vec![n; 8].into()).await.unwrap();
        let arrival = b.next().await;
        assert_eq!(arrival.id, published.id);
        b.report(&arrival, Verdict::Reject).await;
    }
}

/// P4 takes the sender down to the graylist, from which on nothing of it is read.
#[tokio::test]
async fn rejected_messages_graylist_their_sender() {
    let meter = Meter::new();
    let _installed = meter.install();
    let (a, mut b, mut c) = line(|_| {}).await;
    misbehave(&a, &mut b, 3).await;
    let view = b.until(&a, "graylisted", |view| view.graylisted).await;
    assert!(view.score < Thresholds::default().graylist && view.graylisted_after.is_some(), "{view:?}");
    assert!(view.connected);
    // A's message leaves before C's many round trips, and never arrives; the control below shows that it would.
    a.publish("test/t", "from the graylisted").await;
    for honest in ["one", "two", "three", "four", "five"] {
        c.publish("test/t", honest).await;
        b.expect(honest).await;
    }
    assert!(c.arrivals.try_recv().is_err(), "something rejected was forwarded");
    assert!(b.view(&c).await.unwrap().score >= 0.0, "the honest neighbour pays nothing");
    assert_eq!(meter.value("pmq_gossip_reports_total{verdict=\"reject\"}"), 3);
}

/// The control: without scoring the same peer goes on.
#[tokio::test]
async fn without_scoring_nobody_is_graylisted() {
    let (a, mut b, _c) = line(|settings| settings.score.enabled = false).await;
    misbehave(&a, &mut b, 20).await;
    a.publish("test/t", "still heard").await;
    b.expect("still heard").await;
    let view = b.view(&a).await.unwrap();
    assert!(!view.graylisted && view.graylisted_after.is_none() && view.score == 0.0, "{view:?}");
}

/// P6 counts the peers behind one address; an exempt address may hold any number.
#[tokio::test]
async fn peers_behind_one_address_are_penalised_unless_exempt() {
    for exempt in [false, true] {
        let mut of_b = settings();
        of_b.score.address.threshold = 1.0;
        if !exempt {
            of_b.score.address.exempt.clear();
        }
        let b = Node::new(of_b).await;
        let (a, c) = (Node::dialling(&[&b]).await, Node::dialling(&[&b]).await);
        for node in [&a, &c] {
            b.until(node, "connected", |view| view.connected).await;
        }
        // Two peers, one more than the threshold: 1 squared, times -5.
        let expected = if exempt { 0.0 } else { -5.0 };
        b.until(&a, "scored", |view| (view.score - expected).abs() < 1e-9).await;
        b.until(&c, "scored", |view| (view.score - expected).abs() < 1e-9).await;
    }
}

/// P5: the application's own word.
#[tokio::test]
async fn the_application_appraises() {
    let (a, b, _c) = line(|_| {}).await;
    b.gossip.appraise(a.gossip.peer_id(), -1000.0).await.unwrap();
    b.until(&a, "graylisted", |view| view.graylisted && view.graylisted_after.is_some()).await;
    let stranger = Identity::ephemeral().peer_id();
    assert_eq!(b.gossip.appraise(&stranger, 1.0).await, Err(PeerError::Unknown(stranger)));
    assert!(matches!(b.gossip.appraise("nonsense", 1.0).await, Err(PeerError::Id(_))));
}
