//! The driver: owns one network's pipeline and brings it messages, verdicts and time.
//!
//! One task, one loop. Verdicts come first, since they free what the pipeline holds; then orders, then new messages, then time. What the pipeline
//! answers leaves after every step in the order of its promises: reports to the router, then records to consumers, then offers to verifiers.

mod drain;
mod observe;
mod readiness;
mod replay;
mod verdicts;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use hdrhistogram::Histogram;
use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use self::replay::{MARKS, Replay};
use self::verdicts::Teller;
use super::metrics::Metrics;
use super::{
    Arrival, BATCH_MESSAGES, DetachReason, DriverMessage, Drops, Fault, LinkId, LinkMessage, LinkPort, Overflowed, Pipeline, PipelineError,
    Refusals, Report, Shipment, Snapshot, TICK, Tap, TapRecord, VerifierRole,
};
use pmq_protocol::wire::{Offer, Reason, Record};

/// Builds a pipeline anew, at the start and after a fault. Its argument names the delivery stream.
pub type Build = Box<dyn Fn(u64) -> Pipeline + Send>;

/// The channels of one network.
pub struct Channels {
    /// Messages from the router. A full one makes the router report Ignore at once.
    pub arrivals: mpsc::Receiver<Arrival>,
    /// How many did not get into that channel; shared with its [`Inlet`](super::Inlet), and booked at every tick.
    pub overflowed: Overflowed,
    /// From links and the requests of parents. Senders wait when it is full.
    pub ups: mpsc::Receiver<DriverMessage>,
    /// To the router. The driver waits when it is full.
    pub reports: mpsc::Sender<Report>,
    /// What the driver shows of itself.
    pub snapshot: watch::Sender<Snapshot>,
    /// Cancelled when the agent shuts down.
    pub shutdown: CancellationToken,
}

struct Attached {
    port: LinkPort,
    consumer: Arc<str>,
    /// Whether its verdicts have no effect.
    shadow: bool,
    /// The place in the link's channel that is kept for the news of its end.
    last: OwnedPermit<(u16, LinkMessage)>,
    refused: Refusals,
    dropped: Drops,
}

impl Attached {
    fn end(self, why: DetachReason) {
        // The sender that comes back is one of many.
        drop(self.last.send((self.port.index, LinkMessage::Detached(why))));
    }
}

/// The owner of one network's pipeline.
pub struct Driver {
    network: Arc<str>,
    build: Build,
    pipeline: Pipeline,
    channels: Channels,
    links: HashMap<LinkId, Attached>,
    metrics: Metrics,
    teller: Teller,
    hops: Histogram<u64>,
    restarts: u64,
    delivered: u64,
    drain_within: Duration,
    tap: Tap,
    /// When the drain is over; `None` until it begins.
    end: Option<tokio::time::Instant>,
    /// What parents have ordered, for the next pipeline.
    replay: Replay,
    /// Newest first. What a fault leaves is taken up by the next pipeline.
    ups: Vec<DriverMessage>,
    offers: Vec<(LinkId, Offer)>,
    shipments: Vec<Shipment>,
    cut: Vec<LinkId>,
}

/// The router is gone, so nothing that this pipeline decides can take effect.
#[derive(Debug, thiserror::Error)]
#[error("network {0}: the router has stopped")]
pub struct RouterGone(Arc<str>);

/// Why a loop ends.
enum Step {
    Pipeline(PipelineError),
    Router,
    /// The shutdown begins; or, if it has begun, the drain is over.
    Down,
}

impl From<PipelineError> for Step {
    fn from(error: PipelineError) -> Self {
        Self::Pipeline(error)
    }
}

/// Batches of verdicts and orders in a row, after which arrivals have their turn: a parent that never stops talking keeps none out.
const STREAK: u32 = 16;

/// Pause after a fault, so that a pipeline that fails at once is no busy loop.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a shutdown waits for verdicts that are pending, unless [`Driver::drain_within`] says otherwise.
pub const DRAIN: Duration = Duration::from_secs(5);

impl Driver {
    /// A driver that has not started yet.
    #[must_use]
    pub fn new(network: Arc<str>, build: Build, channels: Channels) -> Self {
        Self {
            metrics: Metrics::new(&network),
            teller: Teller::default(),
            pipeline: build(stream()),
            network,
            build,
            channels,
            links: HashMap::new(),
            hops: hops(),
            restarts: 0,
            delivered: 0,
            drain_within: DRAIN,
            tap: Tap::default(),
            end: None,
            replay: Replay::new(MARKS),
            ups: Vec::with_capacity(BATCH_MESSAGES),
            offers: Vec::new(),
            shipments: Vec::new(),
            cut: Vec::new(),
        }
    }

