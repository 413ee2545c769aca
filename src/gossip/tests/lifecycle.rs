//! What becomes of a message, by its verdict (gossipsub 1.1, "Extended validators").

use super::*;

/// Two agents, one message, a verdict, and it is forwarded to a third.
#[tokio::test]
async fn accepted_is_forwarded() {
    let (a, mut b, mut c) = line(|_| {}).await;
    let published = a.publish("test/t", "hello").await;
    assert!(!published.duplicate);
    assert_eq!(published.eligible, 1);
    let arrival = b.expect("hello").await;
    assert_eq!(arrival.id, published.id);
    assert_eq!(arrival.peer, b.view(&a).await.unwrap().peer);
    assert!(c.arrivals.try_recv().is_err(), "forwarded before its verdict");
    b.report(&arrival, Verdict::Accept).await;
    assert_eq!(c.expect("hello").await.id, published.id);
}

/// What is ignored, or not reported at all, goes no further and costs nobody anything. That it was not merely slow shows in a later message, which overtakes nothing
/// on a single connection.
#[tokio::test]
async fn ignored_and_unreported_are_not_forwarded() {
    let (a, mut b, mut c) = line(|_| {}).await;
    a.publish("test/t", "ignored").await;
    let ignored = b.expect("ignored").await;
    b.report(&ignored, Verdict::Ignore).await;
    a.publish("test/t", "unreported").await;
    b.expect("unreported").await;
    a.publish("test/t", "accepted").await;
    let accepted = b.expect("accepted").await;
    b.report(&accepted, Verdict::Accept).await;
    c.expect("accepted").await;
    assert!(c.arrivals.try_recv().is_err());
    let view = b.view(&a).await.unwrap();
    assert!(view.score >= 0.0, "an Ignore costs nothing: {view:?}");
}

/// Heartbeats that let a message's time in the cache end soon.
fn fast(settings: &mut Settings) {
    settings.mesh.heartbeat = Duration::from_millis(20);
    settings.mesh.history_gossip = Some(2);
    settings.mesh.history_length = Some(3);
}

fn hasty() -> NetworkOverlay {
    NetworkOverlay { deadline: Duration::from_millis(30), ..network() }
}

/// A verdict after the message cache has let the message go: a late Accept forwards nothing, a late Reject penalises nobody. There is no event when a message leaves
/// the cache, so the test lets ten times its time pass.
#[tokio::test]
async fn late_verdicts_have_no_effect_and_are_counted() {
    let meter = Meter::new();
    let _installed = meter.install();
    let (a, mut b, mut c) = line_with(fast, hasty()).await;
    a.publish("test/t", "accepted late").await;
    let accepted = b.expect("accepted late").await;
    a.publish("test/t", "rejected late").await;
    let rejected = b.expect("rejected late").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    b.report(&accepted, Verdict::Accept).await;
    b.report(&rejected, Verdict::Reject).await;
    meter.reaches("pmq_gossip_forward_missed_total", 1).await;
    meter.reaches("pmq_gossip_report_missed_total", 1).await;
    assert_eq!(meter.value("pmq_gossip_messages_forwarded_total"), 0);
    assert!(b.view(&a).await.unwrap().score >= 0.0, "a late Reject costs nothing");
    a.publish("test/t", "in time").await;
    let in_time = b.expect("in time").await;
    b.report(&in_time, Verdict::Accept).await;
    c.expect("in time").await;
    assert!(c.arrivals.try_recv().is_err());
}

