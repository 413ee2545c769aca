//! The order in which stages meet a message, in and out.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::plan_with;
use pmq_pipeline::testing::{OWN_CAUSES, arrival, id, number, topic};
use pmq_pipeline::{
    Arrival, Batch, Blueprint, Claims, Command, CommandError, LinkId, MarkAction, Order, Origin, Outcome, Part, Pipeline, Plan, Settled,
    Stage,
};
use pmq_protocol::wire::{ConsumerTerms, Cursor, Reason, Record, Verdict, Window};
use pmq_stages::{NetworkContext, Registry, StageSettings, delivery, validation};

type Diary = Arc<Mutex<Vec<String>>>;

/// Writes down what it meets; settles the message of one number going in; may say something outrageous coming out.
#[derive(Debug, Clone)]
struct Scribe {
    name: &'static str,
    diary: Diary,
    stops: Option<u64>,
    says: Option<Outcome>,
}

impl Blueprint for Scribe {
    fn name(&self) -> &'static str {
        self.name
    }

    fn build(&self) -> Box<dyn Stage> {
        Box::new(self.clone())
    }
}

impl Scribe {
    fn note(&self, what: &str, numbers: impl Iterator<Item = u64>) {
        let numbers: Vec<u64> = numbers.collect();
        if !numbers.is_empty() {
            self.diary.lock().unwrap().push(format!("{} {what} {numbers:?}", self.name));
        }
    }
}

impl Stage for Scribe {
    fn name(&self) -> &'static str {
        self.name
    }

    fn inward(&mut self, batch: &mut Batch, _: Instant) {
        self.note("in", batch.live.iter().map(|envelope| number(&envelope.arrival.id)));
        let stops = self.stops;
        batch.settle_where(|envelope| (Some(number(&envelope.arrival.id)) == stops).then(|| Outcome::ignore(Reason::Stage)));
    }

    fn outward(&mut self, settled: &mut [Settled], _: Instant) {
        self.note("out", settled.iter().map(|settled| number(&settled.envelope.arrival.id)));
        if let Some(says) = self.says {
            settled.iter_mut().for_each(|settled| settled.outcome = says);
        }
    }
}

fn network() -> NetworkContext {
    NetworkContext { name: "test".into(), claims: Claims(vec!["*".into()]), max_message: 1 << 16, max_topics: 16 }
}

fn pipeline(front: Vec<Scribe>, tail: Vec<Scribe>) -> Pipeline {
    let stage = |scribe| Part::Stage(Box::new(scribe));
    let mut parts: Vec<Part> = front.into_iter().map(stage).collect();
    parts.push(validation::Settings { max_messages: 4, ..validation::Settings::default() }.into_part(&network()).unwrap());
    parts.extend(tail.into_iter().map(stage));
    parts.push(delivery::Settings::default().into_part(&network()).unwrap());
    Pipeline::new(&Plan::new(parts).unwrap(), 1)
}

fn scribe(name: &'static str, diary: &Diary, stops: Option<u64>) -> Scribe {
    Scribe { name, diary: diary.clone(), stops, says: None }
}

fn arrive(pipeline: &mut Pipeline, numbers: impl IntoIterator<Item = u64>, now: Instant) {
    let mut arrivals = numbers.into_iter().map(|number| arrival(number, vec![1], now)).collect();
    pipeline.arrive(&mut arrivals, now).unwrap();
}

fn accept_all(pipeline: &mut Pipeline, now: Instant) {
    let mut offers = Vec::new();
    pipeline.hand_out(now, &mut offers);
    for (link, offer) in offers {
        pipeline.verdict(link, offer.ticket, Verdict::Accept, now).unwrap();
    }
    pipeline.settle(now).unwrap();
}

const VERIFIER: LinkId = LinkId(1);
const WIDE: Window = Window { messages: 100, bytes: 1 << 20 };

#[test]
fn stages_are_met_in_order_going_in_and_in_reverse_coming_out() {
    let diary = Diary::default();
    let front = vec![scribe("outer", &diary, Some(1)), scribe("middle", &diary, Some(2)), scribe("inner", &diary, None)];
    let mut pipeline = pipeline(front, vec![scribe("tail", &diary, None)]);
    let now = Instant::now();
    pipeline.queue.attach(VERIFIER, WIDE.into(), now);
    arrive(&mut pipeline, 1..=3, now);
    accept_all(&mut pipeline, now);
    let expected = [
        "outer in [1, 2, 3]",
        "middle in [2, 3]",
        "inner in [3]",
        // The middle one settled 2: only what stands outside of it has let 2 pass. Nobody has let 1 pass.
        "outer out [2]",
        "inner out [3]",
        "middle out [3]",
        "outer out [3]",
        // Only what was accepted gets here.
        "tail in [3]",
    ];
    assert_eq!(*diary.lock().unwrap(), expected);
}

