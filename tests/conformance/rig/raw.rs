//! Peers of no library's making: bytes written by hand into the socket itself.

use futures::{SinkExt as _, StreamExt as _};
use pmq_client::RefuseCode;
use pmq_protocol::wire::message::Refuse;
use pmq_protocol::wire::{Frame, Kind, Limits, PREFIX, Prefix, SessionId};
use pmq_transports::{Link, connect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::Agent;
pub use super::calls::Call as RawCall;
use super::calls::Call;
use super::streams::{ORDER, Streams};
use super::zmtp::{Stream, Zmtp};
use pmq_testing::soon;

/// How a peer by hand comes to the agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dial {
    /// Frames follow each other on a socket.
    Stream,
    /// Each frame is a message of ZMTP, behind one that opens the link.
    Zmtp,
    /// There is no socket: frames that no encoder made are pushed into the pipe.
    Memory,
    /// Frames follow each other on the streams of a connection, each behind its order.
    Quic,
    /// Frames are messages of a call.
    Grpc,
}

/// A peer by hand.
pub enum Raw {
    Stream(Box<dyn Stream>),
    Zmtp(Zmtp),
    Memory(Box<Link>),
    Quic(Box<Streams>),
    Grpc(Box<Call>),
}

/// A connection to the agent's socket.
async fn socket(url: &str) -> Box<dyn Stream> {
    let (_, place) = url.split_once("://").unwrap();
    if place.starts_with('/') {
        return Box::new(UnixStream::connect(place).await.unwrap());
    }
    Box::new(TcpStream::connect(place).await.unwrap())
}

impl Raw {
    /// A link on which nothing has been said.
    pub async fn dial(agent: &Agent) -> Self {
        match agent.transport.dial {
            Dial::Stream => Self::Stream(socket(&agent.url).await),
            Dial::Zmtp => {
                let mut zmtp = soon("a handshake", Zmtp::handshake(socket(&agent.url).await)).await.unwrap();
                zmtp.send(&[b"PMQZ\x01", agent.transport.token()]).await.unwrap();
                Self::Zmtp(zmtp)
            }
            Dial::Quic => Self::Quic(Box::new(soon("a handshake", Streams::open(&agent.url)).await)),
            Dial::Grpc => {
                let token = str::from_utf8(agent.transport.token()).unwrap();
                Self::Grpc(Box::new(soon("a call", Call::session(&agent.url, token)).await))
            }
            Dial::Memory => {
                let every = Limits { head: usize::MAX, payloads: usize::MAX };
                Self::Memory(Box::new(connect(&agent.url.parse().unwrap(), every).await.unwrap()))
            }
        }
    }

    /// Writes bytes to the agent's socket and nothing else, and goes away.
    pub async fn noise(agent: &Agent, bytes: &[u8]) {
        match agent.transport.dial {
            Dial::Memory => Self::dial(agent).await.say(bytes).await,
            Dial::Quic => Streams::noise(&agent.url, bytes).await,
            Dial::Grpc => Call::noise(&agent.url, bytes).await,
            // The agent may have closed it already.
            Dial::Stream | Dial::Zmtp => drop(socket(&agent.url).await.write_all(bytes).await),
        }
    }

    /// Sends the bytes of a frame, sound or not.
    pub async fn say(&mut self, bytes: &[u8]) {
        // An agent that has heard enough may have closed the link already.
        match self {
            Self::Stream(stream) => drop(stream.write_all(bytes).await),
            Self::Zmtp(zmtp) => drop(zmtp.send(&[bytes]).await),
            Self::Memory(link) => drop(link.outgoing.send(squeezed(bytes)).await),
            Self::Quic(streams) => streams.say(bytes).await,
            Self::Grpc(call) => call.say(bytes),
        }
    }

    /// Sends the first bytes of a frame of which no more will come.
    pub async fn say_half(&mut self, bytes: &[u8]) {
        self.say(bytes).await;
        match self {
            Self::Stream(stream) => stream.shutdown().await.unwrap(),
            Self::Quic(streams) => streams.finish(),
            Self::Grpc(call) => call.finish(),
            Self::Zmtp(_) | Self::Memory(_) => {}
        }
    }

