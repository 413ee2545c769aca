//! The window agrees with its naive model after every step of random schedules.

use std::time::Duration;

use proptest::prelude::*;

use super::super::model::{Key, Model, Word};
use super::*;

const GRACE: Duration = Duration::from_secs(5);

/// Where a number comes from: fixed places, or places around the mark that is there.
#[derive(Debug, Clone, Copy)]
enum Number {
    At(u64),
    Ahead(u64),
    Behind(u64),
}

#[derive(Debug, Clone)]
enum Step {
    Arrive { key: Key, number: Number, tag: u64 },
    Settle { pending: prop::sample::Index, accept: bool },
    Thresholds { topic: Option<u32>, skip: u64, validity: u64 },
    Mark { key: Key, number: Number, action: u8 },
    Grace,
    Wait { seconds: u64 },
}

fn key() -> impl Strategy<Value = Key> {
    (0..2_u32, 0..3_u8, prop_oneof![4 => Just(0), 1 => Just(1), 1 => Just(u64::MAX)])
}

fn number() -> impl Strategy<Value = Number> {
    let ends = prop_oneof![Just(0), Just(1), 0..300_u64, Just(u64::MAX), (0..300_u64).prop_map(|n| u64::MAX - n), any::<u64>()];
    prop_oneof![
        2 => ends.prop_map(Number::At),
        4 => prop_oneof![0..4_u64, 0..200_u64].prop_map(Number::Ahead),
        6 => prop_oneof![0..12_u64, 0..70_u64, 90..130_u64].prop_map(Number::Behind),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let tag = prop_oneof![8 => Just(1_u64), 1 => Just(2)];
    let topic = prop::option::of(0..2_u32);
    prop_oneof![
        20 => (key(), number(), tag).prop_map(|(key, number, tag)| Step::Arrive { key, number, tag }),
        20 => (any::<prop::sample::Index>(), prop::bool::weighted(0.9)).prop_map(|(pending, accept)| Step::Settle { pending, accept }),
        1 => (topic, 0..80_u64, 0..130_u64).prop_map(|(topic, skip, validity)| Step::Thresholds { topic, skip, validity }),
        2 => (key(), number(), 0..4_u8).prop_map(|(key, number, action)| Step::Mark { key, number, action }),
        1 => Just(Step::Grace),
        2 => (0..6_u64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// Both side by side.
struct Pair {
    real: WindowStage,
    model: Model,
    now: Instant,
    lenient_until: Option<Instant>,
    pending: Vec<Envelope>,
}

fn key_of(envelope: &Envelope) -> Key {
    let header = envelope.header.unwrap();
    (envelope.arrival.topic.index, header.origin.0[0], header.epoch)
}

fn word(outcome: Outcome) -> Word {
    (outcome.verdict != Verdict::Accept).then_some((outcome.verdict, outcome.reason))
}

impl Pair {
    fn new(warm_after: u32) -> Self {
        let settings = WindowSettings { skip: 10, validity: 100, window: 64, origins: 3, floors: 2, warm_after, grace: GRACE };
        let model = Model::new(3, 2, warm_after, (10, 100));
        Self { real: stage(settings), model, now: Instant::now(), lenient_until: None, pending: Vec::new() }
    }

    fn resolve(&self, key: Key, number: Number) -> u64 {
        let high = self.model.high(key).unwrap_or(1_000);
        match number {
            Number::At(number) => number,
            Number::Ahead(by) => high.saturating_add(by),
            Number::Behind(by) => high.saturating_sub(by),
        }
    }

    #[allow(clippy::needless_pass_by_value, reason = "a step is used up")]
    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let now = self.now;
        match step {
            Step::Arrive { key, number, tag } => {
                let header = header(key.1, key.2, self.resolve(key, number), tag);
                let lenient = self.lenient_until.is_some_and(|until| now < until);
                let expected = self.model.check(key, &header, lenient);
                match check(&mut self.real, topic(key.0), header, now) {
                    Ok(envelope) => {
                        prop_assert_eq!(None, expected, "{:?}", header);
                        self.pending.push(envelope);
                    }
                    Err(outcome) => prop_assert_eq!(word(outcome), expected, "{:?}", header),
                }
            }
            Step::Settle { pending, accept } if !self.pending.is_empty() => {
                let envelope = self.pending.swap_remove(pending.index(self.pending.len()));
                if accept {
                    let expected = self.model.commit(key_of(&envelope), &envelope.header.unwrap());
                    let outcome = commit(&mut self.real, envelope, now);
                    prop_assert_ne!(outcome.verdict, Verdict::Reject, "only check may reject");
                    prop_assert_eq!(word(outcome), expected);
                } else {
                    let ignored = ignored(Reason::Timeout);
                    prop_assert_eq!(settle(&mut self.real, envelope, ignored, now), ignored);
                }
            }
            Step::Settle { .. } => {}
            Step::Thresholds { topic: index, skip, validity } => {
                let set = order(&mut self.real, Order::Thresholds { topic: index.map(topic), skip, validity }, now);
                let legal = skip < validity && skip <= 64;
                prop_assert_eq!(set.is_ok(), legal);
                match index {
                    _ if !legal => {}
                    Some(index) => drop(self.model.topic_thresholds.insert(index, (skip, validity))),
                    None => {
                        self.model.topic_thresholds.clear();
                        self.model.thresholds = (skip, validity);
                    }
                }
            }
            Step::Mark { key, number, action } => {
                let number = self.resolve(key, number);
                let action = match action {
                    0 => MarkAction::Seed(number),
                    1 => MarkAction::Raise(number),
                    2 => MarkAction::Reset(number),
                    _ => MarkAction::Retire,
                };
                let order_ = Order::Mark { topic: topic(key.0), origin: origin(key.1), epoch: key.2, action };
                prop_assert_eq!(order(&mut self.real, order_, now), Ok(()));
                self.model.mark(key, action);
            }
            Step::Grace => {
                order(&mut self.real, Order::Grace, now).unwrap();
                self.lenient_until = Some(now + GRACE);
            }
            Step::Wait { seconds } => self.now += Duration::from_secs(seconds),
        }
        self.compare()
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let counters = self.real.counters();
        prop_assert_eq!(counters.windows, self.model.windows());
        prop_assert_eq!(counters.evicted, self.model.evicted);
        prop_assert_eq!(counters.floors_lost, self.model.floors_lost);
        let mut marks: Vec<_> = self.real.marks().map(|(topic, origin, epoch, high)| ((topic, origin.0[0], epoch), high)).collect();
        marks.sort_unstable();
        prop_assert_eq!(marks, self.model.marks());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn agrees_with_the_naive_model(warm_after in 0..4_u32, steps in prop::collection::vec(step(), 1..300)) {
        let mut pair = Pair::new(warm_after);
        for step in steps {
            pair.step(step)?;
        }
    }
}