/// A full sink: the newest message is ignored at once and counted, and nobody waits.
#[tokio::test]
async fn a_full_sink_ignores() {
    let meter = Meter::new();
    let _installed = meter.install();
    let (a, mut b, mut c) = line(|_| {}).await;
    let (sink, mut narrow) = mpsc::channel(1);
    let overflowed = Overflowed::default();
    b.gossip.subscribe(topic("test/t"), Inlet::new(sink, overflowed.clone())).await.unwrap();
    a.publish("test/t", "first").await;
    let second = a.publish("test/t", "second").await;
    meter.reaches("pmq_gossip_ingress_dropped_total", 1).await;
    assert_eq!(meter.value("pmq_gossip_reports_total{verdict=\"ignore\"}"), 1);
    assert_eq!(meter.value("pmq_gossip_report_missed_total"), 0);
    let first = narrow.recv().await.unwrap();
    b.report(&first, Verdict::Accept).await;
    c.expect("first").await;
    // The ignored one is gone from the router: no verdict finds it any more.
    b.report(&Arrival { id: second.id, ..first }, Verdict::Ignore).await;
    meter.reaches("pmq_gossip_report_missed_total", 1).await;
    // A sink whose road is gone ignores as well.
    drop(narrow);
    a.publish("test/t", "third").await;
    meter.reaches("pmq_gossip_ingress_dropped_total", 2).await;
    assert_eq!(overflowed.take().into_values().map(|(topic, count)| (topic.name, count)).collect::<Vec<_>>(), [("test/t".into(), 2)]);
    b.join("test/t").await;
    a.publish("test/t", "fourth").await;
    let fourth = b.expect("fourth").await;
    b.report(&fourth, Verdict::Accept).await;
    c.expect("fourth").await;
    assert!(c.arrivals.try_recv().is_err());
    assert!(b.view(&a).await.unwrap().score >= 0.0);
}

#[tokio::test]
async fn topics_are_joined_and_left_at_run_time() {
    let (a, mut b, _c) = line(|_| {}).await;
    for node in [&a, &b] {
        node.join("test/other").await;
    }
    a.meshed(&b, "test/other").await;
    a.publish("test/other", "one").await;
    assert_eq!(*b.expect("one").await.topic.name, *"test/other");
    b.gossip.unsubscribe(topic("test/other")).await.unwrap();
    a.until(&b, "out of the mesh", |view| view.mesh.iter().all(|topic| **topic == *"test/t")).await;
    a.publish("test/t", "two").await;
    b.expect("two").await;
    let again = b.gossip.unsubscribe(topic("test/other")).await;
    assert_eq!(again, Err(SubscribeError::NotSubscribed("test/other".into())));
    let unclaimed = b.gossip.subscribe(topic("elsewhere"), b.inlet()).await;
    assert_eq!(unclaimed, Err(SubscribeError::Unclaimed("elsewhere".into())));
}

/// With ids from content alone, whoever replays a payload on one topic suppresses it on another (promises 5.2). With the topic in the id he does not.
#[tokio::test]
async fn a_replay_on_another_topic_censors_only_ids_of_content_alone() {
    for (id, censored) in
        [(MessageIdFunction::TopicContent, false), (MessageIdFunction::Content { hash: ContentHash::Sha256, size: 20 }, true)]
    {
        let meter = Meter::new();
        let _installed = meter.install();
        let (a, mut b, c) = line_with(|_| {}, NetworkOverlay { id, ..network() }).await;
        for node in [&a, &b, &c] {
            node.join("test/other").await;
        }
        c.meshed(&b, "test/other").await;
        a.publish("test/t", "payload").await;
        b.expect("payload").await;
        c.publish("test/other", "payload").await;
        c.publish("test/other", "later").await;
        let next = b.next().await;
        assert_eq!(next.payload == *"later", censored, "{id:?}");
    }
}

/// Stopping ignores arrivals and ends the task.
#[tokio::test]
async fn stop_ends_the_task() {
    let (a, b, _c) = line(|_| {}).await;
    b.gossip.stop(Duration::from_millis(50)).await.unwrap();
    timeout(BOUND, b.running.task).await.unwrap().unwrap();
    assert_eq!(b.gossip.peers().await, Err(Stopped));
    let handles = a.gossip;
    drop(handles);
    timeout(BOUND, a.running.task).await.unwrap().unwrap();
}
