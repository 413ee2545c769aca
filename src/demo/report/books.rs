//! The arithmetic of the summary: sets of what was sent against sets of what arrived.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::account::{Account, Role, Sent};
use super::facts::{Fact, Nanos};
use super::told::Told;
use crate::oracle::{Kind, Network, Round};

/// One planned kill.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kill {
    /// When the signal was sent.
    pub(crate) killed: Nanos,
    /// When the next process was started.
    pub(crate) restarted: Nanos,
}

/// Everything that the summary is computed from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    /// All nodes.
    pub(crate) accounts: Vec<Account>,
    /// Whose parent was killed: index into the accounts.
    pub(crate) victim: Option<usize>,
    /// Who sees only what the victim forwards: index into the accounts.
    pub(crate) witness: Option<usize>,
    /// The kills, in order.
    pub(crate) kills: Vec<Kill>,
    /// The window's validity threshold.
    pub(crate) validity: u64,
}

/// One network's line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Rounds that were published.
    pub(crate) published: u64,
    /// Published rounds times live consumers.
    pub(crate) expected: u64,
    /// Pairs of round and consumer that came together.
    pub(crate) delivered: u64,
    /// Pairs that did not, and that no record accounts for.
    pub(crate) lost: u64,
    /// Messages that consumers were told had no verdict.
    pub(crate) unverified: u64,
    /// Messages that consumers were told are missing.
    pub(crate) gaps: u64,
    /// Invalid messages that the dishonest node published.
    pub(crate) lies: u64,
    /// Deliveries of invalid messages, a repeated report among them.
    pub(crate) lies_delivered: u64,
    /// Invalid messages that reached somebody who is no neighbour of the dishonest node.
    pub(crate) lies_forwarded: u64,
    /// Microseconds from publish call to consumer, the publisher's own not counted.
    pub(crate) end_to_end: Vec<u64>,
}

/// One kill's line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outage {
    /// Messages that the witness got from the victim's agent meanwhile and that nobody had accepted.
    pub(crate) forwarded: u64,
    /// Reports that the victim never got.
    pub(crate) missed: u64,
    /// Those of them for which it has no record.
    pub(crate) lost: u64,
    /// Messages that the restarted process was told had no verdict.
    pub(crate) unverified: u64,
    /// Nanoseconds from the restart to the first delivery.
    pub(crate) resumed: Option<Nanos>,
}

impl Books {
    /// What honest nodes published of one network.
    ///
    /// A publish that was not answered counts if somebody else got the report: the process may have been killed in between. So does one
    /// whose publisher was killed by somebody right after it.
    pub(super) fn published(&self, network: Network) -> Published {
        let mut all: BTreeMap<Round, Sent> = BTreeMap::new();
        for (index, account) in self.honest() {
            let answered: HashMap<&str, Nanos> = account
                .facts
                .iter()
                .filter_map(|fact| match fact {
                    Fact::Published { at, print, error: None, .. } => Some((print.as_str(), *at)),
                    _ => None,
                })
                .collect();
            for fact in &account.facts {
                if let Fact::Publishing { at, report: Some(round), print, .. } = fact
                    && round.network == network
                {
                    let answer = answered.get(print.as_str()).copied();
                    let sent = all.entry(*round).or_insert(Sent { at: *at, last: *at, by: BTreeSet::new(), sure: false });
                    sent.at = sent.at.min(*at);
                    sent.last = sent.last.max(*at).max(answer.unwrap_or_default());
                    sent.by.insert(index);
                    sent.sure |= account.live && answer.is_some();
                }
            }
        }
        for (index, account) in self.honest() {
            for fact in &account.facts {
                if let Fact::Delivered { round, .. } = fact
                    && let Some(sent) = all.get_mut(round)
                {
                    sent.sure |= !sent.by.contains(&index);
                }
            }
        }
        let attempted = all.keys().copied().collect();
        all.retain(|_, sent| sent.sure);
        Published { sent: all, attempted }
    }

    fn honest(&self) -> impl Iterator<Item = (usize, &Account)> {
        self.accounts.iter().enumerate().filter(|(_, account)| account.role == Role::Honest)
    }

    /// The dishonest node's messages on one topic.
    fn lies(&self, topic: &str) -> HashMap<&str, Kind> {
        let dishonest = self.accounts.iter().filter(|account| account.role == Role::Dishonest);
        let lies = dishonest.flat_map(|account| &account.facts).filter_map(|fact| match fact {
            Fact::Lied { topic: on, kind, print, .. } if on == topic => Some((print.as_str(), *kind)),
            _ => None,
        });
        lies.collect()
    }

