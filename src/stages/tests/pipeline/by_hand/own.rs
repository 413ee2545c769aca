//! What our own parent publishes.

use std::time::Instant;

use super::plan;
use super::world::payload;
use pmq_pipeline::testing::{arrival, number};
use pmq_pipeline::{LinkId, Outcome, Pipeline};
use pmq_protocol::wire::{ConsumerTerms, Cursor, Reason, Record, Verdict, Window};

const NUMBERED: &str = "[[stage]]\nuse = 'admission'\nin_flight = 1\n[[stage]]\nuse = 'decode'\ncodec = 'pmq'\n[[stage]]\nuse = 'sequence-window'\n\
    [[stage]]\nuse = 'validation-queue'\n[[stage]]\nuse = 'delivery'\n";

fn arrive(pipeline: &mut Pipeline, id: u64, seq: u64, content: u8) -> Option<Outcome> {
    let now = Instant::now();
    pipeline.arrive(&mut vec![arrival(id, payload(1, seq, content, 10), now)], now).unwrap();
    let mut reports: Vec<_> = pipeline.reports().drain(..).map(|report| (number(&report.id), report.outcome)).collect();
    assert!(reports.len() <= 1);
    reports.pop().map(|(of, outcome)| {
        assert_eq!(of, id);
        outcome
    })
}

#[test]
fn own_numbers_are_seen_and_take_no_quota() {
    for deliver in [true, false] {
        let mut pipeline = Pipeline::new(&plan(NUMBERED), 1);
        let now = Instant::now();
        let window = Window { messages: 9, bytes: 1 << 20 };
        pipeline.delivery.open(LinkId(1), &ConsumerTerms { name: "".into(), cursor: Cursor::default(), window, policy: None });
        for seq in [99, 100] {
            pipeline.own(arrival(seq, payload(1, seq, 1, 10), now), deliver, now).unwrap();
        }
        pipeline.own(arrival(101, vec![7; 3], now), deliver, now).unwrap();
        assert!(pipeline.reports().is_empty(), "the router asked nothing");
        assert_eq!((pipeline.tally().came_in(), pipeline.in_flight()), (0, 0));
        let ignored = |reason| Some(Outcome { verdict: Verdict::Ignore, reason });
        assert_eq!(arrive(&mut pipeline, 1, 100, 1), ignored(Reason::Duplicate), "a peer's copy under another id");
        assert_eq!(arrive(&mut pipeline, 2, 100, 2), ignored(Reason::Conflict), "another content under our number");
        assert_eq!(arrive(&mut pipeline, 3, 101, 1), None, "the next number is welcome, and there is room for it");
        let (mut out, mut cut) = (Vec::new(), Vec::new());
        pipeline.pump(&mut out, &mut cut);
        let delivered = out.iter().filter(|shipment| matches!(shipment.record, Record::Message { .. })).count();
        assert_eq!(delivered, if deliver { 3 } else { 0 });
    }
}
