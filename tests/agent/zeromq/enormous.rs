//! Raw sockets: ZMTP written by hand.

use std::os::unix::process::ExitStatusExt as _;

use pmq_client::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::libzmq::OPEN;
use super::{addresses, setup};
use pmq_testing::{Agent, soon};

/// The greeting of ZMTP 3.0 (RFC 23) and a DEALER's READY.
fn handshake() -> Vec<u8> {
    let mut bytes = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0];
    bytes.extend_from_slice(b"NULL");
    bytes.resize(64, 0);
    let ready = [&b"\x05READY\x0bSocket-Type"[..], &6_u32.to_be_bytes(), b"DEALER"].concat();
    bytes.extend_from_slice(&[4, ready.len() as u8]);
    bytes.extend_from_slice(&ready);
    bytes
}

/// A short frame, the last of its message or not.
fn part(more: bool, bytes: &[u8]) -> Vec<u8> {
    [&[u8::from(more), bytes.len() as u8], bytes].concat()
}

/// A frame's head that announces `length` bytes.
fn announce(length: u64) -> Vec<u8> {
    [&[2][..], &length.to_be_bytes()].concat()
}

async fn send(url: &str, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    if let Some(path) = url.strip_prefix("zmq+ipc://") {
        let mut stream = UnixStream::connect(path).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        // A reset says the same as the end.
        let _ = soon("the end", stream.read_to_end(&mut answer)).await;
    } else {
        let mut stream = TcpStream::connect(url.strip_prefix("zmq+tcp://").unwrap()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let _ = soon("the end", stream.read_to_end(&mut answer)).await;
    }
    answer
}

async fn lives(agent: &Agent, parent: &Client) {
    agent.health_when("a sign of life", |health| health["subsystems"]["attach"]["ready"] == true).await;
    assert!(matches!(&*parent.status().borrow(), pmq_client::Status::Connected { times: 1, .. }));
}

#[tokio::test]
async fn what_is_no_frame_of_ours_ends_that_link_alone_and_is_told_why() {
    let agent = setup("4s").start().await;
    let [ipc, _] = addresses(&agent).await;
    let parent = Client::builder(&ipc).produce("weather").connect().await.unwrap();
    let open = [part(true, OPEN), part(false, b"")].concat();
    let mut huge = pmq_protocol::wire::Prefix {
        kind: pmq_protocol::wire::Kind::Hello,
        count: 1,
        archive: 58,
        names: 0,
        payloads: u32::MAX,
        session: pmq_protocol::wire::SessionId(0),
    }
    .write();
    let told: [(&[u8], &[u8]); 2] = [(b"GET / HTTP/1.1", b"not with \"PMQ1\""), (&huge.clone(), b"4294967295")];
    for (bytes, why) in told {
        let answer = send(&ipc, &[handshake(), open.clone(), part(false, bytes)].concat()).await;
        assert!(answer.windows(why.len()).any(|part| part == why), "{}", String::from_utf8_lossy(&answer));
        assert!(answer.ends_with(b"PMQZ\x00"), "it is left");
        lives(&agent, &parent).await;
    }
    // Never opened: leave and nothing else behind the handshake.
    let answer = send(&ipc, &[handshake(), part(false, &huge)].concat()).await;
    assert!(answer.ends_with(b"\x00\x05PMQZ\x00"));
    // Without a greeting, and cut off in the middle.
    huge[0] = 0;
    send(&ipc, &[b"GET / HTTP/1.1\r\n\r\n".repeat(10), huge.to_vec()].concat()).await;
    let whole = [handshake(), open, part(false, b"PMQ1")].concat();
    for cut in [1, 10, 64, 80, whole.len() - 2] {
        let mut stream = UnixStream::connect(ipc.strip_prefix("zmq+ipc://").unwrap()).await.unwrap();
        stream.write_all(&whole[..cut]).await.unwrap();
        drop(stream);
    }
    lives(&agent, &parent).await;
}

/// The stated exception (docs/promises.md 4): this is what it looks like, and that it needs no token.
pub async fn abort(agent: &mut Agent) {
    let [_, tcp] = addresses(agent).await;
    send(&tcp, &[handshake(), announce(1 << 62)].concat()).await;
    let ended = agent.exited().await;
    assert_eq!(ended.signal(), Some(rustix::process::Signal::ABORT.as_raw()), "{ended}: {}", agent.log());
    assert!(agent.log().contains("memory allocation of"), "{}", agent.log());
}

#[tokio::test]
async fn an_enormous_frame_ends_the_process_as_documented() {
    abort(&mut setup("4s").start().await).await;
}

/// What cannot be a length at all is the one case that the library refuses.
#[tokio::test]
async fn a_length_beyond_any_memory_is_refused() {
    let agent = setup("4s").start().await;
    let [ipc, tcp] = addresses(&agent).await;
    let parent = Client::builder(&ipc).produce("weather").connect().await.unwrap();
    send(&tcp, &[handshake(), announce(u64::MAX)].concat()).await;
    lives(&agent, &parent).await;
}
