//! One link of a client: the session's state machine between the link, the mailboxes and the outbox.

use std::collections::HashMap;
use std::future::poll_fn;
use std::mem::take;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::{FutureExt, SinkExt, StreamExt};
use tokio::time::timeout;

use super::attachment::{Attachment, SUBSCRIPTIONS};
use super::inbound::Bursts;
use super::outbox::Given;
use super::request::{Answer, Pending};
use super::slot::Slot;
use super::{ClientError, RequestError, Status};
use pmq_protocol::session::{ParentEnd, ParentEvent, Request, SendError, Served, Violation};
use pmq_protocol::wire::message::Judged;
use pmq_protocol::wire::{Frame, FrameError, RefuseCode, Roles};
use pmq_transports::Alarm;
use pmq_transports::{Credential, FrameSink, Link, LinkError};

/// Frames taken from the link before what they caused is written: bounds how long an answer waits.
const TURN: usize = 32;

/// How often requests are looked for that their callers have given up.
const SWEEP: Duration = Duration::from_secs(1);

/// How long the last frames of a session may take to be written.
const FAREWELL: Duration = Duration::from_millis(500);

/// How long an ack may wait for something else to leave with: alone it is a system call here, and wakes the agent.
const ACK_HOLD: Duration = Duration::from_millis(1);

/// Behind its deadline a message has surely had the fallback: a verdict then only gives the credit back.
const PARKED: Duration = Duration::from_millis(50);

pub(super) struct Session<'a> {
    of: &'a mut Attachment,
    /// Requests without an answer yet. Bounded by the client's permits and [`SUBSCRIPTIONS`].
    under_way: HashMap<u64, Pending>,
    bursts: Bursts,
    /// Exchanged with the outbox's list, so that neither is ever allocated anew.
    verdicts: Vec<Given>,
    /// When the next dropped offer's credit can be given back.
    unpark: Option<Instant>,
    /// When acks that are held back have to leave.
    ack_at: Option<Instant>,
    pub(super) attached: Option<Instant>,
}

impl<'a> Session<'a> {
    pub(super) fn new(of: &'a mut Attachment) -> Self {
        Self { of, under_way: HashMap::new(), bursts: Bursts::default(), verdicts: Vec::new(), unpark: None, ack_at: None, attached: None }
    }

    /// Requests that have no answer, in the order in which they were made.
    pub(super) fn into_requests(self) -> Vec<Pending> {
        let mut left: Vec<(u64, Pending)> = self.under_way.into_iter().collect();
        left.sort_unstable_by_key(|&(number, _)| number);
        left.into_iter().map(|(_, request)| request).collect()
    }

    /// Serves the link until it ends; answers why.
    pub(super) async fn run(&mut self, link: Link) -> ClientError {
        let Link { peer, mut incoming, mut outgoing } = link;
        let paused = self.of.outbox.lock().paused.clone();
        let wants = self.of.slots.iter_mut().zip(paused).map(|(slot, paused)| slot.hello(paused)).collect();
        let mut end = match ParentEnd::new(wants, &self.of.software, self.of.terms.clone(), Instant::now()) {
            Ok(end) => end,
            Err(error) => return ClientError::Hello(error.to_string()),
        };
        let outbox = self.of.outbox.clone();
        // Whether there is something to write; and whether the agent still reads (what it said last is to be read in any case).
        let (mut unwritten, mut writable) = (true, true);
        let mut sweep = Instant::now() + SWEEP;
        let mut alarm = Alarm::default();
        let error = loop {
            let tick = [end.next_tick(), self.unpark, self.ack_at].into_iter().flatten().min();
            // CORRECTNESS: every branch is cancel-safe: the link keeps half-read and half-written frames, the bell keeps its stroke.
            let turn = tokio::select! {
                frame = incoming.next() => match frame {
                    Some(Ok(frame)) => self.receive(frame, &mut incoming, &mut end, &peer),
                    Some(Err(error)) => Err(error.into()),
                    None => Err(LinkError::Closed.into()),
                },
                written = poll_fn(|cx| poll_write(&mut end, &mut outgoing, cx)), if unwritten && writable => {
                    unwritten = false;
                    match written {
                        Ok(()) => Ok(()),
                        Err(LinkError::Closed) => { writable = false; Ok(()) }
                        Err(error) => Err(error.into()),
                    }
                }
                () = outbox.changed() => Ok(()),
                () = poll_fn(|cx| alarm.poll(tick, cx)) => end.tick(Instant::now()).map_err(ClientError::Dead),
            };
            match turn.and_then(|()| self.send(&mut end)) {
                Ok(queued) => unwritten |= queued,
                Err(error) => break error,
            }
            let now = Instant::now();
            if now >= sweep {
                self.under_way.retain(|_, request| !request.is_given_up());
                sweep = now + SWEEP;
            }
        };
        if matches!(error, ClientError::Closed) && end.is_attached() {
            end.close(RefuseCode::ShuttingDown, "the parent closes the session");
        }
        if writable {
            // A peer that does not read its farewell has only itself to blame.
            let farewell = async {
                poll_fn(|cx| poll_write(&mut end, &mut outgoing, cx)).await?;
                outgoing.close().await
            };
            drop(timeout(FAREWELL, farewell).await);
        }
        error
    }

