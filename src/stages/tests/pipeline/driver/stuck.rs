//! Layers that are not ready, and what holds over a fault.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::task::{Context, Poll};

use tower::Service;
use tower::layer::layer_fn;

use super::*;
use pmq_pipeline::testing::topic;
use pmq_pipeline::{Claims, Fault, MarkAction, Order, Origin, Plan, Stack};
use pmq_protocol::wire::{HeaderOrigin, PmqHeader};
use pmq_stages::{NetworkContext, Registry};

/// A service that is ready as long as its gate is open, and wakes nobody.
struct Gate {
    inner: Stack,
    open: Arc<AtomicBool>,
}

impl Service<Pass> for Gate {
    type Response = Pass;
    type Error = Fault;
    type Future = std::future::Ready<Result<Pass, Fault>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        if self.open.load(Ordering::SeqCst) { self.inner.poll_ready(cx) } else { Poll::Pending }
    }

    fn call(&mut self, pass: Pass) -> Self::Future {
        self.inner.call(pass)
    }
}

const QUOTA: &str = "[[stage]]\nuse = 'admission'\nin_flight = 1\n[[stage]]\nuse = 'validation-queue'\ndeadline = 'DEADLINE'\n[[stage]]\nuse = 'delivery'\n";
const NUMBERED: &str = "[[stage]]\nuse = 'decode'\ncodec = 'pmq'\n[[stage]]\nuse = 'sequence-window'\n[[stage]]\nuse = 'validation-queue'\n[[stage]]\nuse = 'delivery'\n";

fn plan(text: &str) -> Plan {
    let network = NetworkContext { name: "test".into(), claims: Claims(vec!["*".into()]), max_message: 1 << 16, max_topics: 16 };
    Plan::new(Registry::standard().parse_list(text, &network).unwrap()).unwrap()
}

fn gated(deadline: &str, within: Duration) -> (Bench, Arc<AtomicBool>) {
    let open = Arc::new(AtomicBool::new(true));
    let (gate, text) = (open.clone(), QUOTA.replace("DEADLINE", deadline));
    let build = move |stream| {
        let gate = gate.clone();
        Pipeline::new(&plan(&text), stream).wrap(&layer_fn(move |inner| Gate { inner, open: gate.clone() }))
    };
    (Bench::start_within(build, within), open)
}

#[tokio::test]
async fn deadlines_hold_while_a_layer_is_not_ready_and_quotas_come_back_when_it_is() {
    let (mut bench, open) = gated("300ms", Duration::from_secs(5));
    let (mut link, _) = bench.attach(1, 64, Some(WIDE), true).await;
    bench.arrive([1]).await;
    assert_eq!(offer(&mut link).await.1, 1);
    open.store(false, Ordering::SeqCst);
    assert_eq!(bench.report().await, (1, Verdict::Ignore, Reason::Timeout));
    open.store(true, Ordering::SeqCst);
    assert!(matches!(record(&mut link).await, Record::Unverified { cause: Reason::Timeout, count: 1, .. }));
    bench.arrive([2]).await;
    let (ticket, message) = offer(&mut link).await;
    assert_eq!(message, 2, "the one that expired has given its quota back");
    bench.verdict(1, &[ticket], Verdict::Accept).await;
    assert_eq!(bench.report().await, (2, Verdict::Accept, Reason::Verified), "and was reported once");
    bench.stop().await.unwrap();
}

#[tokio::test]
async fn a_layer_that_is_never_ready_again_does_not_hold_up_the_shutdown() {
    let (mut bench, open) = gated("60s", Duration::from_millis(100));
    let (mut link, _) = bench.attach(1, 64, Some(WIDE), true).await;
    bench.arrive([1]).await;
    offer(&mut link).await;
    open.store(false, Ordering::SeqCst);
    // It stays in the channel.
    bench.arrivals.try_send(arrival(2, vec![1], Instant::now())).unwrap();
    bench.shutdown.cancel();
    assert_eq!(bench.ends(2).await, [(1, Verdict::Ignore, Reason::Shutdown), (2, Verdict::Ignore, Reason::Shutdown)]);
    soon(bench.driver).await.unwrap().unwrap();
    let seen = bench.snapshot.borrow().clone();
    assert_eq!((seen.came_in, seen.verdicts, seen.pending, seen.lost_by_us), (2, [0, 2, 0], (0, 0), 2));
    let mut told = 0;
    while let Some((_, down)) = link.recv().await {
        if let LinkMessage::Record(Record::Unverified { cause: Reason::Shutdown, count, .. }) = down {
            told += count;
        }
    }
    assert_eq!(told, 2, "consumers are told");
}

