#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! One suite for every transport, and what is particular to each.

#[cfg(feature = "agent")]
mod grpc;
mod place;
#[cfg(feature = "client-quic")]
mod quic;
mod raw;
mod settings;
mod suite;
mod throttle;
mod zeromq;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use super::{Address, Link, LinkError, Listener, ZeromqSettings, connect};
use crate::wire::message::Publish;
use crate::wire::{Encoder, Frame, Limits, SessionId};

/// Longest that any awaited event may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A transport under test: a fresh address, and what keeps it alive.
struct Place {
    address: Address,
    #[cfg(feature = "client-quic")]
    keys: Option<Keys>,
    _dir: Option<TempDir>,
}

#[cfg(feature = "client-quic")]
struct Keys {
    agent: super::quic::Identity,
    parent: super::quic::Identity,
}

fn unix() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place {
        address: Address::Unix(dir.path().join("pmq/agent.sock")),
        #[cfg(feature = "client-quic")]
        keys: None,
        _dir: Some(dir),
    }
}

fn memory() -> Place {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("suite-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    Place {
        address: Address::Memory(name.into()),
        #[cfg(feature = "client-quic")]
        keys: None,
        _dir: None,
    }
}

fn zmq_ipc() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place {
        address: Address::ZmqIpc(dir.path().join("pmq/zmq.ipc")),
        #[cfg(feature = "client-quic")]
        keys: None,
        _dir: Some(dir),
    }
}

/// A loopback address of its own, so that no other test's port is in the way.
fn zmq_tcp() -> Place {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let ip = [127, 1 + (high % 100), low, 1 + (number % 250) as u8];
    Place {
        address: Address::ZmqTcp((ip, 5570 + (number / 250) as u16).into()),
        #[cfg(feature = "client-quic")]
        keys: None,
        _dir: None,
    }
}

/// A loopback address of its own, and two keys: the agent's, and its only parent's.
#[cfg(feature = "client-quic")]
fn quic() -> Place {
    use super::quic::Identity;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let host = format!("127.{}.{low}.{}", 101 + high % 100, 1 + number % 250);
    let keys = Keys { agent: Identity::generate(), parent: Identity::generate() };
    let address = Address::Quic { host: host.into(), port: 5580 + (number / 250) as u16, peer: keys.agent.peer_id().into() };
    Place { address, keys: Some(keys), _dir: None }
}

#[cfg(feature = "agent")]
fn grpc_unix() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place {
        address: Address::GrpcUnix(dir.path().join("pmq/grpc.sock")),
        #[cfg(feature = "client-quic")]
        keys: None,
        _dir: Some(dir),
    }
}

/// At a loopback address of its own.
#[cfg(feature = "agent")]
fn grpc_tcp() -> Place {
    let Place { address, .. } = zmq_tcp();
    let Address::ZmqTcp(socket) = address else { unreachable!("made so") };
    Place {
        address: Address::Grpc(socket),
        #[cfg(feature = "client-quic")]
        keys: None,
        _dir: None,
    }
}

/// What TCP asks of nobody here.
fn open_to_all(accept_rate: u32) -> ZeromqSettings {
    ZeromqSettings { accept_rate, trust_loopback: true, ..ZeromqSettings::default() }
}

impl Place {
    async fn connect(&self, limits: Limits) -> Result<Link, LinkError> {
        #[cfg(feature = "client-quic")]
        if let Some(keys) = &self.keys {
            return super::connect_with(&self.address, limits, &keys.parent.clone().into()).await;
        }
        connect(&self.address, limits).await
    }

    async fn listen(&self, accept_rate: u32, limits: Limits) -> Result<Listener, LinkError> {
        match &self.address {
            #[cfg(feature = "client-quic")]
            Address::Quic { host, port, .. } => {
                let keys = self.keys.as_ref().unwrap();
                let socket = (host.parse::<std::net::IpAddr>().unwrap(), *port).into();
                Listener::bind_quic(socket, accept_rate, &keys.agent, [keys.parent.peer_id()], limits)
            }
            #[cfg(feature = "agent")]
            Address::Grpc(_) => {
                let settings = super::grpc::GrpcSettings { accept_rate, trust_loopback: true, ..super::grpc::GrpcSettings::default() };
                Listener::bind_grpc(&self.address, &settings, limits, |routes, _| routes).await
            }
            Address::ZmqTcp(_) => Listener::bind_zeromq(&self.address, &open_to_all(accept_rate), limits).await,
            address => Listener::bind(address, accept_rate, limits).await,
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