    /// Takes a frame and those right behind it.
    fn receive(
        &mut self,
        first: Frame,
        incoming: &mut pmq_transports::FrameStream,
        end: &mut ParentEnd,
        peer: &Credential,
    ) -> Result<(), ClientError> {
        let mut next = Some(Ok(first));
        let mut result = Ok(());
        let mut left = TURN;
        while let Some(frame) = next.take() {
            let now = Instant::now();
            let received = match frame {
                Ok(frame) => end.receive(frame, now).map_err(violated),
                Err(error) => Err(ClientError::from(error)),
            };
            while let (true, Some(event)) = (result.is_ok(), end.poll_event()) {
                result = self.event(event, peer, now);
            }
            result = result.and(received);
            left -= 1;
            // A frame that is read here is dealt with here. The end of the stream is met again by the caller's next read.
            if result.is_ok() && left > 0 {
                next = incoming.next().now_or_never().flatten();
            }
        }
        self.bursts.deliver(&mut self.of.slots);
        result
    }

    fn event(&mut self, event: ParentEvent, peer: &Credential, now: Instant) -> Result<(), ClientError> {
        match event {
            ParentEvent::Welcomed(served) => self.welcomed(served, peer),
            ParentEvent::Offers(frame) => {
                self.bursts.offers(&frame, &mut self.of.slots, &self.of.outbox, self.of.times, now).map_err(garbled)?;
            }
            ParentEvent::Records(frame) => self.bursts.records(&frame, &mut self.of.slots).map_err(garbled)?,
            ParentEvent::Published { request, status, id, peers, text } => {
                self.answered(request, Ok(Answer::Published { status, id, peers, text }));
            }
            ParentEvent::Done { request } => self.answered(request, Ok(Answer::Done)),
            ParentEvent::Refused { code, fatal: true, text, .. } => return Err(ClientError::Refused { code, text }),
            ParentEvent::Refused { code, about, text, network, .. } => match code {
                RefuseCode::LateVerdict | RefuseCode::DuplicateVerdict | RefuseCode::UnknownTicket => {
                    tracing::debug!(network, ticket = about, %code, "the verdict changed nothing");
                }
                _ => self.answered(about, Err(RequestError::Refused { code, text })),
            },
        }
        Ok(())
    }

    fn welcomed(&mut self, served: Vec<Served>, peer: &Credential) {
        self.of.times += 1;
        self.attached = Some(Instant::now());
        {
            let mut waiting = self.of.outbox.lock();
            for (slot, served) in self.of.slots.iter_mut().zip(&served) {
                slot.attached(served);
                let acked = &mut waiting.acked[usize::from(served.index)];
                if acked.stream != slot.received.stream {
                    *acked = slot.received;
                }
            }
            for again in self.of.repeated() {
                waiting.requests.push_front(again);
            }
        }
        self.of.status.send_replace(Status::Connected { agent: peer.clone(), networks: served, times: self.of.times });
    }

    fn answered(&mut self, number: u64, answer: Result<Answer, RequestError>) {
        let Some(request) = self.under_way.remove(&number) else {
            tracing::debug!(number, ?answer, "an answer that nobody waits for");
            return;
        };
        match (&request.what, answer.is_ok()) {
            (Request::Subscribe(topic), true) => drop(self.of.subscriptions.insert((request.slot, topic.clone()))),
            (Request::Unsubscribe(topic), true) => drop(self.of.subscriptions.remove(&(request.slot, topic.clone()))),
            _ => {}
        }
        request.finish(answer);
    }

