//! The agent's end of one link: what the hub has read for it, and what it wants sent.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::mpsc;
use zeromq::ZmqMessage;

use super::super::ends::frame_len;
use super::super::{LinkError, SEND_BYTES, SEND_FRAMES};
use super::envelope;
use super::load::Load;
use pmq_protocol::wire::Frame;

/// Bounds of what has come for a link and is not read yet. Past either, the link is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inbox {
    pub(super) frames: usize,
    pub(super) bytes: usize,
}

/// Until a link is accepted it may hold no more than a hello and a little.
const UNACCEPTED: Inbox = Inbox { frames: SEND_FRAMES, bytes: SEND_BYTES };

/// Lanes with something to do. At most one entry a lane, so the channel is bounded by the links.
pub(super) type Ready = mpsc::UnboundedSender<Arc<Lane>>;

/// One link, shared by its two halves and the hub.
pub(super) struct Lane {
    identity: Bytes,
    bound: Inbox,
    load: Arc<Load>,
    ready: Ready,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Bounded by `bound`.
    inbox: VecDeque<Frame>,
    inbox_bytes: usize,
    accepted: bool,
    /// Nobody will read any more.
    deaf: bool,
    /// The link's last item, once it has one: an error, or nothing.
    end: Option<Option<LinkError>>,
    reader: Option<Waker>,
    /// Bounded by [`Load`].
    outbox: VecDeque<ZmqMessage>,
    /// In the hub's list of lanes.
    scheduled: bool,
    /// The sink is gone: leave when the outbox is empty.
    leaving: bool,
}

impl Lane {
    pub(super) fn new(identity: Bytes, bound: Inbox, ready: Ready) -> Arc<Self> {
        Arc::new(Self { identity, bound, load: Arc::default(), ready, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn identity(&self) -> &Bytes {
        &self.identity
    }

    pub(super) fn halves(self: &Arc<Self>) -> (Receiver, Sender) {
        (Receiver(self.clone()), Sender(self.clone()))
    }

    /// Whether nothing of it waits to be sent any more.
    pub(super) fn is_sent(&self) -> bool {
        self.load.is_empty()
    }

    /// From now on it may hold as much as is configured.
    pub(super) fn accept(&self) {
        self.lock().accepted = true;
    }

    /// Hub: a frame, or what is none. False when the link has to be cut.
    pub(super) fn push(&self, frame: Result<Frame, LinkError>) -> bool {
        let mut state = self.lock();
        if state.deaf || state.end.is_some() {
            // Whatever follows an error is not looked at.
            return true;
        }
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                state.end = Some(Some(error));
                wake(state);
                return true;
            }
        };
        let bound = if state.accepted { self.bound } else { UNACCEPTED };
        let bytes = frame_len(&frame.prefix);
        // One frame of any allowed size passes when nothing waits.
        if state.inbox.len() >= bound.frames || (state.inbox_bytes + bytes > bound.bytes && !state.inbox.is_empty()) {
            let error = LinkError::Overrun { frames: state.inbox.len() + 1, bytes: state.inbox_bytes + bytes };
            tracing::warn!(%error, "a parent is cut off");
            state.end = Some(Some(error));
            wake(state);
            return false;
        }
        state.inbox_bytes += bytes;
        state.inbox.push_back(frame);
        wake(state);
        true
    }

    /// Hub: the peer has left or is gone.
    pub(super) fn end(&self) {
        self.load.close();
        let mut state = self.lock();
        state.outbox.clear();
        state.end.get_or_insert(None);
        wake(state);
    }

    /// Hub: the link was left by this end; what it sent last is still on its way.
    pub(super) fn left(&self) {
        let mut state = self.lock();
        state.end.get_or_insert(None);
        wake(state);
    }

    /// Nothing that comes is of interest.
    pub(super) fn deafen(&self) {
        let mut state = self.lock();
        state.deaf = true;
        state.inbox = VecDeque::new();
        state.inbox_bytes = 0;
    }

    /// Hub: the next messages to send, at most `most`; and whether the link is to be left behind them.
    pub(super) fn take(self: &Arc<Self>, most: usize, into: &mut Vec<ZmqMessage>) -> bool {
        let mut state = self.lock();
        let count = state.outbox.len().min(most);
        into.extend(state.outbox.drain(..count));
        // Behind every other lane that is ready.
        state.scheduled = !state.outbox.is_empty() && self.ready.send(self.clone()).is_ok();
        state.leaving && state.outbox.is_empty()
    }

    fn schedule(self: &Arc<Self>) {
        let mut state = self.lock();
        if !state.scheduled && (state.leaving || !state.outbox.is_empty()) {
            // The hub lives as long as any link does; if it died, it has ended all of them.
            state.scheduled = self.ready.send(self.clone()).is_ok();
        }
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let reader = state.reader.take();
    drop(state);
    reader.into_iter().for_each(Waker::wake);
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("identity", &self.identity).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(crate) struct Receiver(Arc<Lane>);

impl Receiver {
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, LinkError>>> {
        let mut state = self.0.lock();
        if let Some(frame) = state.inbox.pop_front() {
            state.inbox_bytes -= frame_len(&frame.prefix);
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Some(end) = &mut state.end {
            return Poll::Ready(end.take().map(Err));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.deafen();
    }
}

#[derive(Debug)]
pub(crate) struct Sender(Arc<Lane>);

impl Sender {
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let room = self.0.load.poll_room(cx);
        if room.is_pending() {
            // What fills it goes out only if the hub knows of it.
            self.0.schedule();
        }
        room
    }

    pub(crate) fn queue(&mut self, frame: Frame) -> Result<(), LinkError> {
        let lane = &self.0;
        if lane.load.is_closed() {
            return Err(LinkError::Closed);
        }
        let message = envelope::write(Some(lane.identity.clone()), frame, &lane.load);
        lane.lock().outbox.push_back(message);
        Ok(())
    }

    /// Hands over what was queued. It does not wait: what is queued is on its way, and counted.
    pub(crate) fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.0.schedule();
        Poll::Ready(if self.0.load.is_closed() { Err(LinkError::Closed) } else { Ok(()) })
    }

    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.leave();
        self.0.load.poll_empty(cx).map(Ok)
    }

    fn leave(&mut self) {
        self.0.lock().leaving = true;
        self.0.schedule();
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.leave();
    }
}