#[test]
fn what_the_queue_refuses_leaves_through_every_stage() {
    let diary = Diary::default();
    let mut pipeline = pipeline(vec![scribe("outer", &diary, None)], vec![]);
    let now = Instant::now();
    arrive(&mut pipeline, 1..=6, now);
    assert!(pipeline.unsettled());
    assert_eq!((pipeline.in_flight(), pipeline.tally().settled()), (6, 0), "refused ones are in flight until they are settled");
    pipeline.settle(now).unwrap();
    assert_eq!(*diary.lock().unwrap(), ["outer in [1, 2, 3, 4, 5, 6]", "outer out [5, 6]"]);
    assert_eq!(pipeline.tally().count(Verdict::Ignore, Reason::QueueFull), 2);
    pipeline.tick(now + Duration::from_secs(5)).unwrap();
    pipeline.settle(now).unwrap();
    assert_eq!(pipeline.tally().count(Verdict::Ignore, Reason::NoVerifier), 4);
    assert_eq!(diary.lock().unwrap().len(), 3, "and so does what has expired");
}

#[test]
fn an_outer_stage_may_soften_what_an_inner_one_let_out_and_never_reject_for_us() {
    let now = Instant::now();
    for (says, reported) in [
        (Outcome::ignore(Reason::Late), (Verdict::Ignore, Reason::Late)),
        (Outcome { verdict: Verdict::Reject, reason: Reason::Timeout }, (Verdict::Ignore, Reason::Timeout)),
        (Outcome { verdict: Verdict::Reject, reason: Reason::Malformed }, (Verdict::Reject, Reason::Malformed)),
    ] {
        let mut outer = scribe("outer", &Diary::default(), None);
        outer.says = Some(says);
        let mut pipeline = pipeline(vec![outer], vec![]);
        pipeline.queue.attach(VERIFIER, WIDE.into(), now);
        arrive(&mut pipeline, [1], now);
        accept_all(&mut pipeline, now);
        let outcome = pipeline.reports()[0].outcome;
        assert_eq!((outcome.verdict, outcome.reason), reported);
        assert_eq!(
            pipeline.delivery.queued(),
            u64::from(OWN_CAUSES.contains(&outcome.reason)),
            "nothing is delivered that is not accepted"
        );
    }
}

#[test]
fn consumers_are_told_of_our_own_causes_and_no_sender_is_blamed_for_one() {
    for &reason in Reason::ALL {
        assert_eq!(reason.lost_by_us(), OWN_CAUSES.contains(&reason), "{reason:?}");
        assert!(!(reason.lost_by_us() && reason.sender_at_fault()), "{reason:?}");
    }
}

/// One batch in which losses of two topics alternate, around an accepted message: the consumers' records in order.
#[test]
fn losses_of_a_batch_are_told_once_for_each_topic_and_cause_behind_what_was_accepted() {
    let mut pipeline = pipeline(vec![], vec![]);
    let now = Instant::now();
    let terms = ConsumerTerms { name: "".into(), cursor: Cursor::default(), window: WIDE, policy: None };
    pipeline.delivery.open(LinkId(2), &terms);
    pipeline.queue.attach(VERIFIER, Window { messages: 1, bytes: 1 << 20 }.into(), now);
    let mut arrivals: Vec<_> =
        (0..40).map(|number| Arrival { topic: topic((number % 2) as u32), ..arrival(number, vec![1], now) }).collect();
    pipeline.arrive(&mut arrivals, now).unwrap();
    accept_all(&mut pipeline, now);
    let (mut out, mut cut) = (Vec::new(), Vec::new());
    pipeline.pump(&mut out, &mut cut);
    let records: Vec<_> = out.into_iter().map(|shipment| shipment.record).collect();
    let [Record::Message { id: first, .. }, rest @ ..] = &records[..] else { panic!("{records:?}") };
    assert_eq!(*first, id(0), "what was accepted comes first, in order of release");
    let told: Vec<_> = rest
        .iter()
        .map(|record| match record {
            Record::Unverified { topic, cause, count, .. } => (&**topic, *cause, *count),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [("topic-0", Reason::QueueFull, 18), ("topic-1", Reason::QueueFull, 18)]);
}

#[test]
fn an_order_reaches_the_stage_that_it_concerns_and_nobody_is_an_error() {
    let order = || Order::Mark { topic: topic(0), origin: Origin::default(), epoch: 0, action: MarkAction::Seed(7) };
    let now = Instant::now();
    assert_eq!(pipeline(vec![], vec![]).command(order(), now).unwrap(), Err(CommandError::NoStage));

    #[derive(Debug)]
    struct Clerk;
    impl Blueprint for Clerk {
        fn name(&self) -> &'static str {
            "clerk"
        }
        fn build(&self) -> Box<dyn Stage> {
            Box::new(Self)
        }
    }
    impl Stage for Clerk {
        fn name(&self) -> &'static str {
            "clerk"
        }
        fn inward(&mut self, _: &mut Batch, _: Instant) {}
        fn command(&mut self, command: &mut Command, _: Instant) {
            command.answer = Some(Err(CommandError::Thresholds { skip: 2, validity: 1, max_skip: 0 }));
        }
    }
    let registry = Registry::standard().with_stage("clerk", |_, _| Ok(Part::Stage(Box::new(Clerk))));
    let plan = plan_with(&registry, "[[stage]]\nuse = 'clerk'\n[[stage]]\nuse = 'validation-queue'\n[[stage]]\nuse = 'delivery'\n");
    assert_eq!(Pipeline::new(&plan, 1).command(order(), now).unwrap(), Err(CommandError::Thresholds { skip: 2, validity: 1, max_skip: 0 }));
}
