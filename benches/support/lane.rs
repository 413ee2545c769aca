//! A network's pipeline with a verifier and a consumer that answer at once, without links and without a driver's loop.

#![allow(clippy::unwrap_used, reason = "a bench ends where its set-up is wrong")]

use std::time::Instant;

use pmq_bench::rig::plan;
use pmq_pipeline::{Arrival, LinkId, Pipeline, Shipment};
use pmq_protocol::wire::{ConsumerTerms, Cursor, Offer, Record, Verdict, Window};

const LINK: LinkId = LinkId(1);

pub(crate) struct Lane {
    pipeline: Pipeline,
    offers: Vec<(LinkId, Offer)>,
    shipments: Vec<Shipment>,
    cut: Vec<LinkId>,
    /// Messages that the consumer has got.
    pub(crate) delivered: u64,
}

impl Lane {
    pub(crate) fn new(stages: &str) -> Self {
        let mut pipeline = Pipeline::new(&plan(stages).unwrap(), 1);
        let window = Window { messages: 4_096, bytes: 64 << 20 };
        pipeline.queue.attach(LINK, window.into(), Instant::now());
        pipeline.delivery.open(LINK, &ConsumerTerms { name: "".into(), cursor: Cursor::default(), window, policy: None });
        Self { pipeline, offers: Vec::new(), shipments: Vec::new(), cut: Vec::new(), delivered: 0 }
    }

    /// One batch in and out again, as the driver does it.
    pub(crate) fn turn(&mut self, batch: &mut Vec<Arrival>) {
        let now = Instant::now();
        self.pipeline.arrive(batch, now).unwrap();
        self.pipeline.hand_out(now, &mut self.offers);
        let bytes = self.offers.iter().map(|(_, offer)| offer.payload.len() as u64).sum();
        self.pipeline.queue.released(LINK, self.offers.len() as u32, bytes);
        for (link, offer) in self.offers.drain(..) {
            self.pipeline.verdict(link, offer.ticket, Verdict::Accept, now).unwrap();
        }
        self.pipeline.settle(now).unwrap();
        assert!(self.pipeline.reports().drain(..).all(|report| report.outcome.verdict == Verdict::Accept));
        self.pipeline.pump(&mut self.shipments, &mut self.cut);
        let mut last = 0;
        for shipment in self.shipments.drain(..) {
            if let Record::Message { counter, .. } = shipment.record {
                last = counter;
                self.delivered += 1;
            }
        }
        self.pipeline.delivery.ack(LINK, last);
    }

    pub(crate) fn tick(&mut self) {
        self.pipeline.tick(Instant::now()).unwrap();
    }
}
