//! Tower layers around the stages: stock ones, and ones that fail.

use std::future::{Ready, ready};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tower::limit::ConcurrencyLimitLayer;
use tower::util::{MapRequestLayer, MapResponseLayer};
use tower::{BoxError, Layer, Service, layer::layer_fn};

use super::plan;
use pmq_pipeline::testing::{arrival, number};
use pmq_pipeline::{Batch, Fault, LinkId, Outcome, Pass, Pipeline, PipelineError, Settled, Stack};
use pmq_protocol::wire::{Reason, Verdict, Window};

const BARE: &str = "[[stage]]\nuse = 'validation-queue'\nmax_messages = 4\n[[stage]]\nuse = 'delivery'\n";

fn pipeline() -> Pipeline {
    Pipeline::new(&plan(BARE), 1)
}

fn is_ready(pipeline: &mut Pipeline) -> bool {
    match pipeline.poll_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ready) => {
            ready.unwrap();
            true
        }
        Poll::Pending => false,
    }
}

fn arrive(pipeline: &mut Pipeline, numbers: impl IntoIterator<Item = u64>, now: Instant) -> Result<(), PipelineError> {
    assert!(is_ready(pipeline));
    pipeline.arrive(&mut numbers.into_iter().map(|number| arrival(number, vec![1], now)).collect(), now)
}

#[test]
fn stock_layers_that_do_not_wait_in_call_fit() {
    let now = Instant::now();
    let mut pipeline = pipeline()
        .wrap(&ConcurrencyLimitLayer::new(1))
        .wrap(&MapRequestLayer::new(|pass: Pass| match pass {
            Pass::Inward(mut batch, now) => {
                batch.settle_where(|envelope| (number(&envelope.arrival.id) == 2).then(|| Outcome::ignore(Reason::Stage)));
                Pass::Inward(batch, now)
            }
            other => other,
        }))
        .wrap(&MapResponseLayer::new(|pass: Pass| pass));
    pipeline.queue.attach(LinkId(1), Window { messages: 9, bytes: 1 << 20 }.into(), now);
    arrive(&mut pipeline, 1..=3, now).unwrap();
    let mut offers = Vec::new();
    pipeline.hand_out(now, &mut offers);
    assert_eq!(offers.len(), 2);
    for (link, offer) in offers {
        pipeline.verdict(link, offer.ticket, Verdict::Accept, now).unwrap();
    }
    assert!(is_ready(&mut pipeline));
    pipeline.settle(now).unwrap();
    assert!(is_ready(&mut pipeline));
    pipeline.tick(now).unwrap();
    let tally = pipeline.tally();
    assert_eq!((tally.count(Verdict::Accept, Reason::Verified), tally.count(Verdict::Ignore, Reason::Stage)), (2, 1));
}

/// A service whose `call` does something to the pass, and whose answer is made by `F`.
struct Odd<F> {
    inner: Stack,
    answer: F,
}

impl<F, A> Service<Pass> for Odd<F>
where
    F: FnMut(Result<Pass, Fault>) -> A,
    A: Future<Output = Result<Pass, BoxError>> + Send,
{
    type Response = Pass;
    type Error = BoxError;
    type Future = A;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, pass: Pass) -> A {
        (self.answer)(self.inner.call(pass).into_inner())
    }
}

fn odd<F: Clone + Send + 'static>(answer: F) -> impl Layer<Stack, Service = Odd<F>> {
    layer_fn(move |inner| Odd { inner, answer: answer.clone() })
}

fn instantly(answer: Result<Pass, BoxError>) -> Ready<Result<Pass, BoxError>> {
    ready(answer)
}

/// The messages of a pipeline that failed in `step` each have one report, with reason fault.
fn ends_in_faults(mut broken: Pipeline, error: &PipelineError, came_in: u64) {
    let PipelineError::Fault(fault) = error else { panic!("{error}") };
    assert!(!fault.to_string().is_empty());
    assert_eq!(broken.tally().came_in(), broken.tally().settled() + broken.in_flight(), "the book adds up in the fault");
    let mut rest = Batch::default();
    broken.queue.flush(Reason::Fault, &mut rest);
    let mut next = pipeline();
    next.inherit(broken, rest);
    assert_eq!((next.tally().came_in(), next.tally().settled(), next.in_flight()), (came_in, came_in, 0));
    let mut numbers: Vec<u64> = next.reports().iter().map(|report| number(&report.id)).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=came_in).collect::<Vec<_>>(), "each message once");
    assert_eq!(next.tally().count(Verdict::Ignore, Reason::Fault), came_in);
}