async fn order(bench: &Bench, order: Order) {
    let (answer, answered) = oneshot::channel();
    bench.ups.send(DriverMessage::Command(order, answer)).await.unwrap();
    soon(answered).await.unwrap().unwrap();
}

#[tokio::test]
async fn marks_and_thresholds_hold_over_a_fault() {
    let broken = Arc::new(AtomicBool::new(false));
    let switch = broken.clone();
    let mut bench = Bench::start(move |stream| {
        let broken = switch.clone();
        Pipeline::new(&plan(NUMBERED), stream).wrap(&MapRequestLayer::new(move |pass: Pass| match pass {
            Pass::Inward(mut batch, now) if broken.swap(false, Ordering::SeqCst) => {
                batch.live.clear();
                Pass::Inward(batch, now)
            }
            other => other,
        }))
    });
    let origin = Origin([7; 32]);
    order(&bench, Order::Thresholds { topic: Some(topic(0)), skip: 4, validity: 50 }).await;
    order(&bench, Order::Mark { topic: topic(0), origin, epoch: 0, action: MarkAction::Seed(1_000) }).await;
    let message = |id: u64, seq: u64| {
        let mut payload = Vec::new();
        PmqHeader { origin: HeaderOrigin::Long([7; 32]), epoch: 0, seq, content: 1 }.write(&mut payload);
        payload.push(1);
        arrival(id, payload, Instant::now())
    };
    bench.arrivals.send(message(1, 949)).await.unwrap();
    assert_eq!(bench.report().await, (1, Verdict::Reject, Reason::Expired));
    broken.store(true, Ordering::SeqCst);
    bench.arrivals.send(message(2, 1_001)).await.unwrap();
    assert_eq!(bench.report().await, (2, Verdict::Ignore, Reason::Fault));
    bench.arrivals.send(message(3, 949)).await.unwrap();
    assert_eq!(bench.report().await, (3, Verdict::Reject, Reason::Expired), "by the mark and the threshold that the parent has set");
    bench.stop().await.unwrap();
}

/// A record that found the link full was not delivered.
#[tokio::test]
async fn only_what_was_sent_counts_as_delivered() {
    let mut bench = Bench::plain("4s");
    // One place for a record, one for the news of the end.
    let (_narrow, _) = bench.attach(1, 2, None, true).await;
    let (mut verifier, _) = bench.attach(2, 64, Some(WIDE), false).await;
    bench.arrive(1..=3).await;
    let mut tickets = Vec::new();
    for _ in 0..3 {
        tickets.push(offer(&mut verifier).await.0);
    }
    bench.verdict(2, &tickets, Verdict::Accept).await;
    assert_eq!(bench.ends(3).await.len(), 3);
    let mut snapshot = bench.snapshot.clone();
    let seen = soon(snapshot.wait_for(|snapshot| snapshot.verdicts == [3, 0, 0])).await.unwrap().delivered;
    assert_eq!(seen, 1);
    bench.stop().await.unwrap();
}

/// What a layer's own start panics with is no end either.
#[tokio::test]
async fn a_pipeline_that_cannot_be_built_at_once_is_built_later() {
    let (builds, broken) = (AtomicU32::new(0), Arc::new(AtomicBool::new(true)));
    let mut bench = Bench::start(move |stream| {
        assert_ne!(builds.fetch_add(1, Ordering::SeqCst), 1, "told to");
        let broken = broken.clone();
        Pipeline::new(&plan(NUMBERED), stream).wrap(&MapRequestLayer::new(move |pass: Pass| {
            assert!(!(matches!(pass, Pass::Inward(..)) && broken.swap(false, Ordering::SeqCst)), "told to");
            pass
        }))
    });
    bench.arrive([1]).await;
    assert_eq!(bench.report().await, (1, Verdict::Ignore, Reason::Fault));
    bench.arrive([2]).await;
    assert_eq!(bench.report().await, (2, Verdict::Reject, Reason::Malformed), "the third one stands");
    bench.stop().await.unwrap();
}
