//! A real libzmq at the other end, in both directions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use pmq_client::{Client, ConsumeOptions, PublishStatus, VerifyOptions};
use pmq_protocol::session::{AgentEnd, AgentEvent, AgentTerms, Grant, NetworkTerms, ParentEvent};
use pmq_protocol::wire::message::{Delivered, Judged, Offered};
use pmq_protocol::wire::{Cursor, Kind, MessageId, Offer, Roles, SessionId, Ticket, Verdict};

use super::libzmq::{LEAVE, OPEN, Parent, frame_of, parts_of};
use super::{TOKEN, addresses, setup};
use pmq_testing::{SOON, Setup, message, pair, soon};

/// Verifies and consumes `count` messages, then publishes one.
fn live(url: &str, token: &[u8], count: usize) -> Vec<Vec<u8>> {
    let mut parent = Parent::attach(url, token);
    let mut got = Vec::new();
    while got.len() < count {
        match parent.event().unwrap() {
            ParentEvent::Offers(frame) => {
                let judged = |offer: Offered<'_>| Judged {
                    network: offer.network,
                    ticket: offer.ticket,
                    verdict: Verdict::Accept,
                    reason: 0,
                    text: "",
                };
                let verdicts: Vec<Judged<'_>> = frame.items::<Offered<'_>>().unwrap().map(judged).collect();
                assert_eq!(parent.end.verdicts(&verdicts).unwrap(), verdicts.len());
            }
            ParentEvent::Records(frame) if frame.prefix.kind == Kind::Deliver => {
                let mut last = 0;
                for record in frame.items::<Delivered<'_>>().unwrap() {
                    got.push(record.payload.to_vec());
                    last = record.counter;
                }
                parent.end.ack(0, last).unwrap();
            }
            other => panic!("{other:?}"),
        }
        parent.write();
    }
    parent.end.publish(0, "weather", Bytes::from_static(b"good, by libzmq")).unwrap();
    parent.write();
    loop {
        if let ParentEvent::Published { status, .. } = parent.event().unwrap() {
            assert_eq!(status, PublishStatus::Ok);
            break;
        }
    }
    parent.socket.send_multipart([LEAVE], 0).unwrap();
    got
}

async fn a_libzmq_parent_lives(over: usize) {
    let (a, producer, b) = pair(Setup::new("10s"), setup("10s")).await;
    let _verifier = a.verifier("weather").await;
    let (_client, mut consumer) = a.consumer("weather", ConsumeOptions::default()).await;
    let url = addresses(&b).await[over].clone();
    let token = if over == 1 { TOKEN } else { b"" };
    let parent = tokio::task::spawn_blocking(move || live(&url, token, 20));
    b.network_when("weather", "the verifier", |network| network["verifiers"] == 1).await;
    for number in 0..20 {
        producer.publish("weather", "weather", format!("good {number}")).await.unwrap();
        message(&mut consumer).await;
    }
    assert_eq!(soon("what the agent hears of libzmq", message(&mut consumer)).await, "good, by libzmq");
    let got = soon("its end", parent).await.unwrap();
    assert_eq!(got, (0..20).map(|number| format!("good {number}").into_bytes()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_libzmq_parent_verifies_consumes_and_publishes_over_ipc() {
    a_libzmq_parent_lives(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_libzmq_parent_verifies_consumes_and_publishes_over_tcp() {
    a_libzmq_parent_lives(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_of_libzmq_cost_that_parent_its_link_and_nobody_else_anything() {
    let agent = setup("4s").start().await;
    let [ipc, _] = addresses(&agent).await;
    let other = Client::builder(&ipc).verify("weather", VerifyOptions::default()).connect().await.unwrap();
    let at = ipc.clone();
    let left = tokio::task::spawn_blocking(move || Parent::open(&at, b"", 100).is_left(SOON));
    assert!(soon("the end", left).await.unwrap(), "the parent is told that it has no link");
    // Without heartbeats it attaches, and the other one has noticed nothing.
    soon("a parent", tokio::task::spawn_blocking(move || drop(Parent::attach(&ipc, b"")))).await.unwrap();
    other.verifier("weather").unwrap();
    assert!(matches!(&*other.status().borrow(), pmq_client::Status::Connected { times: 1, .. }));
}

/// An agent of a few lines on a libzmq ROUTER: offers one message and answers the verdict.
fn offer(socket: &zmq2::Socket) -> Verdict {
    let grants = vec![Grant { network: "weather".into(), roles: Roles::ALL }];
    let networks =
        vec![NetworkTerms { name: "weather".into(), deadline: Duration::from_secs(4), max_payload: 1 << 16, groups: Vec::new() }];
    let terms = Arc::new(AgentTerms { networks, ..AgentTerms::default() });
    let mut end = AgentEnd::new(grants, terms, SessionId(7), Instant::now());
    let open = socket.recv_multipart(0).unwrap();
    assert_eq!(open[1..], [OPEN.to_vec(), Vec::new()]);
    let identity = open[0].clone();
    loop {
        while let Some(frame) = end.poll_frame() {
            socket.send_multipart([vec![identity.clone()], parts_of(&frame)].concat(), 0).unwrap();
        }
        let mut parts = socket.recv_multipart(0).unwrap();
        assert_eq!(parts.remove(0), identity);
        assert_ne!(parts, [LEAVE], "the parent left");
        end.receive(frame_of(parts), Instant::now()).unwrap();
        while let Some(event) = end.poll_event() {
            match event {
                AgentEvent::Hello { .. } => {
                    end.welcome(&[Cursor::default()], Instant::now()).unwrap();
                    let offer = Offer {
                        ticket: Ticket(9),
                        topic: "weather".into(),
                        id: MessageId::new(b"id").unwrap(),
                        payload: Bytes::from_static(b"good"),
                        deadline: Instant::now() + Duration::from_secs(4),
                    };
                    end.validate(0, &[offer], Instant::now()).unwrap();
                }
                AgentEvent::Verdicts { frame, .. } => return frame.items::<Judged<'_>>().unwrap().next().unwrap().verdict,
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_client_attaches_to_a_libzmq_router_whose_heartbeats_are_not_fatal() {
    let socket = zmq2::Context::new().socket(zmq2::ROUTER).unwrap();
    socket.set_heartbeat_ivl(20).unwrap();
    socket.set_heartbeat_timeout(20_000).unwrap();
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let url = format!("zmq+{}", socket.get_last_endpoint().unwrap().unwrap());
    let agent = tokio::task::spawn_blocking(move || {
        let verdict = offer(&socket);
        (socket, verdict)
    });
    let client = Client::builder(url).verify("weather", VerifyOptions::default()).connect().await.unwrap();
    let mut verifier = client.verifier("weather").unwrap();
    let mut message = soon("the offer", verifier.next()).await.unwrap();
    // Several heartbeats: events that this end does not see, so there is nothing to wait for but their time.
    tokio::time::sleep(Duration::from_millis(200)).await;
    message.accept();
    drop(message);
    assert_eq!(soon("the verdict", agent).await.unwrap().1, Verdict::Accept);
}
