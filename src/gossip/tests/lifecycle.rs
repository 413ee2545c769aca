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
