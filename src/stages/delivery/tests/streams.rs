//! Random appends, acks, pumps, attaches and detaches on small rings, against what a consumer may rely on.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

#[derive(Debug, Clone, Copy)]
enum Step {
    Deliver(u64),
    Unverified(u8, u64),
    Attach { name: u8, window: u32, policy: u8, cursor: u8 },
    Detach(Index),
    Ack(Index, u64),
    Window(Index, u32),
    Pump,
}

fn step() -> impl Strategy<Value = Step> {
    let any_index = any::<Index>;
    prop_oneof![
        6 => (1..6_u64).prop_map(Step::Deliver),
        2 => (0..2_u8, 1..4_u64).prop_map(|(cause, count)| Step::Unverified(cause, count)),
        2 => (0..3_u8, 0..6_u32, 0..3_u8, 0..4_u8).prop_map(|(name, window, policy, cursor)| Step::Attach { name, window, policy, cursor }),
        1 => any_index().prop_map(Step::Detach),
        4 => (any_index(), 0..12_u64).prop_map(|(who, ahead)| Step::Ack(who, ahead)),
        1 => (any_index(), 0..20_u32).prop_map(|(who, messages)| Step::Window(who, messages)),
        6 => Just(Step::Pump),
    ]
}

/// One attachment, as the consumer at its other end sees it.
#[derive(Debug)]
struct VerifierRole {
    name: u8,
    start: u64,
    /// The newest counter received.
    at: u64,
    delivered: Vec<(u64, u64)>,
    unverified: u64,
    in_flight: Vec<u64>,
}

/// What stands at a position: a message's number, or nothing for an unverified record.
type Model = BTreeMap<u64, Option<u64>>;

struct World {
    bench: Bench,
    model: Model,
    unverified: u64,
    seats: BTreeMap<u32, VerifierRole>,
    windows: BTreeMap<u32, u32>,
    links: u32,
}

impl World {
    fn next(&self) -> u64 {
        self.bench.delivery.log.next()
    }

    fn pick(&self, index: &Index) -> Option<u32> {
        (!self.seats.is_empty()).then(|| *index.get(&self.seats.keys().copied().collect::<Vec<_>>()))
    }

    fn attach(&mut self, name: u8, credit: u32, policy: u8, cursor: u8) -> Result<(), TestCaseError> {
        self.links += 1;
        let newest = self.next() - 1;
        let cursor = match cursor {
            0 => Cursor::default(),
            1 => Cursor { stream: STREAM + 1, counter: 3 },
            2 => Cursor { stream: STREAM, counter: newest / 2 },
            _ => Cursor { stream: STREAM, counter: newest + 3 },
        };
        let policy = [Overflow::DropOldest, Overflow::DropNewest, Overflow::Disconnect][usize::from(policy)];
        let label = ["", "a", "b"][usize::from(name)];
        let terms = terms(label, cursor, window(credit), policy);
        let opened = self.bench.delivery.open(LinkId(self.links), &terms);
        let held = self.seats.iter().find(|(_, seat)| name != 0 && seat.name == name).map(|(link, _)| *link);
        prop_assert_eq!(opened.replaced, held.map(LinkId), "a name has one consumer");
        if let Some(old) = held {
            self.seats.remove(&old);
        }
        prop_assert_eq!(opened.cursor.stream, STREAM);
        prop_assert!(opened.cursor.counter <= newest);
        let start = opened.cursor.counter;
        self.seats.insert(self.links, VerifierRole { name, start, at: start, delivered: Vec::new(), unverified: 0, in_flight: Vec::new() });
        self.windows.insert(self.links, credit);
        Ok(())
    }

    fn pump(&mut self) -> Result<(), TestCaseError> {
        let (records, cut) = self.bench.pump();
        for (link, record) in records {
            let seat = self.seats.get_mut(&link).ok_or_else(|| TestCaseError::fail("a record for a consumer that is gone"))?;
            match record {
                Seen::Message(counter, number) => {
                    prop_assert_eq!(counter, seat.at + 1, "a hole, or a record twice");
                    prop_assert_eq!(self.model.get(&counter), Some(&Some(number)), "another message than was appended there");
                    seat.delivered.push((counter, number));
                    seat.at = counter;
                }
                Seen::Unverified(counter, _, count) => {
                    prop_assert_eq!(counter, seat.at + 1);
                    prop_assert_eq!(self.model.get(&counter), Some(&None));
                    seat.unverified += count;
                    seat.at = counter;
                }
                Seen::Gap(from, to, count, reason) => {
                    prop_assert_eq!(from, seat.at + 1);
                    prop_assert!(to >= from && to < self.bench.delivery.log.next());
                    prop_assert_eq!(count, if reason == GapReason::Restart { 0 } else { to - from + 1 });
                    seat.at = to;
                }
            }
            seat.in_flight.push(seat.at);
            prop_assert!(seat.in_flight.len() <= self.windows[&link] as usize, "more in flight than the window");
        }
        for LinkId(link) in cut {
            self.bench.delivery.close(LinkId(link));
            self.seats.remove(&link);
        }
        Ok(())
    }

