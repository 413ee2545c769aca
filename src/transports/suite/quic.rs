//! What is particular to QUIC: who is let in, and lanes.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use futures::{FutureExt, SinkExt, StreamExt};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, ConnectionError, Endpoint};

use super::super::quic::Identity;
use super::super::{Address, Credential, Link, LinkError, Listener, Proof, connect, connect_with};
use super::{Ear, Place, assert_same, frame, linked, quic, soon, unix};
use pmq_protocol::wire::message::Refuse;
use pmq_protocol::wire::{Encoder, Frame, Kind, Lane, Lanes, Limits, RefuseCode, SessionId};

fn socket(place: &Place) -> SocketAddr {
    let Address::Quic { host, port, .. } = &place.address else { panic!("{}", place.address) };
    SocketAddr::new(host.parse().unwrap(), *port)
}

/// The agent's key, and the peer id of its only parent.
fn ends(place: &Place) -> (&Identity, &str) {
    let Ear::Quic(agent, parent) = &place.ear else { panic!("{}", place.address) };
    (agent, parent)
}

fn of_kind(kind: Kind, number: u64, payload: usize) -> Frame {
    let mut frame = frame(number, 24, &[payload]);
    frame.prefix.kind = kind;
    frame
}

#[tokio::test]
async fn both_ends_know_who_is_there() {
    let place = quic();
    let (agents, parents) = ends(&place);
    let (listener, agent, parent) = linked(&place, Limits::default()).await;
    assert_eq!(*listener.address(), place.address);
    assert_eq!(agent.peer, Credential::Peer(parents.into()));
    assert_eq!(parent.peer, Credential::Peer(agents.peer_id().into()));
}

#[tokio::test]
async fn whoever_is_not_granted_is_turned_away_by_name() {
    let place = quic();
    let mut listener = place.listen(1000, Limits::default()).await.unwrap();
    let stranger = Identity::generate();
    match connect_with(&place.address, Limits::default(), &stranger.clone().into()).await {
        Err(LinkError::TurnedAway { what, .. }) => assert!(what.contains(&stranger.peer_id()) && what.contains("attach.grant"), "{what}"),
        other => panic!("{other:?}"),
    }
    assert!(listener.accept().now_or_never().is_none(), "a stranger became a link");
    let (agent, parent) = tokio::join!(listener.accept(), place.connect(Limits::default()));
    agent.and(parent).unwrap();
}

#[tokio::test]
async fn an_agent_with_another_key_is_not_talked_to() {
    let place = quic();
    let _listener = place.listen(1000, Limits::default()).await.unwrap();
    let other = Identity::generate().peer_id();
    let Address::Quic { host, port, .. } = place.address.clone() else { unreachable!("made so") };
    let wrong = Address::Quic { host, port, peer: other.as_str().into() };
    match connect_with(&wrong, Limits::default(), &place.proof).await {
        Err(error @ LinkError::Stranger { .. }) => assert!(error.to_string().contains(&other), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_parent_without_a_key_is_told_how_to_make_one() {
    let place = quic();
    match connect(&place.address, Limits::default()).await {
        Err(LinkError::Identity { what }) => assert!(what.contains("pmq key generate"), "{what}"),
        other => panic!("{other:?}"),
    }
}

/// A client that skips the certificate, one of another protocol, and one that wants to send before the handshake is done.
#[tokio::test]
async fn a_handshake_that_proves_nothing_is_no_link() {
    let place = quic();
    let (agents, _) = ends(&place);
    let mut listener = place.listen(1000, Limits::default()).await.unwrap();
    let pair = libp2p_identity::Keypair::generate_ed25519();
    let agent = agents.peer_id().parse().unwrap();
    let tls = |protocol: &[u8]| {
        let mut tls = libp2p_tls::make_client_config(&pair, Some(agent)).unwrap();
        tls.alpn_protocols = vec![protocol.to_vec()];
        tls.enable_early_data = true;
        tls
    };
    let mut nameless = tls(b"pmq/1");
    nameless.client_auth_cert_resolver = Arc::new(NoCertificate);
    for tls in [nameless, tls(b"libp2p")] {
        let endpoint = Endpoint::client("0.0.0.0:0".parse().unwrap()).unwrap();
        let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        // With TLS 1.3 a client is done before the server has looked at its certificate; the refusal follows.
        let ended = async {
            match endpoint.connect_with(config, socket(&place), "pmq").unwrap().await {
                Ok(connection) => connection.closed().await,
                Err(error) => error,
            }
        };
        match soon("the refusal", ended).await {
            ConnectionError::ConnectionClosed(_) | ConnectionError::TransportError(_) => {}
            other => panic!("{other:?}"),
        }
    }
    // No ticket is ever given, so there is nothing to send early data with.
    let endpoint = Endpoint::client("0.0.0.0:0".parse().unwrap()).unwrap();
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls(b"pmq/1")).unwrap()));
    for _ in 0..2 {
        let connecting = endpoint.connect_with(config.clone(), socket(&place), "pmq").unwrap();
        let Err(connecting) = connecting.into_0rtt() else { panic!("early data was offered") };
        drop(soon("the handshake", connecting).await);
    }
    assert!(listener.accept().now_or_never().is_none(), "one of them became a link");
}

