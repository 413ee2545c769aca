//! What a parent does of its own accord. Messages and time in, publishes out; no IO.

use std::collections::HashSet;
use std::time::Duration;

use super::{Part, Setup};
use crate::oracle::{
    Assembly, Identity, Kind, Liar, Lie, Network, Output, Report, Round, fingerprint, observe, open_internal, open_report,
};
use crate::report::facts::Nanos;

/// Lies told per second, over all networks.
const LIES_PER_SECOND: f64 = 4.0;
/// When falsified reports begin at the latest, as a part of the run.
const FALSIFY_AT: f64 = 0.55;

/// Something to be published.
#[derive(Debug, Clone)]
pub(crate) struct Send {
    /// Where.
    pub(crate) topic: &'static str,
    /// The bytes.
    pub(crate) payload: Vec<u8>,
    /// The round, if it is an honest report.
    pub(crate) report: Option<Round>,
    /// What is wrong with it, if it is a lie.
    pub(crate) lie: Option<Lie>,
}

/// A parent's will.
#[derive(Debug)]
pub(crate) enum Actor {
    /// Observes, signs, transmits.
    Member(Box<Member>),
    /// Listens and lies.
    Dishonest(Box<Dishonest>),
    /// Does nothing.
    Witness,
}

impl Actor {
    /// Rounds begin at `start`; a process that comes later takes part from the next one on.
    pub(crate) fn start(&mut self, start: Nanos, now: Nanos) {
        match self {
            Self::Member(member) => member.clock.start(start, now),
            Self::Dishonest(dishonest) => dishonest.clock.start(start, now),
            Self::Witness => {}
        }
    }

    /// An accepted message was delivered.
    pub(crate) fn delivered(&mut self, topic: &str, payload: &[u8], now: Nanos) -> Vec<Send> {
        match self {
            Self::Member(member) => member.delivered(topic, payload, now),
            Self::Dishonest(dishonest) => {
                dishonest.delivered(topic, payload);
                Vec::new()
            }
            Self::Witness => Vec::new(),
        }
    }

    /// Time passes. To be called about every 20 ms.
    pub(crate) fn tick(&mut self, now: Nanos) -> Vec<Send> {
        match self {
            Self::Member(member) => member.tick(now),
            Self::Dishonest(dishonest) => dishonest.tick(now),
            Self::Witness => Vec::new(),
        }
    }
}

/// Beats at a rate from a common start, for a while.
#[derive(Debug)]
pub(crate) struct Beat {
    rate: f64,
    last: u64,
    phase: Nanos,
    start: Option<Nanos>,
    next: u64,
}

impl Beat {
    pub(crate) fn new(rate: f64, seconds: f64) -> Self {
        // At most 50 a second for an hour.
        Self { rate, last: (rate * seconds).floor() as u64, phase: 0, start: None, next: 1 }
    }

    /// Begins that part of a beat later.
    fn behind(mut self, part: f64) -> Self {
        self.phase = (part / self.rate * 1e9) as Nanos;
        self
    }

    fn start(&mut self, start: Nanos, now: Nanos) {
        let start = start + self.phase;
        self.start = Some(start);
        let gone = now.saturating_sub(start) as f64 / 1e9 * self.rate;
        self.next = if now <= start { 1 } else { gone.floor() as u64 + 2 };
    }

    /// The next beat, if its time has come. Numbers start at 1.
    fn due(&mut self, now: Nanos) -> Option<u64> {
        let start = self.start?;
        let at = start + ((self.next - 1) as f64 / self.rate * 1e9) as Nanos;
        if self.next > self.last || now < at {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }
}

/// An honest node of a network.
#[derive(Debug)]
pub(crate) struct Member {
    me: Identity,
    assembly: Assembly,
    clock: Beat,
    rows: Vec<i64>,
    seed: u64,
    epoch: u64,
}

impl Member {
    /// A node with its observations.
    pub(crate) fn new(me: Identity, setup: &Setup, rows: Vec<i64>) -> Self {
        // Three rounds' distance, and time enough for two exchanges on a busy machine.
        let takeover = Duration::from_secs_f64((3.0 / setup.rate).clamp(0.6, 2.0));
        let assembly = Assembly::new(me.clone(), setup.epoch, takeover);
        // Networks know nothing of each other's rounds: they do not all begin at the same moment.
        let place = setup.networks.iter().position(|network| *network == me.network).unwrap_or_default();
        let clock = Beat::new(setup.rate, setup.seconds).behind(place as f64 / setup.networks.len().max(1) as f64);
        Self { me, assembly, clock, rows, seed: setup.seed, epoch: setup.epoch }
    }

