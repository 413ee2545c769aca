//! Frames from a connection: each lane's in order, and across lanes what waits for what.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use quinn::RecvStream;
use tokio::io::AsyncReadExt as _;

use super::super::LinkError;
use super::order::{Counts, ORDER, Order};
use pmq_protocol::wire::{Frame, FrameBuffer, FrameError, Lane, Limits};

/// One lane's stream. CORRECTNESS: all progress is here, so that a dropped `next` loses nothing.
#[derive(Debug)]
struct Inlet {
    lane: Lane,
    stream: RecvStream,
    buffer: FrameBuffer,
    /// The order of the frame that is coming.
    order: Option<Order>,
    /// A frame that is here and may have to wait.
    frame: Option<Frame>,
    /// Nothing more comes.
    ended: bool,
}

#[derive(Debug)]
pub(in super::super) struct Reader {
    inlets: Vec<Inlet>,
    taken: Counts,
    /// Where to look first: behind the lane that was served last, so that none waits for the others' flood.
    first: usize,
    /// What one lane ended with, told when nothing whole is left on the others.
    failed: Option<LinkError>,
    over: bool,
}

impl Reader {
    pub(super) fn new(streams: impl IntoIterator<Item = (Lane, RecvStream)>, limits: Limits) -> Self {
        let inlet = |(lane, stream)| Inlet { lane, stream, buffer: FrameBuffer::new(limits), order: None, frame: None, ended: false };
        Self { inlets: streams.into_iter().map(inlet).collect(), taken: Counts::default(), first: 0, failed: None, over: false }
    }

    pub(in super::super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, LinkError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let count = self.inlets.len();
        let mut open = false;
        let mut failed = None;
        for at in (self.first..self.first + count).map(|at| at % count) {
            let Some(inlet) = self.inlets.get_mut(at) else { continue };
            match inlet.poll_fill(cx) {
                Poll::Ready(Ok(())) => {}
                // What has come whole on the other lanes still counts.
                Poll::Ready(Err(error)) => {
                    inlet.ended = true;
                    failed = Some(error);
                }
                Poll::Pending => open = true,
            }
            if let Some(order) = inlet.order
                && self.taken.allow(inlet.lane, order)
                && let Some(frame) = inlet.frame.take()
            {
                inlet.order = None;
                self.taken.take(inlet.lane);
                self.first = at + 1;
                self.failed = self.failed.take().or(failed);
                return Poll::Ready(Some(Ok(frame)));
            }
        }
        let failed = self.failed.take().or(failed);
        if let Some(error) = failed {
            // Of the others nothing is there to be taken now, and nothing behind this is.
            self.over = true;
            return Poll::Ready(Some(Err(error)));
        }
        if open {
            return Poll::Pending;
        }
        self.over = true;
        // Every stream has ended, so nothing of what is left can be taken any more.
        let left = self.inlets.iter().any(|inlet| inlet.frame.is_some());
        Poll::Ready(left.then_some(Err(LinkError::Closed)))
    }
}

impl Inlet {
    /// Ready when there is a frame or when the stream has ended.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        while self.frame.is_none() && !self.ended {
            if self.order.is_none() {
                self.order = self.buffer.lead::<ORDER>().map(Order::read);
            }
            if self.order.is_some()
                && let Some(frame) = self.buffer.next_frame()?
            {
                let kind = frame.prefix.kind;
                if frame.lane() != self.lane {
                    return Poll::Ready(Err(FrameError::Content { kind, what: format!("it came on the lane {:?}", self.lane) }.into()));
                }
                self.frame = Some(frame);
                break;
            }
            // `ReadBuf` has no state of its own: dropped while pending, nothing was read.
            match ready!(pin!(self.stream.read_buf(self.buffer.room())).poll(cx)) {
                Ok(0) => self.end()?,
                Ok(_) => {}
                // The connection is over, for whatever reason: a peer that is gone ends the stream.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotConnected | io::ErrorKind::ConnectionReset) => self.end()?,
                Err(source) => return Poll::Ready(Err(LinkError::Io { what: "read from the peer".to_owned(), source })),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn end(&mut self) -> Result<(), FrameError> {
        self.ended = true;
        self.buffer.finish()
    }
}