#[derive(Debug)]
struct NoCertificate;

impl quinn::rustls::client::ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[quinn::rustls::SignatureScheme]) -> Option<Arc<quinn::rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Fills the records' lane as far as it goes while nobody reads; answers how many frames that were.
async fn fill(agent: &mut Link) -> u64 {
    let mut sent = 0;
    while agent.outgoing.feed(of_kind(Kind::Deliver, sent, 60_000)).now_or_never().is_some_and(|fed| fed.is_ok()) {
        sent += 1;
        tokio::task::yield_now().await;
        assert!(sent < 10_000, "the lane has no bound");
    }
    sent
}

/// The lanes that have room now; `None` if none has.
async fn lanes(link: &mut Link) -> Option<Lanes> {
    match poll_fn(|cx| Poll::Ready(link.outgoing.poll_lanes(cx))).await {
        Poll::Ready(lanes) => Some(lanes.unwrap()),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn records_on_their_way_hold_up_no_message_for_a_verdict() {
    let (_listener, mut agent, mut parent) = linked(&quic(), Limits::default()).await;
    let records = fill(&mut agent).await;
    let free = lanes(&mut agent).await.expect("no lane has room");
    assert!(!free.contains(Lane::Records) && free.contains(Lane::Messages) && free.contains(Lane::Control), "{free:?}");
    agent.outgoing.start_send_unpin(of_kind(Kind::Validate, 7, 100)).unwrap();
    agent.outgoing.start_send_unpin(of_kind(Kind::Pong, 8, 0)).unwrap();
    let mut heard = Vec::new();
    let reading = async {
        while heard.len() < records as usize + 2 {
            heard.push(parent.incoming.next().await.unwrap().unwrap().prefix);
        }
    };
    let (flushed, ()) = soon("everything", async { tokio::join!(agent.outgoing.flush(), reading) }).await;
    flushed.unwrap();
    let place = |kind| heard.iter().position(|prefix| prefix.kind == kind).unwrap();
    // What had come before is read before; what was still to be sent is behind.
    let last = place(Kind::Validate).max(place(Kind::Pong)) as u64;
    assert!(last + 10 < records, "at {last} of {records}");
    let order: Vec<u64> = heard.iter().filter(|prefix| prefix.kind == Kind::Deliver).map(|prefix| prefix.session.0).collect();
    assert_eq!(order, (0..records).collect::<Vec<_>>(), "a lane keeps its order");
}

/// The same on one stream: nothing else can be sent at all.
#[tokio::test]
async fn without_lanes_records_hold_up_everything() {
    let (_listener, mut agent, _parent) = linked(&unix(), Limits::default()).await;
    fill(&mut agent).await;
    assert_eq!(lanes(&mut agent).await, None);
}

fn refusal(session: u64, fatal: bool) -> Frame {
    let refuse = Refuse { network: 0, code: RefuseCode::LateVerdict, fatal, about: 0, text: "" };
    Encoder::new(Limits::default()).frame(SessionId(session), [refuse]).unwrap()
}

/// One in passing keeps nothing behind it from its way.
#[tokio::test]
async fn a_refusal_in_passing_waits_for_no_record() {
    let (_listener, mut agent, mut parent) = linked(&quic(), Limits::default()).await;
    let records = fill(&mut agent).await;
    agent.outgoing.start_send_unpin(refusal(7, false)).unwrap();
    agent.outgoing.start_send_unpin(of_kind(Kind::Validate, 8, 100)).unwrap();
    let reading = async {
        let mut before = 0;
        loop {
            match parent.incoming.next().await.unwrap().unwrap().prefix.kind {
                Kind::Deliver => before += 1,
                Kind::Validate => return before,
                _ => {}
            }
        }
    };
    let (_, before) = soon("the message for a verdict", async { tokio::join!(agent.outgoing.flush(), reading) }).await;
    assert!(before + 10 < records, "behind {before} of {records}");
}

#[tokio::test]
async fn the_last_refusal_is_the_last_to_be_heard() {
    let (_listener, mut agent, mut parent) = linked(&quic(), Limits::default()).await;
    for number in 0..20 {
        agent.outgoing.feed(of_kind(Kind::Deliver, number, 50_000)).await.unwrap();
    }
    agent.outgoing.feed(refusal(99, true)).await.unwrap();
    let reading = async {
        let mut kinds = Vec::new();
        while let Some(frame) = parent.incoming.next().await {
            kinds.push(frame.unwrap().prefix.kind);
        }
        kinds
    };
    let closing = async {
        agent.outgoing.close().await.unwrap();
        drop(agent);
    };
    let (kinds, ()) = soon("the end", async { tokio::join!(reading, closing) }).await;
    assert_eq!((kinds.len(), kinds.last()), (21, Some(&Kind::Refuse)));
}

/// Streams by hand: a frame on another lane than its own is never handed over, and what came whole on a lane beside one that breaks off is.
#[tokio::test]
async fn a_frame_on_another_lane_is_an_error_and_costs_no_other_frame() {
    let pair = libp2p_identity::Keypair::generate_ed25519();
    let parent = Identity::from_protobuf(&pair.to_protobuf_encoding().unwrap()).unwrap();
    let place = quic();
    let (agents, _) = ends(&place);
    let mut listener = Listener::bind_quic(socket(&place), 100, agents, [parent.peer_id()], Limits::default()).unwrap();
    let mut tls = libp2p_tls::make_client_config(&pair, Some(agents.peer_id().parse().unwrap())).unwrap();
    tls.alpn_protocols = vec![b"pmq/1".to_vec()];
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let bytes = |frame: &Frame| [&[0; 16][..], &super::bytes_of(frame)].concat();
    let publish = of_kind(Kind::Publish, 1, 10);
    let verdict = of_kind(Kind::Verdict, 2, 0);
    // On the control lane a publish; on the other one half of a frame.
    let misplaced = ([bytes(&verdict), bytes(&publish)].concat(), Vec::new());
    let broken_off = (bytes(&verdict), bytes(&publish)[..60].to_vec());
    for (control, messages) in [misplaced, broken_off] {
        let endpoint = Endpoint::client("0.0.0.0:0".parse().unwrap()).unwrap();
        let connection = endpoint.connect_with(config.clone(), socket(&place), "pmq").unwrap().await.unwrap();
        let (mut first, _answers) = connection.open_bi().await.unwrap();
        first.write_all(&[&[0], &control[..]].concat()).await.unwrap();
        let mut second = connection.open_uni().await.unwrap();
        second.write_all(&[&[1], &messages[..]].concat()).await.unwrap();
        second.finish().unwrap();
        let mut link = soon("a link", listener.accept()).await.unwrap();
        assert_same(&soon("the verdict", link.incoming.next()).await.unwrap().unwrap(), &verdict);
        match soon("the error", link.incoming.next()).await {
            Some(Err(LinkError::Frame(error))) => {
                assert!(error.to_string().contains(if messages.is_empty() { "lane" } else { "ends after" }), "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert!(link.incoming.next().await.is_none(), "an error is the last item");
    }
}

#[tokio::test]
async fn many_handshakes_at_once_keep_nobody_out() {
    let place = quic();
    let mut listener = place.listen(10_000, Limits::default()).await.unwrap();
    let stranger: Proof = Identity::generate().into();
    let strangers = futures::future::join_all((0..60).map(|_| connect_with(&place.address, Limits::default(), &stranger)));
    let (strangers, agent, parent) =
        soon("a link among strangers", async { tokio::join!(strangers, listener.accept(), place.connect(Limits::default())) }).await;
    agent.and(parent).unwrap();
    assert!(strangers.iter().all(Result::is_err), "a stranger was let in");
}

#[test]
fn an_address_needs_all_of_its_parts() {
    let peer = Identity::generate().peer_id();
    for host in ["node-1.example:5580", "10.0.0.7:5580", "[2001:db8::1]:5580"] {
        let url = format!("quic://{host}/{peer}");
        assert_eq!(url.parse::<Address>().unwrap().to_string(), url);
    }
    for wrong in ["quic://", "quic://host/x", "quic://host:1", "quic://host:1/", "quic://host:0/P", "quic://:1/P", "quic://host:1/nobody"] {
        assert!(matches!(wrong.replace('P', &peer).parse::<Address>(), Err(LinkError::Address { .. })), "{wrong}");
    }
}

#[test]
fn keys_come_from_files_that_nobody_else_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("parent.key");
    let write = |text: &[u8], mode: u32| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let pair = libp2p_identity::Keypair::generate_ed25519();
    let bytes = pair.to_protobuf_encoding().unwrap();
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, &bytes);
    write(format!("{text}\n").as_bytes(), 0o600);
    assert_eq!(Identity::from_file(&path).unwrap().peer_id(), pair.public().to_peer_id().to_base58());
    for (content, mode, told) in
        [(text.as_bytes(), 0o644, "chmod 0600"), (b"!", 0o600, "base64"), (b"AAAA", 0o600, "no libp2p private key")]
    {
        write(content, mode);
        let error = Identity::from_file(&path).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert!(!error.contains(&text) && !format!("{:?}", Identity::from_protobuf(&bytes).unwrap()).contains(&text));
    }
    assert!(matches!(Identity::from_file(&dir.path().join("none")), Err(LinkError::Io { .. })));
}