#[test]
fn a_layer_that_fails_is_a_fault_and_its_messages_are_settled() {
    let failing = || {
        odd(|answer: Result<Pass, Fault>| match answer {
            Ok(Pass::Inward(batch, _)) if batch.live.len() > 1 => instantly(Err("no more than one".into())),
            other => instantly(other.map_err(Into::into)),
        })
    };
    let mut pipeline = pipeline().wrap(&failing());
    let now = Instant::now();
    arrive(&mut pipeline, [1], now).unwrap();
    let error = arrive(&mut pipeline, [2, 3], now).unwrap_err();
    assert!(matches!(error, PipelineError::Fault(Fault::Layer(_))), "{error}");
    ends_in_faults(pipeline, &error, 3);
}

#[test]
fn a_layer_that_fails_on_the_way_out_is_a_fault_too() {
    let mut pipeline = pipeline().wrap(&odd(|answer: Result<Pass, Fault>| match answer {
        Ok(Pass::Outward(..)) => instantly(Err("nothing leaves".into())),
        other => instantly(other.map_err(Into::into)),
    }));
    let now = Instant::now();
    arrive(&mut pipeline, 1..=6, now).unwrap();
    assert!(is_ready(&mut pipeline));
    let error = pipeline.settle(now).unwrap_err();
    ends_in_faults(pipeline, &error, 6);
}

#[test]
fn a_layer_that_waits_in_call_is_a_fault() {
    let mut pipeline = pipeline().wrap(&odd(|answer: Result<Pass, Fault>| async move {
        std::future::pending::<()>().await;
        answer.map_err(BoxError::from)
    }));
    let error = arrive(&mut pipeline, [1], Instant::now()).unwrap_err();
    assert!(matches!(error, PipelineError::Fault(Fault::Waited)), "{error}");
    ends_in_faults(pipeline, &error, 1);
}

#[test]
fn a_layer_that_answers_another_pass_is_a_fault() {
    let mut pipeline = pipeline().wrap(&odd(|_: Result<Pass, Fault>| instantly(Ok(Pass::Tick(Instant::now())))));
    let error = arrive(&mut pipeline, [1], Instant::now()).unwrap_err();
    assert!(matches!(error, PipelineError::Fault(Fault::Swapped)), "{error}");
    ends_in_faults(pipeline, &error, 1);
}

#[test]
fn a_layer_that_keeps_a_message_is_a_fault() {
    let mut pipeline = pipeline().wrap(&MapRequestLayer::new(|mut pass: Pass| {
        if let Pass::Inward(batch, _) = &mut pass {
            batch.live.pop();
        }
        pass
    }));
    let error = arrive(&mut pipeline, 1..=2, Instant::now()).unwrap_err();
    assert!(matches!(error, PipelineError::Fault(Fault::Kept)), "{error}");
    ends_in_faults(pipeline, &error, 2);
}

#[test]
fn verdicts_that_had_not_left_yet_are_settled_by_the_fault() {
    let mut pipeline = pipeline().wrap(&odd(|answer: Result<Pass, Fault>| match answer {
        Ok(Pass::Tick(_)) => instantly(Err("time is over".into())),
        other => instantly(other.map_err(Into::into)),
    }));
    let now = Instant::now();
    pipeline.queue.attach(LinkId(1), Window { messages: 9, bytes: 1 << 20 }.into(), now);
    arrive(&mut pipeline, 1..=3, now).unwrap();
    let mut offers = Vec::new();
    pipeline.hand_out(now, &mut offers);
    pipeline.verdict(LinkId(1), offers[0].1.ticket, Verdict::Accept, now).unwrap();
    assert!(is_ready(&mut pipeline));
    let error = pipeline.tick(now + Duration::from_millis(10)).unwrap_err();
    ends_in_faults(pipeline, &error, 3);
}

/// The settled messages of a batch count as its messages.
#[test]
fn settling_is_not_keeping() {
    let mut pipeline = pipeline().wrap(&MapRequestLayer::new(|mut pass: Pass| {
        if let Pass::Inward(batch, _) = &mut pass {
            let envelope = batch.live.pop().unwrap();
            batch.settled.push(Settled::new(envelope, Outcome::ignore(Reason::Stage)));
        }
        pass
    }));
    arrive(&mut pipeline, 1..=2, Instant::now()).unwrap();
    assert_eq!(pipeline.tally().count(Verdict::Ignore, Reason::Stage), 1);
}