    fn delivered(&mut self, topic: &str, payload: &[u8], now: Nanos) -> Vec<Send> {
        if topic == self.me.network.shares() {
            // The agent delivers what this very process has accepted, so it can be read.
            let Ok((_, message)) = open_internal(payload) else { return Vec::new() };
            let out = self.assembly.hear(message, Duration::from_nanos(now));
            return self.sends(out);
        }
        if topic == self.me.network.reports()
            && let Ok((_, report)) = open_report(payload)
        {
            self.assembly.finished(report.body.round);
        }
        Vec::new()
    }

    fn tick(&mut self, now: Nanos) -> Vec<Send> {
        let mut out = Vec::new();
        while let Some(seq) = self.clock.due(now) {
            let round = Round { network: self.me.network, epoch: self.epoch, seq };
            // There is at least one row, so the remainder is one of them.
            let index = usize::try_from((seq - 1) % self.rows.len() as u64).unwrap_or_default();
            let truth = self.rows.get(index).copied().unwrap_or_default();
            out.extend(self.assembly.begin(seq, observe(truth, self.seed, round, self.me.node), Duration::from_nanos(now)));
        }
        out.extend(self.assembly.tick(Duration::from_nanos(now)));
        self.sends(out)
    }

    fn sends(&self, out: Vec<Output>) -> Vec<Send> {
        let network = self.me.network;
        let internal = |message: crate::oracle::Internal| {
            let origin = self.me.roster.origin(network, self.me.node).unwrap_or_default();
            Send { topic: network.shares(), payload: message.seal(origin), report: None, lie: None }
        };
        let outbound =
            |report: Report| Send { topic: network.reports(), payload: report.seal(), report: Some(report.body.round), lie: None };
        out.into_iter()
            .map(|output| match output {
                Output::Internal(message) => internal(message),
                Output::Report(report) => outbound(report),
            })
            .collect()
    }
}

/// The dishonest node: first it only repeats, which costs it nothing, then it sends what is too old, then what is false.
#[derive(Debug)]
pub(crate) struct Dishonest {
    liar: Liar,
    clock: Beat,
    networks: Vec<Network>,
    falsify_from: u64,
    /// Fingerprints of its own messages, which come back by loopback. Bounded by the run's length.
    told: HashSet<String>,
    /// Old reports were sent, so from now on everything is.
    expired: bool,
}

impl Dishonest {
    /// A liar with the run's seed.
    pub(crate) fn new(setup: &Setup) -> Self {
        let clock = Beat::new(LIES_PER_SECOND, setup.seconds);
        let falsify_from = (LIES_PER_SECOND * setup.seconds * FALSIFY_AT) as u64;
        let liar = Liar::new(setup.seed, setup.nodes, setup.ages);
        Self { liar, clock, networks: setup.networks.clone(), falsify_from, told: HashSet::new(), expired: false }
    }

    fn tick(&mut self, now: Nanos) -> Vec<Send> {
        let mut out = Vec::new();
        while let Some(beat) = self.clock.due(now) {
            let Some(network) = self.networks.get((beat % self.networks.len().max(1) as u64) as usize).copied() else { continue };
            let kind = self.choose(beat);
            let Some(lie) = self.liar.lie(network, kind) else { continue };
            self.expired |= kind == Kind::Expired;
            self.told.insert(fingerprint(&lie.bytes));
            out.push(Send { topic: network.reports(), payload: lie.bytes.clone(), report: None, lie: Some(lie) });
        }
        out
    }

    /// Learns from others alone: whoever believes his own lies does not know how old a report is.
    fn delivered(&mut self, topic: &str, payload: &[u8]) {
        if let (Some(_), Ok((_, report))) = (Network::from_reports(topic), open_report(payload))
            && !self.told.contains(&fingerprint(payload))
        {
            self.liar.hear(report);
        }
    }

    fn choose(&self, beat: u64) -> Kind {
        let turn = beat / self.networks.len().max(1) as u64;
        if self.expired || beat >= self.falsify_from {
            // Each kind in turn, on every network.
            let index = turn % Kind::ALL.len() as u64;
            return Kind::ALL.get(index as usize).copied().unwrap_or(Kind::Forged);
        }
        if turn.is_multiple_of(2) { Kind::Replay } else { Kind::Expired }
    }
}

/// The will that belongs to a part.
pub(crate) fn actor(setup: &Setup, member: Option<(Identity, Vec<i64>)>) -> Actor {
    match (setup.part, member) {
        (Part::Member, Some((me, rows))) => Actor::Member(Box::new(Member::new(me, setup, rows))),
        (Part::Dishonest, _) => Actor::Dishonest(Box::new(Dishonest::new(setup))),
        (Part::Member | Part::Witness, _) => Actor::Witness,
    }
}

#[cfg(test)]
#[path = "actor_tests.rs"]
mod tests;
