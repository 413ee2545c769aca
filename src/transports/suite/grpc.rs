//! What is particular to gRPC: who is let in, and what a connection may hold.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use futures::{FutureExt as _, StreamExt as _};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::grpc::{GrpcSettings, proto};
use super::super::{Address, Credential, LinkError, Listener, Proof, Token, TokenFile, connect_with};
use super::{grpc_tcp, grpc_unix, linked, soon};
use pmq_protocol::wire::{Encoder, Limits, MessageId, Record, SessionId};

fn socket(address: &Address) -> SocketAddr {
    let Address::Grpc(socket) = address else { panic!("{address}") };
    *socket
}

#[tokio::test]
async fn the_kernel_says_who_is_at_a_unix_socket() {
    let (_listener, agent, parent) = linked(&grpc_unix(), Limits::default()).await;
    for end in [agent, parent] {
        match end.peer {
            Credential::Uid { uid, pid: Some(pid), .. } => {
                assert_eq!((uid, pid), (rustix::process::geteuid().as_raw(), std::process::id() as i32));
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_token_names_the_parent_and_nobody_gets_in_without() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, secret: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, secret).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        TokenFile { name: name.to_owned(), file }
    };
    let place = grpc_tcp();
    let token = vec![write("self", "0123456789abcdef"), write("indexer", "0123456789abcdeg")];
    let settings = GrpcSettings { token, ..GrpcSettings::default() };
    let mut listener = Listener::bind_grpc(&place.address, &settings, Limits::default(), |routes, _| routes).await.unwrap();
    for (secret, who) in [("0123456789abcdef", "self"), ("0123456789abcdeg", "indexer")] {
        let proof = Token::new(secret.as_bytes()).unwrap().into();
        let (agent, parent) = tokio::join!(listener.accept(), connect_with(&place.address, Limits::default(), &proof));
        parent.unwrap();
        assert!(matches!(agent.unwrap().peer, Credential::Token(name) if &*name == who));
    }
    let wrong = Token::new(b"0123456789abcdeh").unwrap().into();
    for proof in [wrong, Proof::default()] {
        match connect_with(&place.address, Limits::default(), &proof).await {
            Err(LinkError::TurnedAway { what, .. }) => assert!(what.contains("attach.grpc.token"), "{what}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(listener.accept().now_or_never().is_none(), "one of them became a link");
}

/// A connection that says nothing is closed; without that it would keep its place for ever.
#[tokio::test]
async fn a_silent_connection_is_closed_and_one_that_speaks_is_not() {
    let place = grpc_tcp();
    let _listener = place.listen(1000, Limits::default()).await.unwrap();
    let mut silent = TcpStream::connect(socket(&place.address)).await.unwrap();
    let mut speaks = TcpStream::connect(socket(&place.address)).await.unwrap();
    speaks.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut answer = [0; 9];
    soon("the agent's settings", speaks.read_exact(&mut answer)).await.unwrap();
    assert_eq!(soon("the end of the silent one", silent.read(&mut answer)).await.unwrap(), 0);
    speaks.write_all(b"\0\0\x08\x06\0\0\0\0\0abcdefgh").await.unwrap();
    soon("an answer to a ping", speaks.read_exact(&mut answer)).await.unwrap();
    // But one that never calls as somebody known goes, too.
    let mut rest = Vec::new();
    drop(soon("the end of the one that only speaks", speaks.read_to_end(&mut rest)).await);
}

#[tokio::test]
async fn what_is_no_http_ends_its_connection_alone() {
    let place = grpc_tcp();
    let (_listener, mut agent, mut parent) = linked(&place, Limits::default()).await;
    let mut noise = TcpStream::connect(socket(&place.address)).await.unwrap();
    noise.write_all(&[0xaa; 300]).await.unwrap();
    let mut all = Vec::new();
    // Closed or reset, whichever it is.
    drop(soon("the end", noise.read_to_end(&mut all)).await);
    let sent = super::frame(1, 8, &[10]);
    futures::SinkExt::send(&mut parent.outgoing, sent.clone()).await.unwrap();
    super::assert_same(&soon("a frame", agent.incoming.next()).await.unwrap().unwrap(), &sent);
}

/// A client of any library reads 4 MiB unless it is told otherwise; this one is tonic's own, without this crate's limits. Six records of 1 MB are one frame of the agent's.
#[tokio::test]
async fn a_client_with_the_usual_limit_reads_frames_that_are_longer() {
    let place = grpc_tcp();
    let mut listener = place.listen(1000, Limits::default()).await.unwrap();
    let url = format!("http://{}", socket(&place.address));
    let channel = tonic::transport::Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    // Held open: a stream of requests that ends would end the call.
    let (_requests, none) = futures::channel::mpsc::channel::<proto::Frame>(1);
    let mut client = proto::attach_client::AttachClient::new(channel);
    let (agent, answers) = tokio::join!(listener.accept(), client.session(none));
    let (mut agent, mut answers) = (agent.unwrap(), answers.unwrap().into_inner());
    let payload = bytes::Bytes::from(vec![7; 1_000_000]);
    let records: Vec<Record> =
        (1..=6).map(|counter| Record::Message { counter, topic: "t".into(), id: MessageId::EMPTY, payload: payload.clone() }).collect();
    let mut frames = Vec::new();
    Encoder::default().records(SessionId(9), 0, &records, &mut frames).unwrap();
    assert_eq!(frames.len(), 1);
    for frame in frames {
        futures::SinkExt::send(&mut agent.outgoing, frame).await.unwrap();
    }
    let mut counters = Vec::new();
    while counters.len() < 6 {
        let frame = soon("a message", answers.message()).await.expect("one that is not too long").expect("the stream goes on");
        assert!(frame.encoded_len() <= 4 << 20, "{} bytes", frame.encoded_len());
        assert_eq!(frame.session, 9);
        let Some(proto::frame::Body::Deliver(list)) = frame.body else { panic!("another kind") };
        counters.extend(list.messages.iter().map(|message| message.counter));
        assert!(list.messages.iter().all(|message| message.payload == payload));
    }
    assert_eq!(counters, [1, 2, 3, 4, 5, 6]);
}
