//! One connection: frames coming, frames going, and who is at the other end.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Sink, Stream};

use super::ends::Ends;
#[cfg(feature = "grpc")]
use super::grpc;
#[cfg(feature = "quic")]
use super::quic;
#[cfg(feature = "unix")]
use super::unix;
#[cfg(feature = "zeromq")]
use super::zeromq;
use super::{Credential, LinkError, memory};
use pmq_protocol::wire::{Frame, Lanes};

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

/// A twin's two halves make a link.
macro_rules! link_from {
    ($($(#[$when:meta])* $reader:ty, $writer:ty => $incoming:expr, $outgoing:expr;)*) => {$(
        $(#[$when])*
        impl From<Ends<$reader, $writer>> for Link {
            fn from(Ends { peer, incoming, outgoing }: Ends<$reader, $writer>) -> Self {
                Self { peer, incoming: FrameStream($incoming(incoming)), outgoing: FrameSink($outgoing(outgoing)) }
            }
        }
    )*};
}

link_from! {
    #[cfg(feature = "unix")]
    unix::Reader, unix::Writer => Incoming::Unix, Outgoing::Unix;
    #[cfg(feature = "listen")]
    zeromq::LaneReceiver, zeromq::LaneSender => Incoming::ZmqLane, Outgoing::ZmqLane;
    #[cfg(feature = "zeromq")]
    zeromq::DealerReceiver, zeromq::DealerSender => Incoming::ZmqDealer, Outgoing::ZmqDealer;
    memory::Receiver, memory::Sender => Incoming::Memory, Outgoing::Memory;
    #[cfg(feature = "quic")]
    quic::Reader, quic::Writer => Incoming::Quic, Outgoing::Quic;
    #[cfg(feature = "grpc")]
    Box<grpc::Reader>, memory::Sender => Incoming::Grpc, Outgoing::Grpc;
}

/// Frames from the peer. `next` is cancel-safe.
#[derive(Debug)]
pub struct FrameStream(Incoming);

#[derive(Debug)]
enum Incoming {
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
pub struct FrameSink(Outgoing);

#[derive(Debug)]
enum Outgoing {
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

/// A frame whose parts do not match its prefix would turn everything behind it into garbage, so it is not sent.
fn consistent(frame: &Frame) -> Result<(), LinkError> {
    let payloads = frame.payloads.iter().map(bytes::Bytes::len).sum();
    let same = |part, have, need| if have == need { Ok(()) } else { Err(LinkError::Inconsistent { part, have, need }) };
    same("headers", frame.head.len(), frame.prefix.head_len())?;
    same("payloads", payloads, frame.prefix.payloads as usize)
}
