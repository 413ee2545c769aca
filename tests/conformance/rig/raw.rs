//! Peers of no library's making: bytes written by hand into the socket itself.

use futures::{SinkExt as _, StreamExt as _};
use pmq::client::RefuseCode;
use pmq::transports::{Link, connect};
use pmq::wire::message::Refuse;
use pmq::wire::{Frame, Kind, Limits, PREFIX, Prefix, SessionId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::Agent;
use super::process::soon;

/// How a peer by hand comes to the agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dial {
    /// Frames follow each other on a Unix socket.
    Unix,
    /// There is no socket: frames that no encoder made are pushed into the pipe.
    Memory,
}

/// A peer by hand.
pub enum Raw {
    Unix(UnixStream),
    Memory(Link),
}

impl Raw {
    /// A link on which nothing has been said.
    pub async fn dial(agent: &Agent) -> Self {
        match agent.transport.dial {
            Dial::Unix => Self::Unix(UnixStream::connect(agent.url.strip_prefix("unix://").unwrap()).await.unwrap()),
            Dial::Memory => {
                Self::Memory(connect(&agent.url.parse().unwrap(), Limits { head: usize::MAX, payloads: usize::MAX }).await.unwrap())
            }
        }
    }

    /// Sends the bytes of a frame, sound or not.
    pub async fn say(&mut self, bytes: &[u8]) {
        // An agent that has heard enough may have closed the link already.
        match self {
            Self::Unix(stream) => drop(stream.write_all(bytes).await),
            Self::Memory(link) => drop(link.outgoing.send(squeezed(bytes)).await),
        }
    }

    /// Sends the first bytes of a frame of which no more will come.
    pub async fn say_half(&mut self, bytes: &[u8]) {
        self.say(bytes).await;
        if let Self::Unix(stream) = self {
            stream.shutdown().await.unwrap();
        }
    }

    /// All that the agent says until it ends the link.
    async fn hear_all(self) -> Vec<Frame> {
        let all = async {
            match self {
                Self::Unix(mut stream) => {
                    let mut bytes = Vec::new();
                    let mut part = [0; 4096];
                    // A reset behind the last frame says the same as the end: the agent had no need to read everything.
                    while let Ok(count @ 1..) = stream.read(&mut part).await {
                        bytes.extend_from_slice(&part[..count]);
                    }
                    frames(bytes)
                }
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

fn frames(bytes: Vec<u8>) -> Vec<Frame> {
    let mut bytes = bytes::Bytes::from(bytes);
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let prefix = Prefix::read(bytes.split_to(PREFIX)[..].try_into().unwrap(), Limits::default()).unwrap();
        let head = bytes.split_to(prefix.head_len());
        frames.push(Frame { prefix, head, payloads: vec![bytes.split_to(prefix.payloads as usize)] });
    }
    frames
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
