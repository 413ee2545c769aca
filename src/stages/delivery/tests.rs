#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod streams;

use bytesize::ByteSize;

use super::*;
use crate::{StageSettings, testing::network};
use pmq_pipeline::testing::{arrival, number, topic};
use pmq_protocol::wire::{Overflow, Record};

const STREAM: u64 = 77;
const WIDE: Window = Window { messages: 1_000, bytes: 1 << 30 };

/// A record in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Message(u64, u64),
    Gap(u64, u64, u64, GapReason),
    Unverified(u64, Reason, u64),
}

pub(super) fn seen(record: &Record) -> Seen {
    match record {
        Record::Message { counter, id, .. } => Seen::Message(*counter, number(id)),
        &Record::Gap { from, to, count, reason } => Seen::Gap(from, to, count, reason),
        &Record::Unverified { counter, cause, count, .. } => Seen::Unverified(counter, cause, count),
    }
}

pub(super) struct Bench {
    pub(super) delivery: DeliveryStage,
    pub(super) appended: u64,
}

pub(super) fn terms(name: &str, cursor: Cursor, window: Window, policy: Overflow) -> ConsumerTerms {
    ConsumerTerms { name: name.into(), cursor, window, policy: Some(policy) }
}

impl Bench {
    pub(super) fn new(ring_messages: u32, max_lag: u32) -> Self {
        let settings = Settings { ring_messages, max_lag, ..Settings::default() };
        let ring = MemoryRing::new(ring_messages, settings.ring_bytes.as_u64());
        Self { delivery: DeliveryStage::new(settings, STREAM, Box::new(ring)), appended: 0 }
    }

    /// Delivers messages that carry the next numbers, from 1.
    pub(super) fn deliver(&mut self, count: u64) {
        for _ in 0..count {
            self.appended += 1;
            let arrival = arrival(self.appended, vec![0; 10], std::time::Instant::now());
            self.delivery.deliver(&Envelope { arrival, header: None });
        }
    }

    fn attach(&mut self, link: u32, window: Window, policy: Overflow) -> Opened {
        self.delivery.open(LinkId(link), &terms("", Cursor::default(), window, policy))
    }

    fn resume(&mut self, link: u32, name: &str, cursor: Cursor) -> Opened {
        self.delivery.open(LinkId(link), &terms(name, cursor, WIDE, Overflow::DropOldest))
    }

    pub(super) fn pump(&mut self) -> (Vec<(u32, Seen)>, Vec<LinkId>) {
        let (mut out, mut cut) = (Vec::new(), Vec::new());
        self.delivery.pump(&mut out, &mut cut);
        (out.iter().map(|shipment| (shipment.link.0, seen(&shipment.record))).collect(), cut)
    }

    fn records(&mut self, link: u32) -> Vec<Seen> {
        self.pump().0.into_iter().filter(|(to, _)| *to == link).map(|(_, seen)| seen).collect()
    }
}

fn window(messages: u32) -> Window {
    Window { messages, bytes: 1 << 30 }
}

#[test]
fn every_consumer_gets_every_message_from_when_it_came() {
    let mut bench = Bench::new(100, 100);
    bench.deliver(1);
    assert_eq!(bench.attach(1, WIDE, Overflow::DropOldest).cursor, Cursor { stream: STREAM, counter: 2 });
    bench.deliver(1);
    bench.attach(2, WIDE, Overflow::DropOldest);
    bench.deliver(1);
    assert_eq!(bench.records(1), [Seen::Message(3, 2), Seen::Message(4, 3)]);
    bench.deliver(1);
    assert_eq!(
        bench.pump().0,
        [(1, Seen::Message(5, 4)), (2, Seen::Message(5, 4))],
        "the first pump has served both consumers, each in its own order"
    );
}

#[test]
fn credit_counts_messages_and_bytes_and_comes_back_with_acks() {
    let mut bench = Bench::new(100, 100);
    bench.attach(1, window(2), Overflow::DropOldest);
    bench.deliver(5);
    assert_eq!(bench.records(1), [Seen::Message(2, 1), Seen::Message(3, 2)]);
    assert_eq!(bench.records(1), []);
    bench.delivery.ack(LinkId(1), 2);
    assert_eq!(bench.records(1), [Seen::Message(4, 3)]);
    bench.delivery.ack(LinkId(1), 2);
    assert_eq!(bench.records(1), [], "the same ack gives nothing twice");
    bench.delivery.window(LinkId(1), window(4));
    assert_eq!(bench.records(1), [Seen::Message(5, 4), Seen::Message(6, 5)]);

    let mut bench = Bench::new(100, 100);
    bench.attach(1, Window { messages: 100, bytes: 25 }, Overflow::DropOldest);
    bench.deliver(3);
    assert_eq!(bench.records(1).len(), 2, "25 bytes hold two messages of 10");
    bench.delivery.ack(LinkId(1), 3);
    assert_eq!(bench.records(1), [Seen::Message(4, 3)]);

    let mut bench = Bench::new(100, 100);
    bench.attach(1, Window { messages: 100, bytes: 5 }, Overflow::DropOldest);
    bench.deliver(2);
    assert_eq!(bench.records(1), [Seen::Message(2, 1)], "one that is larger than the window passes alone");
}

