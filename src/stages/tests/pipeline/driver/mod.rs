mod stuck;
mod watched;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower::util::MapRequestLayer;

use std::time::{Duration, Instant};

use pmq_pipeline::{
    Arrival, Channels, DRAIN, DetachReason, Driver, DriverMessage, LinkId, LinkMessage, LinkPort, Overflowed, Pipeline, Report, RouterGone,
    Snapshot, Tap,
};
use pmq_protocol::wire::{Reason, Record};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::network_plan;
use pmq_pipeline::testing::{arrival, number};
use pmq_pipeline::{Inlet, Opened, Pass, VerifierTerms};
use pmq_protocol::wire::message::Judged;
use pmq_protocol::wire::{ConsumerTerms, Cursor, Encoder, Outstanding, SessionId, Ticket, Verdict, VerdictRefused, Window};

const WIDE: Window = Window { messages: 1_000, bytes: 1 << 20 };
/// Longest wait for anything that must come.
const SOON: Duration = Duration::from_secs(10);

/// A running driver and everything around it.
struct Bench {
    arrivals: mpsc::Sender<Arrival>,
    overflowed: Overflowed,
    ups: mpsc::Sender<DriverMessage>,
    reports: mpsc::Receiver<Report>,
    snapshot: watch::Receiver<Snapshot>,
    shutdown: CancellationToken,
    driver: JoinHandle<Result<(), RouterGone>>,
    encoder: Encoder,
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(SOON, future).await.expect("it did not come")
}

impl Bench {
    fn start(build: impl Fn(u64) -> Pipeline + Send + 'static) -> Self {
        Self::start_within(build, DRAIN)
    }

    fn start_within(build: impl Fn(u64) -> Pipeline + Send + 'static, within: Duration) -> Self {
        Self::start_with(build, within, Tap::default(), 1_024)
    }

    fn start_tapped(build: impl Fn(u64) -> Pipeline + Send + 'static, tap: Tap, capacity: usize) -> Self {
        Self::start_with(build, DRAIN, tap, capacity)
    }

    /// `capacity` is that of the channel of reports.
    fn start_with(build: impl Fn(u64) -> Pipeline + Send + 'static, within: Duration, tap: Tap, capacity: usize) -> Self {
        let (arrivals, arrivals_in) = mpsc::channel(1_024);
        let (ups, ups_in) = mpsc::channel(1_024);
        let (reports_out, reports) = mpsc::channel(capacity);
        let (snapshot_out, snapshot) = watch::channel(Snapshot::default());
        let shutdown = CancellationToken::new();
        let overflowed = Overflowed::default();
        let channels = Channels {
            arrivals: arrivals_in,
            overflowed: overflowed.clone(),
            ups: ups_in,
            reports: reports_out,
            snapshot: snapshot_out,
            shutdown: shutdown.clone(),
        };
        let driver = tokio::spawn(Driver::new("test".into(), Box::new(build), channels).drain_within(within).tapped(tap).run());
        Self { arrivals, overflowed, ups, reports, snapshot, shutdown, driver, encoder: Encoder::default() }
    }

    fn plain(deadline: &'static str) -> Self {
        Self::start(move |stream| Pipeline::new(&network_plan(deadline), stream))
    }

    async fn attach(
        &self,
        link: u32,
        capacity: usize,
        verify: Option<Window>,
        consume: bool,
    ) -> (mpsc::Receiver<(u16, LinkMessage)>, Option<Opened>) {
        let consume = consume.then(|| ConsumerTerms { name: "".into(), cursor: Cursor::default(), window: WIDE, policy: None });
        self.attach_terms(link, capacity, verify, consume).await
    }

    async fn attach_terms(
        &self,
        link: u32,
        capacity: usize,
        verify: Option<Window>,
        consume: Option<ConsumerTerms>,
    ) -> (mpsc::Receiver<(u16, LinkMessage)>, Option<Opened>) {
        let (down, downs) = mpsc::channel(capacity);
        let port = LinkPort { link: LinkId(link), index: 3, down };
        let (opened, answer) = oneshot::channel();
        let verify = verify.map(VerifierTerms::from);
        self.ups.send(DriverMessage::Attach { port, verify, consume, opened }).await.unwrap();
        (downs, soon(answer).await.unwrap())
    }