    /// Sets how long a shutdown waits for verdicts that are pending.
    #[must_use]
    pub fn drain_within(self, bound: Duration) -> Self {
        Self { drain_within: bound, ..self }
    }

    /// Runs until shutdown. A fault ends the pipeline, not the driver: its messages are settled, its links are cut, and it starts anew.
    ///
    /// # Errors
    /// [`RouterGone`] when there is nobody left to report to.
    pub async fn run(mut self) -> Result<(), RouterGone> {
        loop {
            // CORRECTNESS: a panic ends this pipeline and no other: it is discarded with all that it may have left half done.
            let ended = AssertUnwindSafe(async {
                match self.drive().await {
                    Err(Step::Down) => self.drain().await,
                    ended => ended,
                }
            });
            let ended = ended.catch_unwind().await.unwrap_or_else(|payload| Err(Step::Pipeline(Fault::panicked(payload.as_ref()).into())));
            match ended {
                Ok(()) | Err(Step::Down) => return Ok(()),
                Err(Step::Router) => return Err(RouterGone(self.network)),
                Err(Step::Pipeline(error)) => {
                    self.restart(&error).await?;
                    if self.channels.shutdown.is_cancelled() {
                        return self.abandon().await;
                    }
                }
            }
        }
    }

    /// Returns only on error.
    async fn drive(&mut self) -> Result<(), Step> {
        self.end = None;
        let mut ticks = tokio::time::interval(TICK * 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut seconds = tokio::time::interval(Duration::from_millis(500));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut arrivals = Vec::with_capacity(BATCH_MESSAGES);
        let mut streak = 0;
        self.remind().await?;
        self.take_ups().await?;
        loop {
            self.ready().await?;
            // CORRECTNESS: every future below is cancel-safe. Shutdown and time stand before the traffic: they are rarely ready, and would
            // otherwise never have their turn under load, nor would a deadline.
            tokio::select! {
                biased;
                () = self.channels.shutdown.cancelled() => return Err(Step::Down),
                _ = ticks.tick() => {
                    self.missed(Reason::QueueFull)?;
                    self.pipeline.tick(Instant::now())?;
                }
                _ = seconds.tick() => self.show(),
                count = self.channels.ups.recv_many(&mut self.ups, BATCH_MESSAGES), if streak < STREAK || self.channels.arrivals.is_empty() => {
                    streak += 1;
                    if count == 0 {
                        return Err(Step::Down);
                    }
                    self.ups.reverse();
                    self.take_ups().await?;
                }
                count = self.channels.arrivals.recv_many(&mut arrivals, BATCH_MESSAGES) => {
                    streak = 0;
                    if count == 0 {
                        return Err(Step::Router);
                    }
                    self.pipeline.arrive(&mut arrivals, Instant::now())?;
                }
            }
            self.settle().await?;
            self.answer().await?;
        }
    }

    async fn take_ups(&mut self) -> Result<(), Step> {
        let now = Instant::now();
        while let Some(up) = self.ups.last() {
            // It stays where it is until the pipeline can take it.
            if matches!(up, DriverMessage::Command(..) | DriverMessage::Own(..)) {
                self.ready().await?;
            }
            if let Some(up) = self.ups.pop() {
                self.up(up, now)?;
            }
        }
        Ok(())
    }

    fn up(&mut self, up: DriverMessage, now: Instant) -> Result<(), PipelineError> {
        match up {
            DriverMessage::Verdicts(link, index, frame, released) => {
                self.pipeline.queue.released(link, released.messages, released.bytes);
                self.verdicts(link, index, &frame, now);
            }
            DriverMessage::Attach { port, verify, consume, opened } => {
                let link = port.link;
                // A channel that is full before its first use is no link: it hears of its end, since nobody answers `opened`.
                let Ok(last) = port.down.clone().try_reserve_owned() else { return Ok(()) };
                let shadow = verify.as_ref().is_some_and(|terms| terms.seat == VerifierRole::Shadow);
                if let Some(terms) = verify
                    && !self.pipeline.queue.attach(link, terms, now)
                {
                    // The session has refused unknown groups, so that this one has come by another way: it hears of its end.
                    return Ok(());
                }
                let answer = consume.as_ref().map(|terms| self.pipeline.delivery.open(link, terms));
                if let Some(old) = answer.as_ref().and_then(|opened| opened.replaced) {
                    self.cut(old, DetachReason::Replaced);
                }
                let consumer = consume.map_or_else(|| Arc::from(""), |terms| terms.name);
                let (refused, dropped) = (Refusals::default(), Drops::default());
                self.links.insert(link, Attached { port, consumer, shadow, last, refused, dropped });
                if opened.send(answer).is_err() {
                    self.gone(link, now);
                }
            }
            DriverMessage::Gone(link) => self.gone(link, now),
            DriverMessage::Ack(link, counter) => self.pipeline.delivery.ack(link, counter),
            DriverMessage::VerifyWindow(link, window) => self.pipeline.queue.window(link, window),
            DriverMessage::ConsumeWindow(link, window) => self.pipeline.delivery.window(link, window),
            DriverMessage::Pause(link, paused) => self.pipeline.queue.pause(link, paused),
            // Whoever asked may have gone meanwhile.
            DriverMessage::Inspect(answer) => drop(answer.send(self.inspect())),
            DriverMessage::Own(arrival, deliver) => self.pipeline.own(arrival, deliver, now)?,
            DriverMessage::Command(order, answer) => {
                let result = self.pipeline.command(order.clone(), now)?;
                if result.is_ok() {
                    self.replay.keep(order);
                }
                // Whoever asked may have gone meanwhile; the order stands.
                let _ = answer.send(result);
            }
        }
        Ok(())
    }

    fn gone(&mut self, link: LinkId, now: Instant) {
        self.links.remove(&link);
        self.pipeline.queue.detach(link, now);
        self.pipeline.delivery.close(link);
    }

    fn cut(&mut self, link: LinkId, why: DetachReason) {
        if let Some(attached) = self.links.remove(&link) {
            attached.end(why);
        }
        self.gone(link, Instant::now());
    }

    /// Sends to a link. A full channel means that its parent has overrun its credit (with refused verdicts, say): the link is ended. So is
    /// one whose session is gone. Answers whether the link has it now.
    fn send(&mut self, link: LinkId, down: LinkMessage) -> bool {
        let Some(attached) = self.links.get(&link) else { return false };
        let sent = attached.port.down.try_send((attached.port.index, down)).is_ok();
        if !sent {
            self.cut(link, DetachReason::Overrun);
        }
        sent
    }

    /// Lets what the pipeline has decided take effect.
    async fn answer(&mut self) -> Result<(), Step> {
        self.report().await?;
        let (mut shipments, mut cut) = (std::mem::take(&mut self.shipments), std::mem::take(&mut self.cut));
        self.pipeline.pump(&mut shipments, &mut cut);
        for Shipment { link, record } in shipments.drain(..) {
            if let Record::Gap { count, reason, .. } = record
                && let Some(attached) = self.links.get_mut(&link)
            {
                attached.dropped.add(reason, count);
                self.metrics.gap(&attached.consumer, reason, count);
            }
            let message = matches!(record, Record::Message { .. });
            if self.send(link, LinkMessage::Record(record)) && message {
                self.delivered += 1;
            }
        }
        for link in cut.drain(..) {
            self.cut(link, DetachReason::TooSlow);
        }
        (self.shipments, self.cut) = (shipments, cut);
        let mut offers = std::mem::take(&mut self.offers);
        self.pipeline.hand_out(Instant::now(), &mut offers);
        for (link, offer) in offers.drain(..) {
            self.send(link, LinkMessage::Offer(offer));
        }
        self.offers = offers;
        Ok(())
    }

    async fn report(&mut self) -> Result<(), Step> {
        self.news();
        let now = Instant::now();
        let tap = self.tap.open();
        for report in self.pipeline.reports().drain(..) {
            if let Some(tap) = &tap {
                tap.show(TapRecord::of(&report, now));
            }
            if report.outcome.reason == Reason::Verified {
                let hop = now.saturating_duration_since(report.arrived);
                self.hops.saturating_record((hop.as_micros() as u64).max(1));
                self.metrics.hop.record(hop.as_secs_f64());
            }
            // CORRECTNESS: the router never waits for a driver, so waiting for the router cannot end in a circle.
            self.channels.reports.send(report).await.map_err(|_| Step::Router)?;
        }
        Ok(())
    }
}

/// One microsecond to a minute, two digits; recording saturates.
#[allow(clippy::expect_used, reason = "the bounds are constants that the constructor takes")]
fn hops() -> Histogram<u64> {
    Histogram::new_with_max(60_000_000, 2).expect("constant bounds")
}

/// A new delivery stream's name: never 0, which means "none".
fn stream() -> u64 {
    rand::random::<u64>().max(1)
}