#[test]
fn an_ack_beyond_what_was_sent_acknowledges_only_that() {
    let mut bench = Bench::new(100, 100);
    bench.resume(1, "ledger", Cursor::default());
    bench.delivery.window(LinkId(1), window(1));
    bench.deliver(3);
    assert_eq!(bench.records(1), [Seen::Message(2, 1)]);
    bench.delivery.ack(LinkId(1), u64::MAX);
    assert_eq!(bench.records(1), [Seen::Message(3, 2)], "its credit is one message, not more");
    bench.delivery.close(LinkId(1));
    assert_eq!(bench.resume(2, "ledger", Cursor::default()).cursor.counter, 2, "and what was not shipped is not behind it");
}

#[test]
fn drop_oldest_puts_a_gap_in_their_place() {
    let mut bench = Bench::new(4, 4);
    bench.attach(1, window(1), Overflow::DropOldest);
    bench.deliver(1);
    assert_eq!(bench.records(1), [Seen::Message(2, 1)]);
    bench.deliver(9);
    // Positions 3 to 7 have made room.
    assert_eq!(bench.records(1), [], "a gap takes credit too");
    bench.delivery.ack(LinkId(1), 2);
    assert_eq!(bench.records(1), [Seen::Gap(3, 7, 5, GapReason::DropOldest)]);
    bench.delivery.window(LinkId(1), WIDE);
    assert_eq!(bench.records(1), [8, 9, 10, 11].map(|counter| Seen::Message(counter, counter - 1)));
}

#[test]
fn a_consumer_without_credit_from_the_start_is_slow_and_not_late() {
    let mut bench = Bench::new(4, 4);
    bench.attach(1, window(0), Overflow::DropOldest);
    bench.deliver(1);
    assert_eq!(bench.records(1), []);
    bench.deliver(5);
    bench.delivery.window(LinkId(1), window(1));
    assert_eq!(bench.records(1), [Seen::Gap(2, 3, 2, GapReason::DropOldest)]);
    // The gap's last counter gives its credit back.
    bench.delivery.ack(LinkId(1), 3);
    assert_eq!(bench.records(1), [Seen::Message(4, 3)]);
}

#[test]
fn drop_newest_keeps_what_it_had_and_drops_until_it_has_caught_up() {
    let mut bench = Bench::new(100, 3);
    bench.attach(1, window(1), Overflow::DropNewest);
    bench.deliver(1);
    assert_eq!(bench.records(1), [Seen::Message(2, 1)]);
    bench.deliver(6);
    bench.delivery.window(LinkId(1), WIDE);
    assert_eq!(
        bench.records(1),
        [Seen::Message(3, 2), Seen::Message(4, 3), Seen::Message(5, 4), Seen::Gap(6, 8, 3, GapReason::DropNewest)],
        "three may wait, the other three were not kept"
    );
    bench.deliver(1);
    assert_eq!(bench.records(1), [Seen::Message(9, 8)], "it has caught up");
}

#[test]
fn disconnect_cuts_only_the_slow_one_and_lets_it_resume() {
    let mut bench = Bench::new(100, 3);
    bench.delivery.open(LinkId(1), &terms("slow", Cursor::default(), window(1), Overflow::Disconnect));
    bench.attach(2, WIDE, Overflow::Disconnect);
    let mut fast = Vec::new();
    for _ in 0..8 {
        bench.deliver(1);
        let (out, _) = bench.pump();
        fast.extend(out.into_iter().filter(|(link, _)| *link == 2).map(|(_, seen)| seen));
    }
    assert_eq!(fast.len(), 8, "the fast one got everything");
    assert_eq!(bench.pump().1, [LinkId(1)]);
    bench.delivery.close(LinkId(1));
    assert_eq!(bench.pump().1, []);
    assert_eq!(bench.resume(3, "slow", Cursor::default()).cursor.counter, 1);
    assert_eq!(bench.records(3).len(), 8, "nothing was lost: the ring still had it");
}