    async fn arrive(&self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            self.arrivals.send(arrival(number, vec![1; 10], Instant::now())).await.unwrap();
        }
    }

    async fn verdict(&mut self, link: u32, tickets: &[Ticket], verdict: Verdict) {
        let judged = tickets.iter().map(|&ticket| Judged { network: 3, ticket, verdict, reason: 0, text: "" });
        let frame = self.encoder.frame(SessionId(1), judged).unwrap();
        let released = Outstanding { messages: tickets.len() as u32, bytes: 10 * tickets.len() as u64 };
        self.ups.send(DriverMessage::Verdicts(LinkId(link), 3, frame, released)).await.unwrap();
    }

    async fn report(&mut self) -> (u64, Verdict, Reason) {
        let report = soon(self.reports.recv()).await.unwrap();
        (number(&report.id), report.outcome.verdict, report.outcome.reason)
    }

    async fn ends(&mut self, count: usize) -> Vec<(u64, Verdict, Reason)> {
        let mut ends = Vec::new();
        for _ in 0..count {
            ends.push(self.report().await);
        }
        ends.sort_by_key(|end| end.0);
        ends
    }

    async fn stop(self) -> Result<(), RouterGone> {
        self.shutdown.cancel();
        soon(self.driver).await.unwrap()
    }
}

async fn offer(downs: &mut mpsc::Receiver<(u16, LinkMessage)>) -> (Ticket, u64) {
    match soon(downs.recv()).await {
        Some((3, LinkMessage::Offer(offer))) => (offer.ticket, number(&offer.id)),
        other => panic!("no offer: {other:?}"),
    }
}

async fn record(downs: &mut mpsc::Receiver<(u16, LinkMessage)>) -> Record {
    match soon(downs.recv()).await {
        Some((3, LinkMessage::Record(record))) => record,
        other => panic!("no record: {other:?}"),
    }
}

#[tokio::test]
async fn a_message_goes_all_the_way() {
    let mut bench = Bench::plain("4s");
    let (mut verifier, opened) = bench.attach(1, 64, Some(WIDE), false).await;
    assert_eq!(opened, None);
    let (mut consumer, opened) = bench.attach(2, 64, None, true).await;
    let opened = opened.unwrap();
    bench.arrive(1..=2).await;
    let [first, second] = [offer(&mut verifier).await, offer(&mut verifier).await];
    assert_eq!((first.1, second.1), (1, 2));
    bench.verdict(1, &[first.0], Verdict::Accept).await;
    assert_eq!(bench.report().await, (1, Verdict::Accept, Reason::Verified));
    bench.verdict(1, &[second.0], Verdict::Reject).await;
    assert_eq!(bench.report().await, (2, Verdict::Reject, Reason::Verified));
    let Record::Message { counter, id, payload, .. } = record(&mut consumer).await else { panic!("no message") };
    assert_eq!((counter, number(&id), &payload[..]), (opened.cursor.counter + 1, 1, &[1; 10][..]));
    bench.verdict(1, &[first.0], Verdict::Ignore).await;
    assert!(
        matches!(soon(verifier.recv()).await, Some((3, LinkMessage::VerdictRefused(ticket, VerdictRefused::Duplicate))) if ticket == first.0)
    );
    assert!(consumer.try_recv().is_err(), "a rejected message is not delivered");
    bench.stop().await.unwrap();
}

#[tokio::test]
async fn verdicts_come_before_arrivals() {
    let mut bench = Bench::plain("4s");
    let (mut verifier, _) = bench.attach(1, 64, Some(Window { messages: 1, bytes: 1 << 20 }), false).await;
    bench.arrive([1]).await;
    let (ticket, _) = offer(&mut verifier).await;
    // One thread, and nothing is awaited that would let the driver in: both stand in its channels when it wakes.
    bench.arrivals.try_send(arrival(2, vec![0; 1 << 21], Instant::now())).unwrap();
    let frame = bench.encoder.frame(SessionId(1), [Judged { network: 3, ticket, verdict: Verdict::Accept, reason: 0, text: "" }]).unwrap();
    bench.ups.try_send(DriverMessage::Verdicts(LinkId(1), 3, frame, Outstanding { messages: 1, bytes: 10 })).unwrap();
    assert_eq!(bench.report().await, (1, Verdict::Accept, Reason::Verified), "although it was sent after the message");
    assert_eq!(bench.report().await, (2, Verdict::Ignore, Reason::QueueFull));
    bench.stop().await.unwrap();
}

