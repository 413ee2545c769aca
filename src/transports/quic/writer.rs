//! Frames to a connection: each lane has a queue and a stream of its own, so that none waits for another's payloads.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use quinn::{SendStream, StoppedError, VarInt, WriteError};

use super::super::ends::frame_len;
use super::super::{LinkError, SEND_BYTES, SEND_FRAMES};
use super::order::{Counts, ORDER};
use pmq_protocol::wire::{Frame, Lane, Lanes};

/// Parts below this are gathered, so that small frames go out many to a packet.
const GATHERED: usize = 8 * 1024;

type Acked = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>> + Send + Sync>>;

/// One lane's stream and what waits for it: at most [`SEND_FRAMES`] frames and [`SEND_BYTES`] bytes, or one frame of any size.
struct Outlet {
    stream: SendStream,
    /// What is written next, in order, and then `tail`.
    parts: VecDeque<Bytes>,
    tail: BytesMut,
    /// Bytes that are left of each frame. CORRECTNESS: all progress is here and in `parts`, so that a dropped `flush` loses nothing.
    frames: VecDeque<usize>,
    bytes: usize,
    end: End,
}

/// How far the stream's end is.
enum End {
    Open,
    /// Finished: done when the peer has all of it.
    Sent(Acked),
    Acked,
}

#[derive(Debug)]
pub(in super::super) struct Writer {
    /// By the lane's number; a parent has no records to send.
    outlets: Vec<Outlet>,
    sent: Counts,
}

impl Writer {
    pub(super) fn new(streams: impl IntoIterator<Item = SendStream>) -> Self {
        let outlet =
            |stream| Outlet { stream, parts: VecDeque::new(), tail: BytesMut::new(), frames: VecDeque::new(), bytes: 0, end: End::Open };
        Self { outlets: streams.into_iter().map(outlet).collect(), sent: Counts::default() }
    }

    /// The lanes that have room; pending while none has.
    pub(in super::super) fn poll_lanes(&mut self, cx: &mut Context<'_>) -> Poll<Result<Lanes, LinkError>> {
        let mut lanes = Lanes::NONE;
        for (lane, outlet) in Lane::ALL.into_iter().zip(&mut self.outlets) {
            if outlet.poll_room(cx)?.is_ready() {
                lanes |= lane.into();
            }
        }
        if lanes == Lanes::NONE { Poll::Pending } else { Poll::Ready(Ok(lanes)) }
    }

    pub(in super::super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.each(|outlet| outlet.poll_room(cx))
    }

    pub(in super::super) fn queue(&mut self, frame: Frame) -> Result<(), LinkError> {
        let (lane, waits) = (frame.lane(), frame.waits());
        let outlet = self.outlets.get_mut(lane.index()).ok_or(LinkError::Lane { kind: frame.prefix.kind })?;
        let order = self.sent.send(lane, waits);
        let bytes = ORDER + frame_len(&frame.prefix);
        outlet.tail.extend_from_slice(&order.write());
        outlet.tail.extend_from_slice(&frame.prefix.write());
        outlet.push(frame.head);
        frame.payloads.into_iter().for_each(|payload| outlet.push(payload));
        outlet.frames.push_back(bytes);
        outlet.bytes += bytes;
        Ok(())
    }

    pub(in super::super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.each(|outlet| outlet.poll_flush(cx))
    }

    /// Ready when the peer has everything: a connection that is dropped takes with it what is still on its way.
    pub(in super::super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        ready!(self.poll_flush(cx))?;
        self.each(|outlet| outlet.poll_close(cx))
    }

    /// All lanes have their turn, also when the first one is not ready.
    fn each(&mut self, mut poll: impl FnMut(&mut Outlet) -> Poll<Result<(), LinkError>>) -> Poll<Result<(), LinkError>> {
        let mut all = Poll::Ready(Ok(()));
        for outlet in &mut self.outlets {
            match poll(outlet) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => all = Poll::Pending,
            }
        }
        all
    }
}

impl Outlet {
    fn push(&mut self, part: Bytes) {
        if part.len() < GATHERED {
            self.tail.extend_from_slice(&part);
        } else {
            self.settle();
            self.parts.push_back(part);
        }
    }

    fn settle(&mut self) {
        if !self.tail.is_empty() {
            self.parts.push_back(self.tail.split().freeze());
        }
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        while self.frames.len() >= SEND_FRAMES || self.bytes >= SEND_BYTES {
            ready!(self.poll_write(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        while self.bytes > 0 {
            ready!(self.poll_write(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.settle();
        let Some(part) = self.parts.front_mut() else { return Poll::Ready(Ok(())) };
        let mut written = match ready!(Pin::new(&mut self.stream).poll_write(cx, part)) {
            Ok(written) => written,
            Err(WriteError::Stopped(_) | WriteError::ConnectionLost(_) | WriteError::ClosedStream) => {
                return Poll::Ready(Err(LinkError::Closed));
            }
            Err(WriteError::ZeroRttRejected) => return Poll::Ready(Err(LinkError::Closed)),
        };
        bytes::Buf::advance(part, written);
        if part.is_empty() {
            self.parts.pop_front();
        }
        self.bytes -= written;
        while let Some(first) = self.frames.front_mut() {
            if *first > written {
                *first -= written;
                break;
            }
            written -= *first;
            self.frames.pop_front();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        loop {
            match &mut self.end {
                End::Open => {
                    // An error means that the peer has gone, which is told by what it has acknowledged.
                    let _ = self.stream.finish();
                    self.end = End::Sent(Box::pin(self.stream.stopped()));
                }
                End::Sent(acked) => match ready!(acked.as_mut().poll(cx)) {
                    // The peer has all of it, or wants no more.
                    Ok(_) | Err(StoppedError::ConnectionLost(_) | StoppedError::ZeroRttRejected) => self.end = End::Acked,
                },
                End::Acked => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet").field("frames", &self.frames.len()).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
