//! A pipeline, everything around it, and what must hold after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use pmq_pipeline::testing::{OWN_CAUSES, id, number, topic};
use pmq_pipeline::{Arrival, LinkId, Outcome, Peer, Pipeline, Plan, TopicTally, VerdictEffect, VerifierRole, VerifierTerms};
use pmq_protocol::wire::{ConsumerTerms, Cursor, HeaderOrigin, PmqHeader, Reason, Record, Ticket, Verdict, VerdictRefused, Window};
use std::time::{Duration, Instant};

/// A consumer that never loses anything: what it is delivered is what the pipeline let out.
const WITNESS: LinkId = LinkId(1_000_000);
/// Numbers from here on are our own publications.
const OWN: u64 = 1 << 40;

pub(super) struct World {
    pub(super) pipeline: Pipeline,
    pub(super) now: Instant,
    pub(super) arrived: u64,
    pub(super) own: u64,
    pub(super) reports: BTreeMap<u64, Outcome>,
    pub(super) delivered: BTreeMap<u64, u32>,
    pub(super) unverified: u64,
    /// Every offer ever made: to whom, which ticket, which message.
    pub(super) offers: Vec<(LinkId, Ticket, u64)>,
    pub(super) links: Vec<LinkId>,
    pub(super) gone: Vec<LinkId>,
    /// By verdict, the messages to which it was applied.
    pub(super) judged: BTreeMap<u64, Verdict>,
    pub(super) refused: BTreeSet<u8>,
    /// Accepts of earlier groups, by message.
    pub(super) passed: BTreeMap<u64, usize>,
    groups: Vec<Arc<str>>,
    pub(super) shadows: Vec<LinkId>,
    /// Every offer to a shadow.
    pub(super) shown: Vec<(LinkId, Ticket)>,
    last_link: u32,
}

pub(super) fn payload(origin: u8, seq: u64, content: u8, size: usize) -> Vec<u8> {
    let body = vec![content; size.max(1)];
    let mut out = Vec::new();
    PmqHeader { origin: HeaderOrigin::Short([origin; 20]), epoch: 0, seq, content: body.len() as u32 }.write(&mut out);
    out.extend_from_slice(&body);
    out
}

