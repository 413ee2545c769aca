//! One connection: frames coming, frames going, and who is at the other end.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::{Sink, Stream};

#[cfg(feature = "grpc")]
use super::grpc;
#[cfg(feature = "quic")]
use super::quic;
#[cfg(feature = "unix")]
use super::unix;
#[cfg(feature = "zeromq")]
use super::zeromq;
use super::{LinkError, memory};
use pmq_protocol::wire::{Frame, FrameError, Lanes, Limits, Prefix};

/// One connection between an agent and a parent.
#[derive(Debug)]
pub struct Link {
    /// Who is at the other end.
    pub peer: Credential,
    /// Frames from there. Ends when the peer is gone; an error is the last item.
    pub incoming: FrameStream,
    /// Frames to there.
    pub outgoing: FrameSink,
}

/// Who is at the other end, as the operating system or a token says and not as the peer claims.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Credential {
    /// A process of this machine (`SO_PEERCRED`; where that cannot be asked, whom the socket's directory lets in).
    Uid {
        /// Its effective user when it connected (or, seen from a parent, when the agent began to listen).
        uid: u32,
        /// Its effective group.
        gid: u32,
        /// Its process, where the system tells.
        pid: Option<i32>,
    },
    /// Whoever holds the key of that peer id (base58), as the handshake has proven.
    Peer(Arc<str>),
    /// Whoever holds the token of that name. [`Credential::OWN`] counts as the user that runs the agent.
    Token(Arc<str>),
    /// Whoever holds the key of a certificate of that name.
    Certificate(Arc<str>),
    /// Nobody has proven anything: what answers at that address, or a parent there that has no valid token.
    Unproven(SocketAddr),
    /// This very process, over the address of that name.
    Memory(Arc<str>),
}

impl Credential {
    /// Name of the token whose holder counts as the user that runs the agent.
    pub const OWN: &str = "self";

    /// Whose process it is, the same for all processes of one user.
    #[must_use]
    pub fn owner(&self) -> Arc<str> {
        match self {
            Self::Uid { uid, .. } => uid.to_string().into(),
            Self::Token(name) if &**name == Self::OWN => rustix::process::geteuid().as_raw().to_string().into(),
            Self::Token(name) => format!("token:{name}").into(),
            Self::Peer(id) => format!("peer:{id}").into(),
            Self::Certificate(name) => format!("certificate:{name}").into(),
            Self::Unproven(_) => "unproven".into(),
            Self::Memory(_) => "memory".into(),
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uid { uid, pid: Some(pid), .. } => write!(f, "uid {uid} (pid {pid})"),
            Self::Uid { uid, .. } => write!(f, "uid {uid}"),
            Self::Token(name) => write!(f, "token {name:?}"),
            Self::Peer(id) => write!(f, "peer {id}"),
            Self::Certificate(name) => write!(f, "certificate {name:?}"),
            Self::Unproven(at) => write!(f, "somebody at {at}"),
            Self::Memory(name) => write!(f, "memory:{name}"),
        }
    }
}

/// Frames from the peer. `next` is cancel-safe.
#[derive(Debug)]
pub struct FrameStream(pub(super) Incoming);

#[derive(Debug)]
pub(super) enum Incoming {
    #[cfg(feature = "unix")]
    Unix(unix::Reader),
    #[cfg(feature = "listen")]
    ZmqLane(zeromq::LaneReceiver),
    #[cfg(feature = "zeromq")]
    ZmqDealer(zeromq::DealerReceiver),
    Memory(memory::Receiver),
    #[cfg(feature = "quic")]
    Quic(quic::Reader),
    #[cfg(feature = "grpc")]
    Grpc(Box<grpc::Reader>),
}

impl Stream for FrameStream {
    type Item = Result<Frame, LinkError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.get_mut().0 {
            #[cfg(feature = "unix")]
            Incoming::Unix(reader) => reader.poll_frame(cx),
            #[cfg(feature = "listen")]
            Incoming::ZmqLane(receiver) => receiver.poll_frame(cx),
            #[cfg(feature = "zeromq")]
            Incoming::ZmqDealer(receiver) => receiver.poll_frame(cx),
            Incoming::Memory(receiver) => receiver.poll_frame(cx),
            #[cfg(feature = "quic")]
            Incoming::Quic(reader) => reader.poll_frame(cx),
            #[cfg(feature = "grpc")]
            Incoming::Grpc(reader) => reader.poll_frame(cx),
        }
    }
}

/// Frames to the peer: `feed` what is ready, then `flush` once, so that a burst goes out in one write. All of it is cancel-safe.
///
/// Dropping it ends the peer's `incoming`; what was not flushed is lost then.
#[derive(Debug)]
pub struct FrameSink(pub(super) Outgoing);