#[test]
fn who_comes_back_far_behind_is_not_cut_for_it() {
    let mut bench = Bench::new(100, 3);
    bench.deliver(20);
    let back = Cursor { stream: STREAM, counter: 1 };
    for (link, policy) in [(1, Overflow::Disconnect), (2, Overflow::DropNewest)] {
        bench.delivery.open(LinkId(link), &terms("", back, window(1), policy));
    }
    bench.deliver(3);
    assert_eq!(bench.pump().1, [], "20 records were missed before it came, and 3 since: no more than max_lag");
    for link in [1, 2] {
        bench.delivery.ack(LinkId(link), 2);
        bench.delivery.window(LinkId(link), WIDE);
    }
    let (records, cut) = bench.pump();
    assert_eq!((records.len(), cut.len()), (2 * 22, 0), "each has caught up without a gap");
    for link in [1, 2] {
        bench.delivery.window(LinkId(link), window(0));
    }
    bench.deliver(4);
    assert_eq!(bench.pump().1, [LinkId(1)], "from then on its slowness is its own");
}

#[test]
fn the_networks_policy_holds_for_who_has_none() {
    let mut bench = Bench::new(100, 3);
    bench.delivery.settings.policy = Policy::Disconnect;
    bench.delivery.open(LinkId(1), &ConsumerTerms { name: "".into(), cursor: Cursor::default(), window: window(0), policy: None });
    bench.deliver(4);
    assert_eq!(bench.pump().1, [LinkId(1)]);
}

#[test]
fn a_slow_consumer_costs_a_fast_one_nothing() {
    let mut bench = Bench::new(10, 10);
    bench.attach(1, window(1), Overflow::DropOldest);
    bench.attach(2, WIDE, Overflow::DropOldest);
    let mut fast = Vec::new();
    for _ in 0..100 {
        bench.deliver(1);
        fast.extend(bench.pump().0.into_iter().filter(|(link, _)| *link == 2).map(|(_, seen)| seen));
    }
    assert_eq!(fast, (1..=100).map(|number| Seen::Message(number + 1, number)).collect::<Vec<_>>());
}

#[test]
fn unverified_records_keep_their_place_and_merge_only_before_they_are_shipped() {
    let mut bench = Bench::new(100, 100);
    bench.attach(1, window(100), Overflow::DropOldest);
    let lost = |bench: &mut Bench, cause| bench.delivery.unverified(&topic(0), cause, 1);
    bench.deliver(1);
    lost(&mut bench, Reason::Timeout);
    lost(&mut bench, Reason::Timeout);
    lost(&mut bench, Reason::QueueFull);
    bench.deliver(1);
    lost(&mut bench, Reason::QueueFull);
    assert_eq!(
        bench.records(1),
        [
            Seen::Message(2, 1),
            Seen::Unverified(3, Reason::Timeout, 2),
            Seen::Unverified(4, Reason::QueueFull, 1),
            Seen::Message(5, 2),
            Seen::Unverified(6, Reason::QueueFull, 1),
        ]
    );
    lost(&mut bench, Reason::QueueFull);
    assert_eq!(bench.records(1), [Seen::Unverified(7, Reason::QueueFull, 1)], "what was shipped is not changed");
    lost(&mut bench, Reason::Timeout);
    bench.delivery.unverified(&topic(1), Reason::Timeout, 1);
    assert_eq!(bench.records(1).len(), 2, "another topic has a record of its own");
}

#[test]
fn unverified_messages_are_not_merged_behind_a_newcomers_back() {
    let mut bench = Bench::new(100, 100);
    bench.delivery.unverified(&topic(0), Reason::Timeout, 1);
    bench.attach(1, WIDE, Overflow::DropOldest);
    bench.delivery.unverified(&topic(0), Reason::Timeout, 1);
    assert_eq!(bench.records(1), [Seen::Unverified(3, Reason::Timeout, 1)]);
}

#[test]
fn a_cursor_is_resumed_where_it_stands() {
    let mut bench = Bench::new(100, 100);
    bench.deliver(10);
    let at = |counter| Cursor { stream: STREAM, counter };
    assert_eq!(bench.resume(1, "", at(6)), Opened { cursor: at(6), replaced: None });
    assert_eq!(bench.records(1), (7..=11).map(|counter| Seen::Message(counter, counter - 1)).collect::<Vec<_>>());
    assert_eq!(bench.resume(2, "", at(1_000)).cursor, at(11), "a counter from the future is the newest one");
}

#[test]
fn a_cursor_older_than_the_ring_gets_a_retention_gap() {
    let mut bench = Bench::new(4, 4);
    bench.deliver(10);
    bench.resume(1, "", Cursor { stream: STREAM, counter: 3 });
    let records = bench.records(1);
    assert_eq!(records[0], Seen::Gap(4, 7, 4, GapReason::Retention));
    assert_eq!(records[1..], [8, 9, 10, 11].map(|counter| Seen::Message(counter, counter - 1)));
}