    fn apply(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Deliver(count) => {
                for _ in 0..count {
                    self.model.insert(self.next(), Some(self.bench.appended + 1));
                    self.bench.deliver(1);
                }
            }
            Step::Unverified(cause, count) => {
                let cause = [Reason::Timeout, Reason::QueueFull][usize::from(cause)];
                self.bench.delivery.unverified(&topic(0), cause, count);
                self.unverified += count;
                self.model.insert(self.next() - 1, None);
            }
            Step::Attach { name, window, policy, cursor } => self.attach(name, window, policy, cursor)?,
            Step::Detach(ref who) => {
                if let Some(link) = self.pick(who) {
                    self.bench.delivery.close(LinkId(link));
                    self.seats.remove(&link);
                }
            }
            Step::Ack(ref who, ahead) => {
                if let Some(link) = self.pick(who) {
                    let seat = self.seats.get_mut(&link).unwrap();
                    // Also beyond what was sent.
                    let counter = seat.start + ahead;
                    seat.in_flight.retain(|&sent| sent > counter);
                    self.bench.delivery.ack(LinkId(link), counter);
                }
            }
            Step::Window(ref who, messages) => {
                if let Some(link) = self.pick(who) {
                    self.bench.delivery.window(LinkId(link), window(messages));
                    // What is on its way stays so when a window shrinks.
                    let in_flight = self.seats[&link].in_flight.len() as u32;
                    self.windows.insert(link, messages.max(in_flight));
                }
            }
            Step::Pump => self.pump()?,
        }
        Ok(())
    }

    /// Gives everybody all the credit there is: then each has everything since its cursor, or a gap over it.
    fn finish(mut self) -> Result<(), TestCaseError> {
        for (&link, seat) in &self.seats {
            self.bench.delivery.ack(LinkId(link), seat.at);
            self.bench.delivery.window(LinkId(link), window(1_000_000));
            self.windows.insert(link, 1_000_000);
        }
        for seat in self.seats.values_mut() {
            seat.in_flight.clear();
        }
        self.pump()?;
        for seat in self.seats.values() {
            prop_assert_eq!(seat.at, self.next() - 1, "delivered and gaps do not make up everything since the cursor");
            let numbers: Vec<u64> = seat.delivered.iter().map(|(_, number)| *number).collect();
            prop_assert!(numbers.is_sorted_by(|a, b| a < b), "out of order or twice");
            prop_assert!(seat.unverified <= self.unverified);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn streams_have_no_holes(ring in 1..12_u32, lag in 1..12_u32, steps in prop::collection::vec(step(), 1..120)) {
        let bench = Bench::new(ring, lag.min(ring));
        let mut world = World { bench, model: Model::new(), unverified: 0, seats: BTreeMap::new(), windows: BTreeMap::new(), links: 0 };
        for step in steps {
            world.apply(&step)?;
        }
        world.finish()?;
    }

    /// A consumer that is there from the start and loses nothing is told of every unverified message, however they are merged.
    #[test]
    fn unverified_counts_add_up(steps in prop::collection::vec((any::<bool>(), any::<bool>(), 1..4_u64), 1..60)) {
        let mut bench = Bench::new(10_000, 10_000);
        bench.attach(1, WIDE, Overflow::DropOldest);
        let (mut told, mut lost) = (0, 0);
        for (late_comer, pump, count) in steps {
            bench.delivery.unverified(&topic(0), Reason::Timeout, count);
            lost += count;
            if late_comer {
                bench.attach(2, WIDE, Overflow::DropOldest);
                bench.delivery.close(LinkId(2));
            }
            if pump {
                told += total(bench.records(1));
            }
        }
        told += total(bench.records(1));
        prop_assert_eq!(told, lost);
    }
}

fn total(records: Vec<Seen>) -> u64 {
    records.into_iter().map(|record| if let Seen::Unverified(_, _, count) = record { count } else { 0 }).sum()
}