    /// Compares what one network sent with what everybody got.
    pub(crate) fn tally(&self, network: Network) -> Tally {
        let topic = network.reports();
        let published = self.published(network);
        let count = published.sent.len() as u64;
        let lies = self.lies(topic);
        let mut tally = Tally { published: count, lies: lies.len() as u64, ..Tally::default() };
        for (index, account) in self.honest() {
            let told = Told::of(account, network);
            tally.lies_delivered += told.invalid(&published.attempted, &lies, self.validity);
            if !account.live {
                continue;
            }
            let delivered = published.sent.keys().filter(|round| told.rounds.contains_key(round)).count() as u64;
            tally.expected += count;
            tally.delivered += delivered;
            tally.unverified += told.unverified;
            tally.gaps += told.gaps;
            tally.lost += told.lost(&published.sent).len() as u64;
            for (round, sent) in &published.sent {
                if let (Some(at), false) = (told.rounds.get(round), sent.by.contains(&index)) {
                    tally.end_to_end.push(at.saturating_sub(sent.at) / 1000);
                }
            }
        }
        tally.lies_forwarded = self.forwarded(topic, &lies);
        tally
    }

    /// Invalid messages that got past the dishonest node's neighbours.
    fn forwarded(&self, topic: &str, lies: &HashMap<&str, Kind>) -> u64 {
        let beyond = self.accounts.iter().filter(|account| account.role != Role::Dishonest && !account.beside_dishonest);
        let got = beyond.flat_map(|account| &account.facts).filter_map(|fact| match fact {
            Fact::Judged { topic: on, print, .. } if on == topic && lies.contains_key(print.as_str()) => Some(print.as_str()),
            _ => None,
        });
        got.collect::<HashSet<_>>().len() as u64
    }

    /// What became of one kill of the victim's parent.
    pub(crate) fn outage(&self, index: usize) -> Option<Outage> {
        let kill = self.kills.get(index)?;
        let victim = self.accounts.get(self.victim?)?;
        let ends = self.kills.get(index + 1).map_or(Nanos::MAX, |next| next.killed);
        // The file itself says where one process ends and the next one begins.
        let up = victim.facts.iter().filter(|fact| matches!(fact, Fact::Up { .. })).nth(index + 1).map_or(ends, Fact::at);
        let known: HashSet<&str> = victim
            .facts
            .iter()
            .filter(|fact| fact.at() < up)
            .filter_map(|fact| match fact {
                Fact::Judged { print, accept: true, .. } | Fact::Publishing { print, .. } => Some(print.as_str()),
                _ => None,
            })
            .collect();
        let witness = self.witness.and_then(|witness| self.accounts.get(witness));
        let forwarded: HashSet<&str> = witness
            .into_iter()
            .flat_map(|witness| &witness.facts)
            .filter_map(|fact| match fact {
                Fact::Judged { at, print, .. } if (kill.killed..up).contains(at) && !known.contains(print.as_str()) => Some(print.as_str()),
                _ => None,
            })
            .collect();
        let after = |fact: &&Fact| fact.at() >= up && fact.at() < ends;
        let unverified = |fact: &Fact| match fact {
            Fact::Unverified { topic, count, .. } if Network::from_reports(topic).is_some() => *count,
            _ => 0,
        };
        let begins = index.checked_sub(1).and_then(|last| self.kills.get(last)).map_or(0, |last| last.restarted);
        let (mut missed, mut lost) = (0, 0);
        for network in Network::ALL {
            let told = Told::of(victim, network);
            // What was published before the kill may still have been waiting for its verdict.
            let meanwhile = |sent: &Sent| (begins..up).contains(&sent.at);
            let published = self.published(network).sent;
            missed += published.iter().filter(|(round, sent)| meanwhile(sent) && !told.rounds.contains_key(round)).count() as u64;
            lost += told.lost(&published).iter().filter(|round| published.get(round).is_some_and(meanwhile)).count() as u64;
        }
        Some(Outage {
            forwarded: forwarded.len() as u64,
            missed,
            lost,
            unverified: victim.facts.iter().filter(after).map(unverified).sum(),
            resumed: victim
                .facts
                .iter()
                .filter(after)
                .find(|fact| matches!(fact, Fact::Delivered { .. }))
                .map(|fact| fact.at().saturating_sub(kill.restarted)),
        })
    }
}

/// What honest nodes published.
pub(super) struct Published {
    /// What has certainly left.
    pub(super) sent: BTreeMap<Round, Sent>,
    /// Whatever was tried.
    attempted: HashSet<Round>,
}

#[cfg(test)]
#[path = "books_tests.rs"]
mod tests;