#[test]
fn a_cursor_of_a_foreign_stream_is_told_so_and_gets_all_that_there_is() {
    let foreign = Cursor { stream: STREAM + 1, counter: 500 };
    let mut bench = Bench::new(4, 4);
    assert_eq!(bench.resume(1, "", foreign).cursor, Cursor { stream: STREAM, counter: 0 });
    assert_eq!(bench.records(1), [Seen::Gap(1, 1, 0, GapReason::Restart)], "also on a log that is empty yet");
    bench.deliver(10);
    bench.resume(2, "", foreign);
    let records = bench.records(2);
    assert_eq!(records[0], Seen::Gap(1, 7, 0, GapReason::Restart), "how much is missing is not known");
    assert_eq!(records.len(), 5);
}

#[test]
fn a_name_is_remembered_by_what_was_acknowledged() {
    let mut bench = Bench::new(100, 100);
    bench.resume(1, "ledger", Cursor::default());
    bench.deliver(5);
    assert_eq!(bench.records(1).len(), 5);
    bench.delivery.ack(LinkId(1), 4);
    bench.delivery.close(LinkId(1));
    bench.deliver(2);
    assert_eq!(bench.resume(2, "ledger", Cursor::default()).cursor.counter, 4);
    assert_eq!(bench.records(2), (5..=8).map(|counter| Seen::Message(counter, counter - 1)).collect::<Vec<_>>());
    assert_eq!(bench.resume(3, "other", Cursor::default()).cursor.counter, 8, "a new name starts from now on");
}

#[test]
fn a_name_has_one_consumer_the_newest() {
    let mut bench = Bench::new(100, 100);
    bench.resume(1, "ledger", Cursor::default());
    bench.deliver(2);
    bench.records(1);
    bench.delivery.ack(LinkId(1), 2);
    let opened = bench.resume(2, "ledger", Cursor::default());
    assert_eq!(opened, Opened { cursor: Cursor { stream: STREAM, counter: 2 }, replaced: Some(LinkId(1)) });
    assert_eq!(bench.delivery.consumers(), 1);
    bench.deliver(1);
    assert_eq!(bench.pump().0, [(2, Seen::Message(3, 2)), (2, Seen::Message(4, 3))]);
    // Nameless consumers replace nobody.
    assert_eq!(bench.attach(3, WIDE, Overflow::DropOldest).replaced, None);
    assert_eq!(bench.attach(4, WIDE, Overflow::DropOldest).replaced, None);
}

#[test]
fn the_name_longest_unused_makes_room() {
    let mut bench = Bench::new(100, 100);
    bench.delivery.names = Names::new(2);
    for (link, name) in [(1, "a"), (2, "b"), (3, "c")] {
        bench.resume(link, name, Cursor::default());
        bench.delivery.close(LinkId(link));
    }
    bench.deliver(1);
    assert_eq!(bench.resume(4, "b", Cursor::default()).cursor.counter, 1);
    assert_eq!(bench.delivery.forgotten(), 1);
    assert_eq!(bench.resume(5, "a", Cursor::default()).cursor.counter, 2, "forgotten: from now on");
}

#[test]
fn the_ring_is_bounded_by_bytes_and_keeps_the_newest() {
    let mut ring = MemoryRing::new(100, 25);
    let entry = |bytes: usize| Entry::Message { topic: "t".into(), id: pmq_pipeline::testing::id(1), payload: vec![0; bytes].into() };
    assert_eq!((ring.append(entry(10)), ring.append(entry(10))), (2, 3));
    ring.append(entry(10));
    assert_eq!((ring.first(), ring.next()), (3, 5));
    ring.append(entry(500));
    assert_eq!((ring.first(), ring.next()), (5, 6), "alone, although it is larger than the bound");
    assert!(ring.read(4).is_none() && ring.read(5).is_some() && ring.read(6).is_none());
}

#[test]
fn settings_that_cannot_work_are_refused_by_key() {
    let refused = |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.into_part(&network()).err().map(|error| error.key)
    };
    assert_eq!(refused(|settings| settings.ring_messages = 0), Some("ring_messages".into()));
    assert_eq!(refused(|settings| settings.ring_bytes = ByteSize(0)), Some("ring_bytes".into()));
    assert_eq!(refused(|settings| settings.ring_messages = 10), Some("max_lag".into()), "the lag is above the ring");
    assert_eq!(refused(|_| ()), None);
}