    /// Goes away in the middle of a frame that begins with these bytes.
    pub async fn break_off(self, bytes: &[u8]) {
        match self {
            Self::Stream(mut stream) => stream.write_all(bytes).await.unwrap(),
            Self::Zmtp(mut zmtp) => zmtp.send_half(2 * bytes.len(), bytes).await.unwrap(),
            // A frame is in the pipe or it is not.
            Self::Memory(link) => drop(link),
            Self::Quic(mut streams) => streams.say(bytes).await,
            Self::Grpc(mut call) => call.say(bytes),
        }
    }

    /// All that the agent says until it ends the link.
    async fn hear_all(self) -> Vec<Frame> {
        let all = async {
            match self {
                Self::Stream(mut stream) => {
                    let mut bytes = Vec::new();
                    let mut part = [0; 4096];
                    // A reset behind the last frame says the same as the end: the agent had no need to read everything.
                    while let Ok(count @ 1..) = stream.read(&mut part).await {
                        bytes.extend_from_slice(&part[..count]);
                    }
                    let mut bytes = bytes::Bytes::from(bytes);
                    std::iter::from_fn(|| (!bytes.is_empty()).then(|| frame(&mut bytes))).collect()
                }
                Self::Zmtp(mut zmtp) => {
                    let mut frames = Vec::new();
                    while let Ok(parts) = zmtp.receive().await {
                        if *parts[0] == *b"PMQZ\x00" {
                            break;
                        }
                        frames.push(frame(&mut parts.concat().into()));
                    }
                    frames
                }
                Self::Quic(streams) => {
                    let mut bytes = streams.hear_all().await;
                    std::iter::from_fn(|| {
                        (!bytes.is_empty()).then(|| {
                            drop(bytes.split_to(ORDER));
                            frame(&mut bytes)
                        })
                    })
                    .collect()
                }
                Self::Grpc(call) => call.hear_all().await,
                Self::Memory(mut link) => {
                    let mut frames = Vec::new();
                    while let Some(Ok(frame)) = link.incoming.next().await {
                        frames.push(frame);
                    }
                    frames
                }
            }
        };
        soon("the end of the link", all).await
    }

    /// The fatal refusal with which the agent ends the link.
    pub async fn refused(self) -> (RefuseCode, String) {
        let frames = self.hear_all().await;
        let refusals =
            frames.iter().filter(|frame| frame.prefix.kind == Kind::Refuse).flat_map(|frame| frame.items::<Refuse<'_>>().unwrap());
        let last = refusals.last().expect("the link ended without a refusal");
        assert!(last.fatal, "{last:?}");
        (last.code, last.text.to_owned())
    }
}

/// The bytes of a frame.
pub fn bytes_of(frame: &Frame) -> Vec<u8> {
    let mut bytes = [&frame.prefix.write()[..], &frame.head].concat();
    frame.payloads.iter().for_each(|payload| bytes.extend_from_slice(payload));
    bytes
}

/// Takes a frame from the front of what an agent sent.
fn frame(bytes: &mut bytes::Bytes) -> Frame {
    let prefix = Prefix::read(bytes.split_to(PREFIX)[..].try_into().unwrap(), Limits::default()).unwrap();
    let head = bytes.split_to(prefix.head_len());
    Frame { prefix, head, payloads: vec![bytes.split_to(prefix.payloads as usize)] }
}

/// Bytes as a pipe of frames takes them, which has no room for a prefix that is none, nor for lengths that are not there: what is missing
/// makes the head shorter, and one byte beyond the limit stands for all that was announced.
fn squeezed(bytes: &[u8]) -> Frame {
    let every = Limits { head: usize::MAX, payloads: usize::MAX };
    let limits = Limits::default();
    let read = bytes.first_chunk::<PREFIX>().and_then(|prefix| Prefix::read(prefix, every).ok());
    let (mut prefix, rest) = match read {
        Some(prefix) => (prefix, &bytes[PREFIX..]),
        None => (Prefix { kind: Kind::Hello, count: 1, archive: u32::MAX, names: 0, payloads: 0, session: SessionId(0) }, bytes),
    };
    let head = match prefix.head_len() {
        announced if read.is_some() && announced > limits.head => vec![0; limits.head + 1],
        announced => rest[..announced.min(rest.len())].to_vec(),
    };
    prefix.names = prefix.names.min(head.len() as u32);
    prefix.archive = head.len() as u32 - prefix.names;
    let payload = bytes::Bytes::from(vec![0; (prefix.payloads as usize).min(limits.payloads + 1)]);
    prefix.payloads = payload.len() as u32;
    Frame { prefix, head: head.into(), payloads: vec![payload] }
}
