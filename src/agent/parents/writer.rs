//! Frames on their way out of a session: taken as fast as the link takes them, flushed once a burst.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Sink;

use pmq_protocol::session::AgentEnd;
use pmq_protocol::wire::Lanes;
use pmq_transports::{FrameSink, LinkError};

/// The link's sink, and whether something in it is not flushed yet.
#[derive(Debug)]
pub(super) struct Writer {
    sink: FrameSink,
    dirty: bool,
    /// There may be something to write.
    pub(super) pending: bool,
}

impl Writer {
    pub(super) fn new(sink: FrameSink) -> Self {
        Self { sink, dirty: false, pending: false }
    }

    pub(super) fn has_lanes(&self) -> bool {
        self.sink.has_lanes()
    }

    /// Moves what the session's end has to say into the link and flushes it. Ready when all of it is out; cancel-safe.
    pub(super) fn poll_write(&mut self, end: &mut AgentEnd, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        loop {
            let blocked = self.take(end, cx)?;
            if self.dirty {
                // Also when the sink is full: flushing is what makes room.
                if Pin::new(&mut self.sink).poll_flush(cx)?.is_pending() {
                    return Poll::Pending;
                }
                self.dirty = false;
            } else if blocked {
                // The sink wakes this task when it has room.
                return Poll::Pending;
            } else {
                self.pending = false;
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Writes what is left, and waits until the link has sent all of it. Cancel-safe.
    pub(super) fn poll_close(&mut self, end: &mut AgentEnd, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        ready!(self.poll_write(end, cx))?;
        // A flush may hand over what a close waits for: over ZeroMQ the frames still have to pass the hub.
        Pin::new(&mut self.sink).poll_close(cx)
    }

    /// Moves frames into the sink as long as it has room. Answers whether it had none.
    fn take(&mut self, end: &mut AgentEnd, cx: &mut Context<'_>) -> Result<bool, LinkError> {
        loop {
            let lanes = match self.sink.poll_lanes(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(lanes) => lanes?,
            };
            let Some(frame) = end.poll_frame_on(lanes) else { return Ok(lanes != Lanes::ALL && end.queued() > 0) };
            Pin::new(&mut self.sink).start_send(frame)?;
            self.dirty = true;
        }
    }
}