impl World {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut pipeline = Pipeline::new(plan, 9);
        let window = Window { messages: u32::MAX, bytes: u64::MAX };
        pipeline.delivery.open(WITNESS, &ConsumerTerms { name: Arc::from(""), cursor: Cursor::default(), window, policy: None });
        Self {
            pipeline,
            now: Instant::now(),
            arrived: 0,
            own: 0,
            reports: BTreeMap::new(),
            delivered: BTreeMap::new(),
            unverified: 0,
            offers: Vec::new(),
            links: Vec::new(),
            gone: Vec::new(),
            judged: BTreeMap::new(),
            refused: BTreeSet::new(),
            passed: BTreeMap::new(),
            groups: plan.queue.groups(),
            shadows: Vec::new(),
            shown: Vec::new(),
            last_link: 0,
        }
    }

    pub(super) fn arrive(&mut self, messages: impl IntoIterator<Item = (u32, u32, Vec<u8>)>) -> Result<(), TestCaseError> {
        let mut arrivals: Vec<Arrival> = Vec::new();
        for (peer, index, payload) in messages {
            self.arrived += 1;
            let arrival =
                Arrival { peer: Peer(peer), topic: topic(index), id: id(self.arrived), payload: payload.into(), arrived: self.now };
            arrivals.push(arrival);
        }
        self.pipeline.arrive(&mut arrivals, self.now).unwrap();
        prop_assert!(arrivals.is_empty());
        self.check()
    }

    pub(super) fn own(&mut self, payload: Vec<u8>) {
        self.own += 1;
        let id = id(OWN + self.own);
        let arrival = Arrival { peer: Peer(0), topic: topic(0), id, payload: payload.into(), arrived: self.now };
        self.pipeline.own(arrival, true, self.now).unwrap();
    }

    /// In that group of the chain.
    pub(super) fn attach(&mut self, messages: u32, bytes: u64, group: usize) {
        let name = self.groups.get(group % self.groups.len().max(1)).cloned().unwrap_or_else(|| "".into());
        let link = self.join(Window { messages, bytes }, VerifierRole::Group(name));
        self.links.push(link);
    }

    pub(super) fn shadow(&mut self, messages: u32, bytes: u64) {
        let link = self.join(Window { messages, bytes }, VerifierRole::Shadow);
        self.shadows.push(link);
    }

    fn join(&mut self, window: Window, seat: VerifierRole) -> LinkId {
        self.last_link += 1;
        let link = LinkId(self.last_link);
        assert!(self.pipeline.queue.attach(link, VerifierTerms { window, seat }, self.now));
        link
    }

    /// A shadow says something, and nothing of the pipeline changes.
    pub(super) fn shadow_says(&mut self, link: LinkId, ticket: Ticket, verdict: Verdict) -> Result<(), TestCaseError> {
        let before = (self.pipeline.in_flight(), self.pipeline.queue.len(), self.pipeline.queue.bytes(), self.pipeline.tally().settled());
        let heard = self.pipeline.verdict(link, ticket, verdict, self.now);
        prop_assert!(heard.is_err() || heard == Ok(VerdictEffect::Shadow));
        let after = (self.pipeline.in_flight(), self.pipeline.queue.len(), self.pipeline.queue.bytes(), self.pipeline.tally().settled());
        prop_assert_eq!(after, before, "a shadow's verdict changed something");
        Ok(())
    }

    pub(super) fn detach(&mut self, link: LinkId) {
        self.links.retain(|other| *other != link);
        self.shadows.retain(|other| *other != link);
        self.gone.push(link);
        self.pipeline.queue.detach(link, self.now);
    }

    pub(super) fn verdict(&mut self, link: LinkId, ticket: Ticket, verdict: Verdict) -> Result<(), TestCaseError> {
        let before = (self.pipeline.in_flight(), self.pipeline.queue.len());
        match self.pipeline.verdict(link, ticket, verdict, self.now) {
            Ok(VerdictEffect::Shadow) => {
                prop_assert!(self.shadows.contains(&link));
                prop_assert_eq!((self.pipeline.in_flight(), self.pipeline.queue.len()), before, "a shadow's verdict changed something");
            }
            Ok(VerdictEffect::Counted(_)) => {
                let offer = self.offers.iter().rev().find(|(_, offered, _)| *offered == ticket);
                let Some(&(holder, _, message)) = offer else { return Err(TestCaseError::fail("a verdict for what was never offered")) };
                prop_assert_eq!(holder, link, "only whoever holds it may judge it");
                prop_assert!(!self.judged.contains_key(&message), "two verdicts took effect");
                let passed = self.passed.get(&message).copied().unwrap_or(0);
                if verdict == Verdict::Accept && passed + 1 < self.groups.len() {
                    self.passed.insert(message, passed + 1);
                    prop_assert_eq!((self.pipeline.in_flight(), self.pipeline.queue.len()), before, "it goes on to the next group");
                } else {
                    self.judged.insert(message, verdict);
                    prop_assert_eq!(self.pipeline.queue.len(), before.1 - 1);
                }
            }
            Err(why) => {
                self.refused.insert(why as u8);
                prop_assert_eq!((self.pipeline.in_flight(), self.pipeline.queue.len()), before, "a refused verdict changed something");
                if why == VerdictRefused::Unknown && !self.shadows.contains(&link) {
                    prop_assert!(!self.offers.iter().any(|(_, offered, _)| *offered == ticket));
                }
            }
        }
        Ok(())
    }

    pub(super) fn hand_out(&mut self) -> Result<(), TestCaseError> {
        let mut out = Vec::new();
        self.pipeline.hand_out(self.now, &mut out);
        for (link, offer) in out {
            prop_assert!(offer.deadline > self.now);
            if self.shadows.contains(&link) {
                self.shown.push((link, offer.ticket));
                continue;
            }
            prop_assert!(self.links.contains(&link), "an offer to a verifier that is gone");
            let message = number(&offer.id);
            prop_assert!(!self.reports.contains_key(&message), "an offer of what is settled");
            self.offers.push((link, offer.ticket, message));
        }
        Ok(())
    }

    pub(super) fn pump(&mut self) -> Result<(), TestCaseError> {
        let (mut out, mut cut) = (Vec::new(), Vec::new());
        self.pipeline.pump(&mut out, &mut cut);
        for shipment in out.into_iter().filter(|shipment| shipment.link == WITNESS) {
            match shipment.record {
                Record::Message { id, .. } => *self.delivered.entry(number(&id)).or_default() += 1,
                Record::Unverified { count, .. } => self.unverified += count,
                Record::Gap { .. } => return Err(TestCaseError::fail("the witness lost something")),
            }
        }
        Ok(())
    }

    /// What must hold after every step.
    pub(super) fn check(&mut self) -> Result<(), TestCaseError> {
        for report in self.pipeline.reports().drain(..) {
            let message = number(&report.id);
            prop_assert!(self.reports.insert(message, report.outcome).is_none(), "message {message} was reported twice");
            let Outcome { verdict, reason } = report.outcome;
            prop_assert!(verdict != Verdict::Reject || reason.sender_at_fault(), "a Reject for {reason:?}");
            if reason == Reason::Verified {
                prop_assert_eq!(self.judged.get(&message), Some(&verdict), "not the verdict that was given");
                prop_assert!(verdict != Verdict::Reject || !self.passed.contains_key(&message), "a Reject behind an Accept");
                prop_assert!(verdict != Verdict::Accept || self.passed.get(&message).map_or(1, |passed| passed + 1) >= self.groups.len());
            }
            if reason == Reason::VerifierConflict {
                prop_assert_eq!((verdict, self.judged.get(&message)), (Verdict::Ignore, Some(&Verdict::Reject)));
                prop_assert!(self.passed.contains_key(&message), "a conflict of one verdict");
            }
            prop_assert_eq!(report.said.map(|said| said.verdict), self.judged.get(&message).copied(), "the report lacks what was said");
        }
        self.pump()?;
        let tally = self.pipeline.tally();
        prop_assert_eq!(tally.came_in(), self.arrived);
        prop_assert_eq!(tally.came_in(), tally.settled() + self.pipeline.in_flight(), "the book does not add up");
        prop_assert_eq!(tally.settled(), self.reports.len() as u64);
        let booked: u64 = tally.topics().iter().flat_map(TopicTally::iter).map(|(_, count)| count).sum();
        prop_assert_eq!(booked, tally.settled(), "outcomes are missing from the book");
        for (&message, &times) in &self.delivered {
            prop_assert_eq!(times, 1, "message {} was delivered twice", message);
            let accepted = self.reports.get(&message).is_some_and(|outcome| outcome.verdict == Verdict::Accept);
            prop_assert!(accepted || message > OWN, "message {message} was delivered without an Accept");
        }
        Ok(())
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.pipeline.tick(self.now).unwrap();
    }

    /// Settles the rest, and then every message has exactly one end.
    pub(super) fn finish(&mut self) -> Result<(), TestCaseError> {
        self.pipeline.flush(Reason::Shutdown);
        self.pipeline.settle(self.now).unwrap();
        self.check()?;
        prop_assert_eq!(self.pipeline.in_flight(), 0);
        prop_assert_eq!(self.reports.len() as u64, self.arrived, "a message has no report");
        let accepted = self.reports.values().filter(|outcome| outcome.verdict == Verdict::Accept).count() as u64;
        prop_assert_eq!(self.delivered.len() as u64, accepted + self.own, "accepted and not delivered");
        let lost =
            self.reports.values().filter(|outcome| outcome.verdict != Verdict::Accept && OWN_CAUSES.contains(&outcome.reason)).count();
        prop_assert_eq!(self.unverified, lost as u64, "consumers are not told of every message that we lost");
        Ok(())
    }
}
