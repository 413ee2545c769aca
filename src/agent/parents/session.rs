//! One parent's session: frames from its link into the session's state machine, events from there to drivers and control, and back.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::registry::SessionGuard;
use super::replies::ReplyBatcher;
use super::writer::Writer;
use crate::directory::Directory;
use crate::requests::{Reply, RequestError, Requests, publish_status};
use crate::{Holder, PublishOrder};
use pmq_pipeline::{DetachReason, DriverMessage, LinkId, LinkMessage};
use pmq_protocol::session::{AgentEnd, Counts, Dead, SendError, Violation};
use pmq_protocol::wire::{Frame, MessageId, Offer, PublishStatus, Record, RefuseCode, VerdictRefused, Window};
use pmq_transports::Alarm;
use pmq_transports::{Address, FrameStream, Link, LinkError};

/// Items that one turn takes from the drivers.
const TURN: usize = 256;
/// Frames that one turn takes from the parent: few enough that the drivers' items never wait long behind them.
const FRAMES: usize = 32;
/// Frames to the parent that one turn's reading may cause before they are written: far below the bound on answers that a parent has not read.
const CAUSED: usize = 256;
/// How long the last frames may take to get out.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("the parent left")]
    Left,
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Violation(#[from] Violation),
    #[error(transparent)]
    Dead(#[from] Dead),
    #[error("refused by the parent: {0}")]
    Refused(String),
    #[error(transparent)]
    Detached(#[from] DetachReason),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("a network is shutting down")]
    Shutdown,
}

/// One network of a session.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) network: usize,
    pub(super) link: LinkId,
}

/// Both ends of the channel from the drivers: the sender is handed to each of them.
pub(super) type Downs = (mpsc::Sender<(u16, LinkMessage)>, mpsc::Receiver<(u16, LinkMessage)>);

type Answered = (u16, u64, bool, Result<Reply, RequestError>);

/// What is known of a parent before it has said anything.
pub(super) struct Parent {
    pub(super) holder: Holder,
    pub(super) owner: Arc<str>,
    pub(super) steers: bool,
    pub(super) via: Address,
    pub(super) seat: SessionGuard,
}

/// A session that runs.
pub(super) struct Session {
    pub(super) end: AgentEnd,
    pub(super) directory: Arc<Directory>,
    pub(super) service: Requests,
    /// What its subscriptions are counted under.
    pub(super) holder: Holder,
    /// Whose consumers' names these are.
    pub(super) owner: Arc<str>,
    /// Whether it may change who connects to the agent: what concerns every network takes the produce role on every network.
    pub(super) steers: bool,
    /// Where it came in.
    pub(super) via: Address,
    /// What others see of it.
    pub(super) seat: SessionGuard,
    /// The largest window that a parent may have, by network and role.
    pub(super) max_window: Window,
    pub(super) attached: Vec<Attached>,
    pub(super) down: Downs,
    pub(super) requests: FuturesUnordered<BoxFuture<'static, Answered>>,
    pub(super) answers: ReplyBatcher,
    pub(super) turns: PublishOrder,
    offers: Vec<Offer>,
    records: Vec<Record>,
}

impl Session {
    pub(super) fn new(end: AgentEnd, directory: Arc<Directory>, service: Requests, parent: Parent, max_window: Window) -> Self {
        let Parent { holder, owner, steers, via, seat } = parent;
        Self {
            end,
            directory,
            service,
            holder,
            owner,
            steers,
            via,
            seat,
            max_window,
            attached: Vec::new(),
            // Replaced at the hello, when the windows are known.
            down: mpsc::channel(1),
            requests: FuturesUnordered::new(),
            answers: ReplyBatcher::default(),
            turns: PublishOrder::default(),
            offers: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Runs until either side ends it. The drivers are told in any case.
    pub(super) async fn run(mut self, link: Link, shutdown: CancellationToken) -> Ended {
        let Link { mut incoming, outgoing, .. } = link;
        let mut writer = Writer::new(outgoing);
        let ended = match self.turns(&mut incoming, &mut writer, &shutdown).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        };
        for attached in &self.attached {
            if let Some(network) = self.directory.networks.get(attached.network) {
                // A driver that is gone has forgotten the link already.
                let _ = network.ups.send(DriverMessage::Gone(attached.link)).await;
            }
        }
        // A message that is on its way to the overlay reaches own consumers, too, whether or not its parent waits for the answer. Bounded by
        // the requests of parents's bounds.
        let requests = std::mem::take(&mut self.requests);
        let (directory, holder) = (self.directory.clone(), self.holder);
        if requests.is_empty() {
            directory.release(holder).await;
        } else {
            // CORRECTNESS: one of them may hold what the release waits for, so they go on beside it.
            tokio::spawn(async move {
                tokio::join!(requests.for_each(|_| std::future::ready(())), directory.release(holder));
                // One of them may have joined a topic.
                directory.release(holder).await;
            });
        }
        count(self.end.counts());
        self.farewell(&ended);
        // A peer that does not read its last frames does without them.
        let _ = tokio::time::timeout(FAREWELL, poll_fn(|cx| writer.poll_close(&mut self.end, cx))).await;
        ended
    }

    async fn turns(&mut self, incoming: &mut FrameStream, writer: &mut Writer, shutdown: &CancellationToken) -> Result<Infallible, Ended> {
        let mut downs = Vec::with_capacity(TURN);
        let mut alarm = Alarm::default();
        let mut leave = pin!(shutdown.cancelled());
        loop {
            // CORRECTNESS: every future below is cancel-safe. Writing goes on beside reading, so that a parent that does not read is still seen
            // to be silent. What the drivers send waits in their channel while the last burst is not out; the parent's credit bounds it. Where a link has
            // lanes, the next messages for a verdict do not wait for records that are still on their way.
            // While a write is under way, held answers wait for it and not for a time that may have passed.
            let held = self.answers.due().filter(|_| !writer.pending);
            let next_tick = [self.end.next_tick(), held].into_iter().flatten().min();
            // Whatever stands before `incoming` is bounded by what has come in before (credit, unanswered requests), so none of it can keep
            // the parent from being heard, and no parent that talks without end can keep the rest from its turn.
            tokio::select! {
                biased;
                () = &mut leave => {
                    // The drivers have drained: what they sent last is in the channel, and goes out before the goodbye.
                    while let Ok(last) = self.down.1.try_recv() {
                        downs.push(last);
                    }
                    self.deliver(&mut downs)?;
                    return Err(Ended::Detached(DetachReason::Shutdown));
                }
                written = poll_fn(|cx| writer.poll_write(&mut self.end, cx)), if writer.pending => {
                    if let Err(error) = written {
                        return Err(self.last_words(incoming, error).await);
                    }
                    self.answers.written(Instant::now);
                }
                count = self.down.1.recv_many(&mut downs, TURN), if !writer.pending || (writer.has_lanes() && self.end.queued() < CAUSED) => {
                    // The session holds a sender itself, so the channel never closes.
                    debug_assert!(count > 0, "the channel from the drivers is closed");
                    writer.pending = true;
                    self.deliver(&mut downs)?;
                }
                Some(answered) = self.requests.next(), if !self.requests.is_empty() => {
                    self.answer(answered)?;
                    let mut count = 1;
                    while count < TURN
                        && let Some(Some(answered)) = self.requests.next().now_or_never()
                    {
                        self.answer(answered)?;
                        count += 1;
                    }
                    writer.pending |= self.answers.answered(count, Instant::now);
                }
                frame = incoming.next() => {
                    let queued = self.end.queued();
                    self.take(frame.ok_or(Ended::Left)??).await?;
                    // Those right behind it: what they cause leaves in one write. The end of the stream is met again by the next read.
                    for _ in 1..FRAMES {
                        if self.end.queued() >= queued + CAUSED {
                            break;
                        }
                        let Some(Some(frame)) = incoming.next().now_or_never() else { break };
                        self.take(frame?).await?;
                    }
                    // Not for answers that are held back already, unless their time is up: a parent that never stops talking is not waited for.
                    let overdue = self.answers.due().is_some_and(|due| due <= Instant::now());
                    writer.pending |= overdue || self.end.queued() > queued;
                }
                () = poll_fn(|cx| alarm.poll(next_tick, cx)) => {
                    writer.pending = true;
                    self.end.tick(Instant::now())?;
                }
            }
        }
    }

    async fn take(&mut self, frame: Frame) -> Result<(), Ended> {
        let received = self.end.receive(frame, Instant::now());
        // Also of a frame that ends the session: what stands before the offending entry counts.
        self.events().await?;
        self.seat.refused(self.end.counts());
        Ok(received?)
    }

    /// The link takes no more. What the parent said before it left still counts: verdicts and acks, above all. They may be on their way, so the end of the stream is waited
    /// for; a peer that only stopped reading gets no more than [`FAREWELL`].
    async fn last_words(&mut self, incoming: &mut FrameStream, error: LinkError) -> Ended {
        let deadline = tokio::time::Instant::now() + FAREWELL;
        for _ in 0..TURN {
            let Ok(Some(Ok(frame))) = tokio::time::timeout_at(deadline, incoming.next()).await else { break };
            if let Err(ended) = self.take(frame).await {
                return ended;
            }
        }
        match error {
            LinkError::Closed => Ended::Left,
            error => error.into(),
        }
    }

    /// Puts what the drivers sent into frames: one for each run of offers or records of one network.
    fn deliver(&mut self, downs: &mut Vec<(u16, LinkMessage)>) -> Result<(), Ended> {
        let mut current = 0;
        for (index, down) in downs.drain(..) {
            let turn = match &down {
                LinkMessage::Offer(_) => !self.records.is_empty(),
                LinkMessage::Record(_) => !self.offers.is_empty(),
                _ => true,
            };
            if turn || index != current {
                self.flush(current)?;
                current = index;
            }
            match down {
                LinkMessage::Offer(offer) => self.offers.push(offer),
                LinkMessage::Record(record) => self.records.push(record),
                LinkMessage::VerdictRefused(ticket, why) => {
                    self.end.refuse(index, refusal(why), ticket.0, &why.to_string())?;
                }
                // One network has drained; others may not have. The goodbye comes when all have.
                LinkMessage::Detached(DetachReason::Shutdown) => {}
                LinkMessage::Detached(cut) => return Err(Ended::Detached(cut)),
            }
        }
        self.flush(current)
    }

    fn flush(&mut self, index: u16) -> Result<(), Ended> {
        let now = Instant::now();
        if !self.offers.is_empty() {
            let sent = self.end.validate(index, &self.offers, now);
            self.offers.clear();
            sent?;
        }
        if !self.records.is_empty() {
            let sent = self.end.records(index, &self.records);
            self.records.clear();
            sent?;
        }
        Ok(())
    }

    fn answer(&mut self, (index, request, publish, result): Answered) -> Result<(), Ended> {
        let said = match result {
            Ok(Reply::Published(published)) => {
                let status = if published.duplicate { PublishStatus::Duplicate } else { PublishStatus::Ok };
                let peers = u32::try_from(published.eligible).unwrap_or(u32::MAX);
                self.end.published(index, request, status, published.id, peers, "")
            }
            Ok(Reply::Done) => self.end.done(index, request),
            Err(error) if publish => self.end.published(index, request, publish_status(&error), MessageId::EMPTY, 0, &error.to_string()),
            Err(error) => self.end.failed(index, request, &error.to_string()),
        };
        Ok(said?)
    }

    /// Says why, as far as the parent does not know already.
    fn farewell(&mut self, ended: &Ended) {
        let code = match ended {
            Ended::Detached(DetachReason::TooSlow) => RefuseCode::TooSlow,
            Ended::Detached(DetachReason::Replaced) => RefuseCode::Replaced,
            Ended::Detached(DetachReason::Shutdown | DetachReason::Fault) | Ended::Shutdown => RefuseCode::ShuttingDown,
            Ended::Send(_) | Ended::Detached(DetachReason::Overrun) => RefuseCode::CreditOverrun,
            Ended::Link(LinkError::Frame(error)) => Violation::from(error.clone()).code(),
            // A violation or a silence has queued its own refusal; the others have nobody to talk to.
            Ended::Violation(_) | Ended::Dead(_) | Ended::Left | Ended::Link(_) | Ended::Refused(_) => return,
        };
        self.end.close(0, code, &ended.to_string());
    }
}

fn refusal(why: VerdictRefused) -> RefuseCode {
    match why {
        VerdictRefused::Unknown => RefuseCode::UnknownTicket,
        VerdictRefused::Duplicate => RefuseCode::DuplicateVerdict,
        VerdictRefused::Late => RefuseCode::LateVerdict,
        VerdictRefused::StaleSession => RefuseCode::StaleSession,
    }
}

/// What the session refused in passing, once it is over: nobody of the parent's own is named.
fn count(counts: Counts) {
    for (why, count) in [
        ("unknown-ticket", counts.unknown_tickets),
        ("stale-session", counts.stale_frames),
        ("not-granted", counts.not_granted),
        ("rate", counts.rate),
    ] {
        metrics::counter!("pmq_attach_refused_total", "why" => why).increment(count);
    }
}