    /// Hands what waits in the outbox to the session; answers whether there is anything to write. What finds no room is left for the next turn.
    fn send(&mut self, end: &mut ParentEnd) -> Result<bool, ClientError> {
        let outbox = self.of.outbox.clone();
        let mut waiting = outbox.lock();
        if !end.is_attached() {
            return if waiting.closed { Err(ClientError::Closed) } else { Ok(end.queued() > 0) };
        }
        let now = Instant::now();
        let times = self.of.times;
        waiting.verdicts.retain(|given| given.times == times);
        self.unpark = None;
        waiting.parked.retain(|(deadline, given)| {
            let due = *deadline + PARKED;
            if due > now {
                self.unpark = Some(self.unpark.map_or(due, |next| next.min(due)));
            } else {
                self.verdicts.push(given.clone());
            }
            due > now && given.times == times
        });
        self.verdicts.append(&mut waiting.verdicts);
        let requests = take(&mut waiting.requests);
        let closed = waiting.closed;
        for (slot, acked) in self.of.slots.iter_mut().zip(&waiting.acked) {
            slot.want.cursor = *acked;
        }
        let stale = |(slot, paused): (&Slot, &bool)| slot.paused != *paused || (slot.starved && !paused);
        let paused: Vec<bool> = if self.of.slots.iter().zip(&waiting.paused).any(stale) { waiting.paused.clone() } else { Vec::new() };
        drop(waiting);

        self.judge(end)?;
        for ((slot, paused), index) in self.of.slots.iter_mut().zip(paused).zip(0_u16..) {
            if slot.paused != paused && retried(end.pause(index, paused))? {
                slot.paused = paused;
            }
            if slot.starved && !paused && retried(end.credit(index, Roles::VERIFY, slot.want.verify))? {
                slot.starved = false;
            }
        }
        let mut requests = requests.into_iter();
        while let Some(request) = requests.next() {
            if let Some(unsent) = self.ask(end, request)? {
                let mut waiting = outbox.lock();
                requests.rev().for_each(|request| waiting.requests.push_front(request));
                waiting.requests.push_front(unsent);
                break;
            }
        }
        // Last: whatever else leaves takes the acks along.
        self.ack(end, now, closed)?;
        if closed && self.verdicts.is_empty() { Err(ClientError::Closed) } else { Ok(end.queued() > 0) }
    }

    fn judge(&mut self, end: &mut ParentEnd) -> Result<(), ClientError> {
        if self.verdicts.is_empty() {
            return Ok(());
        }
        let times = self.of.times;
        let judged = self.verdicts.iter().filter(|given| given.times == times).map(|given| Judged {
            // A network's place in the client is its index in the hello, which is a u16.
            network: given.slot as u16,
            ticket: given.ticket,
            verdict: given.verdict,
            reason: given.reason,
            text: &given.text,
        });
        if retried(end.verdicts(judged).map(drop))? {
            self.verdicts.clear();
        }
        Ok(())
    }

    /// `last`: there will be no other turn.
    fn ack(&mut self, end: &mut ParentEnd, now: Instant, last: bool) -> Result<(), ClientError> {
        self.ack_at = None;
        for (slot, index) in self.of.slots.iter_mut().zip(0_u16..) {
            // What was acked on an earlier link may be coming again on this one.
            let counter = slot.want.cursor.counter.min(slot.received.counter);
            let ours = slot.want.cursor.stream == slot.received.stream;
            if !ours || counter <= slot.acked {
                continue;
            }
            // Nobody waits for an ack as long as there is credit: it leaves with whatever else leaves, or soon.
            let due = *slot.ack_due.get_or_insert(now + ACK_HOLD);
            if !(last || end.queued() > 0 || now >= due || slot.needs_credit()) {
                self.ack_at = Some(self.ack_at.map_or(due, |at| at.min(due)));
            } else if retried(end.ack(index, counter))? {
                slot.acknowledged(counter);
            }
        }
        Ok(())
    }

    /// Sends a request; gives it back if there is no room for it now.
    fn ask(&mut self, end: &mut ParentEnd, request: Pending) -> Result<Option<Pending>, ClientError> {
        if request.is_given_up() {
            return Ok(None);
        }
        if matches!(request.what, Request::Subscribe(_)) && self.of.subscriptions.len() >= SUBSCRIPTIONS {
            request.finish(Err(RequestError::Unsendable(format!("this client has joined {SUBSCRIPTIONS} topics already"))));
            return Ok(None);
        }
        match end.request(request.slot as u16, &request.what) {
            Ok(number) => {
                self.under_way.insert(number, request);
            }
            Err(SendError::Full(_)) => return Ok(Some(request)),
            Err(SendError::NotAttached) => return Err(ClientError::Protocol("the session ended".to_owned())),
            Err(error) => request.finish(Err(RequestError::Unsendable(error.to_string()))),
        }
        Ok(None)
    }
}

/// Writes all that the session has to say, as fast as the link takes it.
fn poll_write(end: &mut ParentEnd, sink: &mut FrameSink, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
    loop {
        let lanes = ready!(sink.poll_lanes(cx))?;
        match end.poll_frame_on(lanes) {
            Some(frame) => sink.start_send_unpin(frame)?,
            None => {
                ready!(sink.poll_flush_unpin(cx))?;
                // What found its lane full has room now.
                if end.queued() == 0 {
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

/// Whether it was sent; a full session is asked again in the next turn, when frames have been written.
fn retried(sent: Result<(), SendError>) -> Result<bool, ClientError> {
    match sent {
        Ok(()) => Ok(true),
        Err(SendError::Full(_)) => Ok(false),
        Err(error) => Err(ClientError::Protocol(error.to_string())),
    }
}

fn violated(violation: Violation) -> ClientError {
    match violation {
        Violation::Frame(error) => garbled(error),
        violation => ClientError::Protocol(violation.to_string()),
    }
}

fn garbled(error: FrameError) -> ClientError {
    match error {
        FrameError::Version { .. } => ClientError::Refused { code: RefuseCode::Version, text: error.to_string() },
        error => ClientError::Protocol(error.to_string()),
    }
}