#[derive(Debug)]
pub(super) enum Outgoing {
    #[cfg(feature = "unix")]
    Unix(unix::Writer),
    #[cfg(feature = "listen")]
    ZmqLane(zeromq::LaneSender),
    #[cfg(feature = "zeromq")]
    ZmqDealer(zeromq::DealerSender),
    Memory(memory::Sender),
    #[cfg(feature = "quic")]
    Quic(quic::Writer),
    #[cfg(feature = "grpc")]
    Grpc(memory::Sender),
}

impl FrameSink {
    /// Whether one lane can be full while another has room.
    #[must_use]
    pub fn has_lanes(&self) -> bool {
        match &self.0 {
            #[cfg(feature = "quic")]
            Outgoing::Quic(_) => true,
            _ => false,
        }
    }

    /// The lanes that have room for a frame; pending while none has. On a transport of one stream all have room as soon as it is ready.
    ///
    /// # Errors
    /// As `poll_ready`.
    pub fn poll_lanes(&mut self, cx: &mut Context<'_>) -> Poll<Result<Lanes, LinkError>> {
        match &mut self.0 {
            #[cfg(feature = "quic")]
            Outgoing::Quic(writer) => writer.poll_lanes(cx),
            _ => Pin::new(self).poll_ready(cx).map_ok(|()| Lanes::ALL),
        }
    }
}

impl Sink<Frame> for FrameSink {
    type Error = LinkError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        match &mut self.get_mut().0 {
            #[cfg(feature = "unix")]
            Outgoing::Unix(writer) => writer.poll_ready(cx),
            #[cfg(feature = "listen")]
            Outgoing::ZmqLane(sender) => sender.poll_ready(cx),
            #[cfg(feature = "zeromq")]
            Outgoing::ZmqDealer(sender) => sender.poll_ready(cx),
            Outgoing::Memory(sender) => sender.poll_ready(cx),
            #[cfg(feature = "quic")]
            Outgoing::Quic(writer) => writer.poll_ready(cx),
            #[cfg(feature = "grpc")]
            Outgoing::Grpc(sender) => sender.poll_ready(cx),
        }
    }

    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), LinkError> {
        consistent(&frame)?;
        match &mut self.get_mut().0 {
            #[cfg(feature = "unix")]
            Outgoing::Unix(writer) => writer.queue(frame),
            #[cfg(feature = "listen")]
            Outgoing::ZmqLane(sender) => sender.queue(frame),
            #[cfg(feature = "zeromq")]
            Outgoing::ZmqDealer(sender) => sender.queue(frame),
            Outgoing::Memory(sender) => sender.queue(frame),
            #[cfg(feature = "quic")]
            Outgoing::Quic(writer) => writer.queue(frame),
            #[cfg(feature = "grpc")]
            Outgoing::Grpc(sender) => sender.queue(frame),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        match &mut self.get_mut().0 {
            #[cfg(feature = "unix")]
            Outgoing::Unix(writer) => writer.poll_flush(cx),
            #[cfg(feature = "listen")]
            Outgoing::ZmqLane(sender) => sender.poll_flush(cx),
            #[cfg(feature = "zeromq")]
            Outgoing::ZmqDealer(sender) => sender.poll_flush(cx),
            Outgoing::Memory(sender) => sender.poll_flush(cx),
            #[cfg(feature = "quic")]
            Outgoing::Quic(writer) => writer.poll_flush(cx),
            #[cfg(feature = "grpc")]
            Outgoing::Grpc(sender) => sender.poll_flush(cx),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        match &mut self.get_mut().0 {
            #[cfg(feature = "unix")]
            Outgoing::Unix(writer) => writer.poll_close(cx),
            #[cfg(feature = "listen")]
            Outgoing::ZmqLane(sender) => sender.poll_close(cx),
            #[cfg(feature = "zeromq")]
            Outgoing::ZmqDealer(sender) => sender.poll_close(cx),
            Outgoing::Memory(sender) => sender.poll_close(cx),
            #[cfg(feature = "quic")]
            Outgoing::Quic(writer) => writer.poll_close(cx),
            #[cfg(feature = "grpc")]
            Outgoing::Grpc(sender) => sender.poll_close_taken(cx),
        }
    }
}

/// All bytes of a frame.
pub(super) fn frame_len(prefix: &Prefix) -> usize {
    prefix.frame_len()
}

/// A frame whose parts do not match its prefix would turn everything behind it into garbage, so it is not sent.
fn consistent(frame: &Frame) -> Result<(), LinkError> {
    let payloads = frame.payloads.iter().map(bytes::Bytes::len).sum();
    let same = |part, have, need| if have == need { Ok(()) } else { Err(LinkError::Inconsistent { part, have, need }) };
    same("headers", frame.head.len(), frame.prefix.head_len())?;
    same("payloads", payloads, frame.prefix.payloads as usize)
}

/// The same check against the receiver's limits that a frame from a stream passes.
pub(super) fn within(prefix: &Prefix, limits: Limits) -> Result<(), FrameError> {
    Prefix::read(&prefix.write(), limits).map(drop)
}
