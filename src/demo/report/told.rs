//! What one consumer was told of one network, and which missing reports its records can stand for.
//!
//! # Invariants
//! - Sets are compared round by round: a record that comes at another time than a round's own excuses nothing.
//! - A record of `count` messages excuses at most `count` rounds.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::account::{Account, Sent};
use super::facts::{Fact, Nanos, Place};
use crate::oracle::{Kind, Network, Round};

/// The verdict deadline in `configs/`, after which an agent reports a message as unverified.
const DEADLINE: Nanos = 4_000_000_000;
/// Road from the publish call to the agent, two gossip rounds at most, and back from it to the consumer's file.
const SLACK: Nanos = 3_000_000_000;

/// What one consumer was told about one network.
pub(super) struct Told {
    /// First delivery of each round.
    pub(super) rounds: HashMap<Round, Nanos>,
    /// All deliveries in order, without those that were merely repeated after a restart.
    all: Vec<(Round, String)>,
    pub(super) unverified: u64,
    pub(super) gaps: u64,
    records: Vec<Record>,
    /// Delivered rounds by their place, to find a gap's neighbours.
    places: BTreeMap<Place, Round>,
    /// From the last fact of one process to the first of the next.
    down: Vec<(Nanos, Nanos)>,
}

/// A record that stands for messages.
struct Record {
    at: Nanos,
    count: u64,
    /// Of a gap, its place in the stream.
    gap: Option<Place>,
}

impl Told {
    pub(super) fn of(account: &Account, network: Network) -> Self {
        let (records, places, down) = (Vec::new(), BTreeMap::new(), Vec::new());
        let mut told = Self { rounds: HashMap::new(), all: Vec::new(), unverified: 0, gaps: 0, records, places, down };
        // After a restart the records that were not acknowledged come again, with the same place in the stream.
        let mut known = HashSet::new();
        let mut before = None;
        for fact in &account.facts {
            match fact {
                Fact::Up { at } => told.down.extend(before.map(|before| (before, *at))),
                Fact::Delivered { at, round, print, place } if round.network == network => {
                    told.rounds.entry(*round).or_insert(*at);
                    told.places.insert(*place, *round);
                    if known.insert(("delivered", *place)) {
                        told.all.push((*round, print.clone()));
                    }
                }
                Fact::Unverified { at, topic, count, place, .. } if topic == network.reports() && known.insert(("unverified", *place)) => {
                    told.unverified += count;
                    told.records.push(Record { at: *at, count: *count, gap: None });
                }
                Fact::Gap { at, network: of, count, place } if of == network.name() && known.insert(("gap", *place)) => {
                    told.gaps += count;
                    told.records.push(Record { at: *at, count: *count, gap: Some(*place) });
                }
                _ => {}
            }
            before = Some(fact.at());
        }
        told.records.sort_by_key(|record| record.at);
        told
    }

    /// Published rounds that never came and that no record can stand for.
    ///
    /// Rounds and records are both intervals in time, so the earliest round with the earliest record that fits leaves the fewest over.
    pub(super) fn lost(&self, sent: &BTreeMap<Round, Sent>) -> Vec<Round> {
        let mut missing: Vec<_> = sent.iter().filter(|(round, _)| !self.rounds.contains_key(round)).collect();
        missing.sort_by_key(|(_, sent)| sent.at);
        let mut left: Vec<_> = self.records.iter().map(|record| record.count).collect();
        let mut lost = Vec::new();
        for (round, one) in missing {
            let mut fits = self.records.iter().zip(&mut left).filter(|(record, left)| **left > 0 && self.fits(record, one, sent));
            match fits.next() {
                Some((_, left)) => *left -= 1,
                None => lost.push(*round),
            }
        }
        lost
    }

    fn fits(&self, record: &Record, round: &Sent, sent: &BTreeMap<Round, Sent>) -> bool {
        if record.at < round.at {
            return false;
        }
        let Some(place) = record.gap else { return record.at <= self.latest(round.last) };
        // Streams do not mix: the neighbours are those with the same first half of the place.
        let at = |found: Option<(&Place, &Round)>| found.and_then(|(_, round)| sent.get(round));
        let before = at(self.places.range((place.0, 0)..place).next_back());
        let after = at(self.places.range(place..=(place.0, Nanos::MAX)).next());
        // Verdicts come in another order than messages, though within the deadline.
        before.is_none_or(|before| before.at <= round.last + DEADLINE) && after.is_none_or(|after| round.at <= after.last + DEADLINE)
    }

    /// When the consumer hears at the latest that a message of that moment had no verdict: what falls into an outage waits for its end.
    fn latest(&self, sent: Nanos) -> Nanos {
        let due = sent + DEADLINE + SLACK;
        let waits = self.down.iter().filter(|(from, _)| *from <= due).map(|(_, up)| up + SLACK);
        waits.fold(due, Nanos::max)
    }

    /// Deliveries that must not be: falsified bytes, a round that nobody honest published, a repetition by the dishonest node, or a report
    /// that is far too old. (Two honest transmitters may publish one round's report with other signers, when the second one took over.)
    pub(super) fn invalid(&self, attempted: &HashSet<Round>, lies: &HashMap<&str, Kind>, validity: u64) -> u64 {
        let (mut invalid, mut newest, mut seen) = (0, 0, HashSet::new());
        for (round, print) in &self.all {
            let had = !seen.insert(round);
            let lie = lies.get(print.as_str()).is_some_and(|kind| had || !matches!(kind, Kind::Replay | Kind::Expired));
            let expired = u64::saturating_sub(newest, round.seq) > validity;
            invalid += u64::from(lie || expired || !attempted.contains(round));
            newest = newest.max(round.seq);
        }
        invalid
    }
}