#[tokio::test]
async fn deadlines_hold_although_messages_never_stop_coming() {
    let mut bench = Bench::plain("50ms");
    let flood = {
        let arrivals = bench.arrivals.clone();
        tokio::spawn(async move {
            for number in 1.. {
                if arrivals.send(arrival(number, vec![1; 10], Instant::now())).await.is_err() {
                    return;
                }
            }
        })
    };
    let overdue = async {
        loop {
            let (_, verdict, reason) = bench.report().await;
            assert_eq!(verdict, Verdict::Ignore);
            if reason == Reason::NoVerifier {
                break;
            }
            assert_eq!(reason, Reason::QueueFull);
        }
    };
    soon(overdue).await;
    flood.abort();
    // Reports are still taken, so that the driver is not held up.
    let Bench { mut reports, shutdown, driver, .. } = bench;
    shutdown.cancel();
    while soon(reports.recv()).await.is_some() {}
    soon(driver).await.unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_waits_for_verdicts_and_settles_the_rest() {
    let mut bench = Bench::plain("4s");
    let (mut verifier, _) = bench.attach(1, 64, Some(Window { messages: 2, bytes: 1 << 20 }), true).await;
    bench.arrive(1..=2).await;
    let offers = [offer(&mut verifier).await.0, offer(&mut verifier).await.0];
    // Handed over, and not yet looked at when the shutdown comes.
    bench.arrivals.try_send(arrival(3, vec![1], Instant::now())).unwrap();
    bench.shutdown.cancel();
    soon(bench.arrivals.closed()).await;
    bench.verdict(1, &offers[..1], Verdict::Accept).await;
    assert_eq!(bench.report().await, (1, Verdict::Accept, Reason::Verified));
    assert!(matches!(record(&mut verifier).await, Record::Message { .. }), "deliveries are flushed");
    assert_eq!(offer(&mut verifier).await.1, 3, "what was handed over is still verified");
    bench.ups.send(DriverMessage::Gone(LinkId(1))).await.unwrap();
    let ends = bench.ends(2).await;
    assert_eq!(ends, [(2, Verdict::Ignore, Reason::Shutdown), (3, Verdict::Ignore, Reason::Shutdown)]);
    soon(bench.driver).await.unwrap().unwrap();
    assert_eq!(bench.snapshot.borrow().came_in, 3);
    assert_eq!(bench.snapshot.borrow().pending, (0, 0));
}

#[tokio::test]
async fn shutdown_tells_the_links() {
    let bench = Bench::plain("4s");
    let (mut link, _) = bench.attach(1, 64, Some(WIDE), false).await;
    bench.stop().await.unwrap();
    assert!(matches!(link.recv().await, Some((3, LinkMessage::Detached(DetachReason::Shutdown)))));
}

#[tokio::test]
async fn a_full_channel_ends_that_link_only() {
    let mut bench = Bench::plain("4s");
    // One place for an offer, one for the news of the end.
    let (mut narrow, _) = bench.attach(1, 2, Some(Window { messages: 4, bytes: 1 << 20 }), false).await;
    let (mut wide, _) = bench.attach(2, 64, None, true).await;
    bench.arrive(1..=3).await;
    // The second offer finds the channel full; what the narrow link had waits for another verifier.
    assert_eq!(offer(&mut narrow).await.1, 1);
    let mut rest = Vec::new();
    while let Some((_, down)) = soon(narrow.recv()).await {
        rest.push(down);
    }
    assert!(matches!(rest[..], [.., LinkMessage::Detached(DetachReason::Overrun)]), "the link is over, and is told: {rest:?}");
    let (mut other, _) = bench.attach(3, 64, Some(WIDE), false).await;
    let mut tickets = Vec::new();
    for expected in 1..=3 {
        let (ticket, message) = offer(&mut other).await;
        assert_eq!(message, expected, "oldest first");
        tickets.push(ticket);
    }
    bench.verdict(3, &tickets, Verdict::Accept).await;
    assert_eq!(bench.ends(3).await.len(), 3);
    for _ in 0..3 {
        assert!(matches!(record(&mut wide).await, Record::Message { .. }));
    }
    bench.stop().await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_taken_over_cuts_the_older_link() {
    let bench = Bench::plain("4s");
    let attach = async |link: u32| {
        let (down, downs) = mpsc::channel(8);
        let (opened, answer) = oneshot::channel();
        let consume = Some(ConsumerTerms { name: "ledger".into(), cursor: Cursor::default(), window: WIDE, policy: None });
        bench
            .ups
            .send(DriverMessage::Attach { port: LinkPort { link: LinkId(link), index: 3, down }, verify: None, consume, opened })
            .await
            .unwrap();
        (downs, soon(answer).await.unwrap().unwrap())
    };
    let (mut old, _) = attach(1).await;
    let (_new, opened) = attach(2).await;
    assert_eq!(opened.replaced, Some(LinkId(1)));
    assert!(matches!(soon(old.recv()).await, Some((3, LinkMessage::Detached(DetachReason::Replaced)))));
    assert!(soon(old.recv()).await.is_none());
    bench.stop().await.unwrap();
}

#[tokio::test]
async fn a_fault_settles_its_messages_cuts_the_links_and_starts_anew() {
    let broken = Arc::new(AtomicBool::new(false));
    let switch = broken.clone();
    let mut bench = Bench::start(move |stream| {
        let broken = switch.clone();
        Pipeline::new(&network_plan("4s"), stream).wrap(&MapRequestLayer::new(move |pass: Pass| match pass {
            // A layer that loses the message which it was given.
            Pass::Inward(mut batch, now) if broken.swap(false, Ordering::SeqCst) => {
                batch.live.clear();
                Pass::Inward(batch, now)
            }
            other => other,
        }))
    });
    let (mut verifier, _) = bench.attach(1, 64, Some(WIDE), true).await;
    bench.arrive([1]).await;
    let (stale, _) = offer(&mut verifier).await;
    broken.store(true, Ordering::SeqCst);
    bench.arrive([2]).await;
    assert_eq!(bench.ends(2).await, [(1, Verdict::Ignore, Reason::Fault), (2, Verdict::Ignore, Reason::Fault)]);
    assert!(matches!(soon(verifier.recv()).await, Some((3, LinkMessage::Detached(DetachReason::Fault)))));
    assert!(soon(verifier.recv()).await.is_none());

    // The pipeline is there again, and its book goes on.
    let (mut verifier, opened) = bench.attach(2, 64, Some(WIDE), true).await;
    assert!(opened.is_some());
    bench.arrive([3]).await;
    let (ticket, message) = offer(&mut verifier).await;
    assert_eq!(message, 3);
    bench.verdict(1, &[stale], Verdict::Reject).await;
    bench.verdict(2, &[ticket], Verdict::Accept).await;
    assert_eq!(bench.report().await, (3, Verdict::Accept, Reason::Verified), "a stale session's verdict has no effect on the new pipeline");
    let mut snapshot = bench.snapshot.clone();
    let seen =
        soon(snapshot.wait_for(|snapshot| snapshot.restarts == 1 && snapshot.verdicts.iter().sum::<u64>() == 3)).await.unwrap().clone();
    assert_eq!(seen.verdicts, [1, 2, 0]);
    assert_eq!(seen.lost_by_us, 2);
    bench.stop().await.unwrap();
}

#[tokio::test]
async fn what_the_router_could_not_hand_over_is_booked_and_told() {
    let bench = Bench::plain("4s");
    let (mut consumer, _) = bench.attach(1, 64, None, true).await;
    let (full, _kept) = mpsc::channel(1);
    let inlet = Inlet::new(full, bench.overflowed.clone());
    let taken = (1..=5).filter(|&number| inlet.offer(arrival(number, vec![1], Instant::now()))).count();
    assert_eq!(taken, 1);
    let Record::Unverified { topic, cause, count, .. } = record(&mut consumer).await else { panic!("nobody was told") };
    assert_eq!((&*topic, cause, count), ("topic-0", Reason::QueueFull, 4));
    let mut snapshot = bench.snapshot.clone();
    let seen = soon(snapshot.wait_for(|snapshot| snapshot.came_in > 0)).await.unwrap().clone();
    assert_eq!((seen.came_in, seen.verdicts, seen.lost_by_us), (4, [0, 4, 0], 4));
    let Bench { mut reports, shutdown, driver, .. } = bench;
    shutdown.cancel();
    soon(driver).await.unwrap().unwrap();
    assert!(reports.recv().await.is_none(), "the router has reported them already");
}

#[tokio::test]
async fn a_driver_whose_router_is_gone_says_so() {
    let bench = Bench::plain("4s");
    let Bench { arrivals, driver, .. } = bench;
    drop(arrivals);
    assert!(soon(driver).await.unwrap().is_err());
}
