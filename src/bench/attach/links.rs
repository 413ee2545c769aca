//! Frames alone: a transport's two ends, without sessions.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use anyhow::Context as _;
use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt};

use super::cell::{Cell, Door, Drive, Figures, Transport};
use super::load::Load;
use super::node::{Node, Setup, Work};
use super::sessions::payloads;
use crate::{Pace, now, rig};
use pmq_pipeline::BATCH_MESSAGES;
use pmq_protocol::wire::message::{Judged, Offered, Ping};
use pmq_protocol::wire::{Encoder, Frame, Kind, Limits, MessageId, Offer, SessionId, Verdict};
use pmq_transports::{Address, FrameSink, FrameStream, Link, LinkError, SEND_BYTES, connect};

/// Frames that are dealt with before anything else is looked at.
const BURST: usize = 8;
/// Nobody looks at it.
const SESSION: SessionId = SessionId(1);

/// Messages of one frame: a batch, a quarter of what may be on its way, so that both directions have something to do, or what a link lets wait; idle ones come one
/// by one.
pub(super) fn per_frame(cell: &Cell) -> usize {
    if cell.drive == Drive::Idle {
        return 1;
    }
    BATCH_MESSAGES.min(cell.in_flight.div_ceil(4) as usize).min((SEND_BYTES / cell.size.max(1)).max(1))
}

/// Measures one cell.
///
/// # Errors
/// When a process or a socket fails.
pub(super) async fn measure(transport: Transport, cell: Cell, dir: &Path, number: usize) -> anyhow::Result<Figures> {
    let Door { mut listener, key, .. } = transport.open(dir, number).await?;
    let setup = Setup {
        work: Work::Link,
        url: listener.address().to_string(),
        key,
        window: (cell.in_flight, cell.window().bytes),
        size: cell.size,
    };
    let mut node = Node::start(&setup)?;
    let processes = vec![std::process::id(), node.pid()?];
    let mut ends = tokio::select! {
        link = listener.accept() => Ends::new(link?),
        wrong = node.ended() => return Err(wrong),
    };
    let figures = tokio::select! {
        figures = drive(&mut ends, cell, processes) => figures?,
        wrong = node.ended() => return Err(wrong),
    };
    // Before the link, which may end in the middle of a frame.
    node.end().await?;
    Ok(figures)
}

/// Both directions of a link, each going on while the other cannot.
struct Ends {
    incoming: FrameStream,
    outgoing: FrameSink,
    /// Bounded by the window.
    frames: VecDeque<Frame>,
    dirty: bool,
}

impl Ends {
    fn new(link: Link) -> Self {
        let Link { incoming, outgoing, .. } = link;
        Self { incoming, outgoing, frames: VecDeque::new(), dirty: false }
    }

    /// Writes what waits, and reads the next frame. Cancel-safe.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, LinkError>> {
        while !self.frames.is_empty() {
            match Pin::new(&mut self.outgoing).poll_ready(cx)? {
                Poll::Pending => break,
                Poll::Ready(()) => {}
            }
            if let Some(frame) = self.frames.pop_front() {
                Pin::new(&mut self.outgoing).start_send(frame)?;
                self.dirty = true;
            }
        }
        if self.dirty && Pin::new(&mut self.outgoing).poll_flush(cx)?.is_ready() {
            self.dirty = false;
            if !self.frames.is_empty() {
                // It has room again, and nobody else would say so.
                cx.waker().wake_by_ref();
            }
        }
        match Pin::new(&mut self.incoming).poll_next(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(frame)) => Poll::Ready(frame),
            Poll::Ready(None) => Poll::Ready(Err(LinkError::Closed)),
        }
    }
}

async fn drive(ends: &mut Ends, cell: Cell, processes: Vec<u32>) -> anyhow::Result<Figures> {
    let (topic, id) = (Arc::<str>::from("prices"), MessageId::new(&7_u64.to_be_bytes())?);
    let mut payloads = payloads(cell.size).into_iter().cycle();
    let mut encoder = Encoder::default();
    let mut offers = Vec::with_capacity(cell.in_flight as usize);
    let begun = now();
    // An index of this pace is a nanosecond.
    let pace = Pace::new(begun, 1e9)?;
    let mut load = Load::begin(cell, cell.window(), processes)?;
    loop {
        let at = now();
        if load.over(at)? {
            return Ok(load.figures());
        }
        let instant = Instant::now();
        while let Some(ticket) = load.offer(at) {
            let payload = payloads.next().context("there is a payload")?;
            offers.push(Offer { ticket, topic: topic.clone(), id, payload, deadline: instant + rig::DEADLINE });
        }
        for batch in offers.chunks(per_frame(&cell)) {
            encoder.validate(SESSION, 0, batch, instant, &mut ends.frames)?;
        }
        offers.clear();
        let first = tokio::select! {
            biased;
            frame = poll_fn(|cx| ends.poll(cx)) => frame?,
            waited = pace.wait(load.due().unwrap_or(begun).saturating_sub(begun)), if load.due().is_some() => {
                waited?;
                continue;
            }
        };
        let (mut frame, at) = (first, now());
        for left in (0..BURST).rev() {
            if frame.prefix.kind == Kind::Verdict {
                frame.items::<Judged<'_>>()?.try_for_each(|judged| load.verdict(judged.ticket, at))?;
            }
            // One that is read here is dealt with here.
            match if left > 0 { poll_fn(|cx| ends.poll(cx)).now_or_never() } else { None } {
                Some(next) => frame = next?,
                None => break,
            }
        }
    }
}

/// The other end: a verdict for each message, a frame of them for each frame. Ends when the link does.
///
/// # Errors
/// When nobody listens, or a frame cannot be read.
pub(super) async fn answer(address: &Address) -> anyhow::Result<()> {
    match answers(address).await {
        Err(wrong) if matches!(wrong.downcast_ref(), Some(LinkError::Closed)) => Ok(()),
        ended => ended,
    }
}

async fn answers(address: &Address) -> anyhow::Result<()> {
    let Link { mut incoming, mut outgoing, .. } = connect(address, Limits::default()).await?;
    let mut encoder = Encoder::default();
    // Over ZeroMQ a link is there when it has said something.
    outgoing.send(encoder.frame(SESSION, [Ping { nonce: 0 }])?).await?;
    while let Some(frame) = incoming.next().await {
        let mut frame = frame?;
        for left in (0..BURST).rev() {
            let judged = frame.items::<Offered<'_>>()?.map(|offered| Judged {
                network: offered.network,
                ticket: offered.ticket,
                verdict: Verdict::Accept,
                reason: 0,
                text: "",
            });
            outgoing.feed(encoder.frame(SESSION, judged)?).await?;
            // The end of the stream is met again by the next read.
            match if left > 0 { incoming.next().now_or_never().flatten() } else { None } {
                Some(next) => frame = next?,
                None => break,
            }
        }
        outgoing.flush().await?;
    }
    Ok(())
}
