#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! One suite for every transport, and what is particular to each.

mod generated;
mod grpc;
mod place;
mod promises;
mod quic;
mod raw;
mod settings;
mod throttle;
mod tls;
mod zeromq;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use super::{Address, Link, LinkError, Listener, Proof, ZeromqSettings, connect_with};
use pmq_protocol::wire::message::Publish;
use pmq_protocol::wire::{Encoder, Frame, Limits, SessionId};

/// Longest that any awaited event may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A transport under test: a fresh address, what a parent shows there, and what keeps it alive.
struct Place {
    address: Address,
    proof: Proof,
    ear: Ear,
    _dir: Option<TempDir>,
}

/// What a listener needs beside its address.
enum Ear {
    Plain,
    /// As whom, and for whom.
    Quic(super::quic::Identity, String),
    Grpc(super::grpc::GrpcSettings),
}

impl Place {
    /// Where nobody has to show anything.
    fn plain(address: Address, dir: Option<TempDir>) -> Self {
        Self { address, proof: Proof::default(), ear: Ear::Plain, _dir: dir }
    }
}

fn unix() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place::plain(Address::Unix(dir.path().join("pmq/agent.sock")), Some(dir))
}

fn memory() -> Place {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    Place::plain(Address::Memory(format!("suite-{}", NEXT.fetch_add(1, Ordering::Relaxed)).into()), None)
}

fn zmq_ipc() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place::plain(Address::ZmqIpc(dir.path().join("pmq/zmq.ipc")), Some(dir))
}

/// A loopback address of its own, so that no other test's port is in the way.
fn own_socket() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let ip = [127, 1 + (high % 200), low, 1 + (number % 250) as u8];
    (ip, 5570 + (number / 250) as u16).into()
}

fn zmq_tcp() -> Place {
    Place::plain(Address::ZmqTcp(own_socket()), None)
}

/// With two keys: the agent's, and its only parent's.
fn quic() -> Place {
    use super::quic::Identity;
    let (agent, parent, socket) = (Identity::generate(), Identity::generate(), own_socket());
    let address = Address::Quic { host: socket.ip().to_string().into(), port: socket.port(), peer: agent.peer_id().into() };
    let ear = Ear::Quic(agent, parent.peer_id());
    Place { address, proof: parent.into(), ear, _dir: None }
}

fn grpc_unix() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place::plain(Address::GrpcUnix(dir.path().join("pmq/grpc.sock")), Some(dir))
}

fn grpc_tcp() -> Place {
    let settings = super::grpc::GrpcSettings { trust_loopback: true, ..super::grpc::GrpcSettings::default() };
    Place { ear: Ear::Grpc(settings), ..Place::plain(Address::Grpc(own_socket()), None) }
}

/// With a certificate for each end, which the other knows.
fn grpc_tls() -> Place {
    let pki = tls::Pki::new();
    let settings = pki.settings(vec![pki.pinned("parent")]);
    let (proof, address) = (pki.certificate("parent", "agent").into(), tls::address(own_socket()));
    Place { address, proof, ear: Ear::Grpc(settings), _dir: Some(pki.dir) }
}

/// What TCP asks of nobody here.
fn open_to_all(accept_rate: u32) -> ZeromqSettings {
    ZeromqSettings { accept_rate, trust_loopback: true, ..ZeromqSettings::default() }
}

impl Place {
    async fn connect(&self, limits: Limits) -> Result<Link, LinkError> {
        connect_with(&self.address, limits, &self.proof).await
    }

    async fn listen(&self, accept_rate: u32, limits: Limits) -> Result<Listener, LinkError> {
        match (&self.address, &self.ear) {
            (Address::Quic { host, port, .. }, Ear::Quic(agent, parent)) => {
                let socket = (host.parse::<std::net::IpAddr>().unwrap(), *port).into();
                Listener::bind_quic(socket, accept_rate, agent, [parent.clone()], limits)
            }
            (_, Ear::Grpc(settings)) => {
                let settings = super::grpc::GrpcSettings { accept_rate, ..settings.clone() };
                Listener::bind_grpc(&self.address, &settings, limits, |routes, _| routes).await
            }
            (Address::ZmqTcp(_), _) => Listener::bind_zeromq(&self.address, &open_to_all(accept_rate), limits).await,
            (address, _) => Listener::bind(address, accept_rate, limits).await,
        }
    }
}

/// A listener, the agent's end and the parent's end.
async fn linked(place: &Place, limits: Limits) -> (Listener, Link, Link) {
    let mut listener = place.listen(1000, limits).await.unwrap();
    let (agent, parent) = tokio::join!(listener.accept(), place.connect(limits));
    (listener, agent.unwrap(), parent.unwrap())
}

async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

/// A frame that publishes `payloads` (at least one) with a head of at least `head` bytes; the session number tells frames apart. Sound, since not every
/// transport carries bytes as they are.
fn frame(number: u64, head: usize, payloads: &[usize]) -> Frame {
    let sizes = if payloads.is_empty() { &[0] } else { payloads };
    let frame = |padding: usize| {
        let topic = "t".repeat(1 + padding);
        let publishes = sizes.iter().enumerate().map(|(at, &len)| Publish {
            network: 0,
            request: at as u64,
            topic: if at == 0 { &topic } else { "t" },
            payload: pattern(number, len),
        });
        Encoder::new(Limits::default()).frame(SessionId(number), publishes.collect::<Vec<_>>()).unwrap()
    };
    let least = frame(0);
    if least.head.len() < head { frame(head - least.head.len()) } else { least }
}

fn pattern(seed: u64, len: usize) -> Bytes {
    (0..len).map(|i| (seed as u8).wrapping_mul(31).wrapping_add(i as u8) ^ (i >> 8) as u8).collect()
}

/// Whether the same bytes arrived, however they are sliced.
fn assert_same(got: &Frame, sent: &Frame) {
    assert_eq!(got.prefix, sent.prefix);
    assert!(got.head == sent.head, "head differs in frame {:?}", sent.prefix);
    assert!(got.payloads.concat() == sent.payloads.concat(), "payloads differ in frame {:?}", sent.prefix);
}

fn bytes_of(frame: &Frame) -> Vec<u8> {
    [&frame.prefix.write()[..], &frame.head, &frame.payloads.concat()].concat()
}
