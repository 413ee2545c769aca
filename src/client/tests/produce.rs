//! Publishing and the other requests.

use std::time::Duration;

use super::super::{AllowOp, ClientError, MarkOp, MessageId, PublishError, PublishStatus, Published, RefuseCode, RequestError};
use super::{Agent, Place, id, on_all, soon, wait_for};
use pmq_protocol::session::Request;
use pmq_protocol::wire::Cursor;

on_all! {
    a_publish_is_answered,
    a_publish_that_is_refused_says_why,
    a_publish_is_repeated_on_the_next_link,
    a_publish_has_a_deadline,
    thousands_at_once,
    every_request_arrives_as_it_was_made,
    a_failed_request_says_why,
    a_request_on_a_lost_link_says_so,
    subscriptions_are_made_again,
    without_the_role_nothing_is_sent,
    a_payload_too_large_for_a_frame_is_an_error_of_its_own,
}

async fn a_publish_is_answered(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    for (status, duplicate) in [(PublishStatus::Ok, false), (PublishStatus::Duplicate, true)] {
        let (published, ()) = tokio::join!(client.publish("weather", "weather/reports", "report"), async {
            let (number, what) = agent.request().await;
            assert_eq!(what, Request::Publish { topic: "weather/reports".into(), payload: "report".into() });
            agent.end.published(0, number, status, id(5), 3, "").unwrap();
            agent.flush().await;
        });
        assert_eq!(published.unwrap(), Published { id: id(5), duplicate, peers: 3 });
    }
}

async fn a_publish_that_is_refused_says_why(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let (published, ()) = tokio::join!(client.publish("weather", "weather/reports", "report"), async {
        let (number, _) = agent.request().await;
        agent.end.published(0, number, PublishStatus::NoPeers, MessageId::EMPTY, 0, "nobody in 2 s").unwrap();
        agent.flush().await;
    });
    match published.unwrap_err() {
        PublishError::NotSent { status: PublishStatus::NoPeers, text, .. } => assert_eq!(text, "nobody in 2 s"),
        other => panic!("{other}"),
    }
}

async fn a_publish_is_repeated_on_the_next_link(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let serving = async {
        let (_, first) = agent.request().await;
        drop(agent);
        let mut agent = Agent::accept(&mut listener).await;
        agent.welcome(Cursor { stream: 7, counter: 0 }).await;
        let (number, second) = agent.request().await;
        assert_eq!(first, second);
        agent.end.published(0, number, PublishStatus::Duplicate, id(5), 3, "").unwrap();
        agent.flush().await;
        agent
    };
    let (published, _agent) = tokio::join!(client.publish("weather", "weather/reports", "report"), serving);
    assert!(published.unwrap().duplicate);
}

async fn a_publish_has_a_deadline(place: Place) {
    let mut listener = place.listen().await;
    let patience = Duration::from_millis(200);
    let builder = place.builder().produce("weather").request_timeout(patience);
    let (client, mut agent) = tokio::join!(builder.connect(), async {
        let mut agent = Agent::accept(&mut listener).await;
        agent.welcome(Cursor::default()).await;
        agent
    });
    let client = client.unwrap();
    let (published, _) = tokio::join!(client.publish("weather", "weather/reports", "report"), agent.request());
    assert!(matches!(published, Err(PublishError::Request(RequestError::Timeout(after))) if after == patience));
    // Without a link, too.
    drop((agent, listener));
    wait_for(&client, "the loss", |status| !status.is_connected()).await;
    let published = client.publish("weather", "weather/reports", "report").await;
    assert!(matches!(published, Err(PublishError::Request(RequestError::Timeout(_)))));
}

async fn thousands_at_once(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let all = futures::future::join_all((0..3000).map(|n| client.publish("weather", "weather/reports", format!("report {n}"))));
    // Calls that are under way together have no order among them.
    let serving = async {
        for _ in 0..3000 {
            let (number, what) = agent.request().await;
            let Request::Publish { payload, .. } = what else { panic!("{what:?}") };
            let n = std::str::from_utf8(&payload).unwrap().strip_prefix("report ").unwrap().parse().unwrap();
            agent.end.published(0, number, PublishStatus::Ok, id(n), 1, "").unwrap();
            agent.flush().await;
        }
    };
    let (published, ()) = soon("three thousand", async { tokio::join!(all, serving) }).await;
    for (n, published) in published.into_iter().enumerate() {
        assert_eq!(published.unwrap().id, id(n as u64));
    }
}

async fn every_request_arrives_as_it_was_made(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let origin = [9; 32];
    let asking = async {
        client.subscribe("weather", "weather/extra").await?;
        client.unsubscribe("weather", "weather/extra").await?;
        client.thresholds("weather", "", 8, 64).await?;
        client.mark("weather", "weather/reports", origin, 2, 1000, MarkOp::Raise).await?;
        client.allow_list("weather", AllowOp::Add, &["a", "b"]).await?;
        client.allow_list("weather", AllowOp::Open, &[]).await
    };
    let expected = [
        Request::Subscribe("weather/extra".into()),
        Request::Unsubscribe("weather/extra".into()),
        Request::Thresholds { topic: "".into(), skip: 8, validity: 64 },
        Request::Mark { topic: "weather/reports".into(), origin, epoch: 2, seq: 1000, action: MarkOp::Raise },
        Request::AllowList { action: AllowOp::Add, peers: vec!["a".into(), "b".into()] },
        Request::AllowList { action: AllowOp::Open, peers: vec![] },
    ];
    let serving = async {
        for expected in expected {
            let (number, what) = agent.request().await;
            assert_eq!(what, expected);
            agent.end.done(0, number).unwrap();
            agent.flush().await;
        }
    };
    let (asked, ()) = tokio::join!(asking, serving);
    asked.unwrap();
}

async fn a_failed_request_says_why(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let (asked, ()) = tokio::join!(client.thresholds("weather", "", 64, 8), async {
        let (number, _) = agent.request().await;
        agent.end.failed(0, number, "skip must be below validity").unwrap();
        agent.flush().await;
    });
    match asked.unwrap_err() {
        RequestError::Refused { code: RefuseCode::RequestFailed, text } => assert_eq!(text, "skip must be below validity"),
        other => panic!("{other}"),
    }
}

async fn a_request_on_a_lost_link_says_so(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let (asked, ()) = tokio::join!(client.subscribe("weather", "weather/extra"), async {
        agent.request().await;
        drop(agent);
    });
    assert!(matches!(asked, Err(RequestError::LinkLost)));
}

async fn subscriptions_are_made_again(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let (asked, ()) = tokio::join!(client.subscribe("weather", "weather/extra"), async {
        let (number, _) = agent.request().await;
        agent.end.done(0, number).unwrap();
        agent.flush().await;
    });
    asked.unwrap();
    drop(agent);
    for _ in 0..2 {
        // Unanswered the first time, and asked for again all the same.
        let mut agent = Agent::accept(&mut listener).await;
        agent.welcome(Cursor { stream: 7, counter: 0 }).await;
        assert_eq!(agent.request().await.1, Request::Subscribe("weather/extra".into()));
    }
}

async fn without_the_role_nothing_is_sent(place: Place) {
    let mut listener = place.listen().await;
    let (client, _agent) = place.attached(&mut listener).await;
    let error = client.publish("quakes", "quakes/reports", "report").await.unwrap_err();
    assert!(matches!(error, PublishError::Request(RequestError::Client(ClientError::NotDeclared { .. }))), "{error}");
}

async fn a_payload_too_large_for_a_frame_is_an_error_of_its_own(place: Place) {
    let mut listener = place.listen().await;
    let (client, mut agent) = place.attached(&mut listener).await;
    let error = client.publish("weather", "weather/reports", vec![0; 17 << 20]).await.unwrap_err();
    assert!(matches!(error, PublishError::Request(RequestError::Unsendable(_))), "{error}");
    let (published, ()) = tokio::join!(client.publish("weather", "weather/reports", "report"), async {
        let (number, _) = agent.request().await;
        agent.end.published(0, number, PublishStatus::Ok, id(1), 1, "").unwrap();
        agent.flush().await;
    });
    published.unwrap();
}
