//! What the figures alone do not say: publishes that failed, rounds that never ended, witnesses that saw nothing.

use std::collections::{HashMap, HashSet};

use super::account::Role;
use super::books::Books;
use super::facts::{Fact, Nanos};
use crate::oracle::{Network, Round};

impl Books {
    /// Publish calls of live honest parents that failed and that no other transmitter made good. A message of a round's making counts too.
    pub(crate) fn failures(&self, node: usize) -> Vec<String> {
        let Some(account) = self.accounts.get(node).filter(|account| account.live && account.role == Role::Honest) else {
            return Vec::new();
        };
        let mut sent: HashSet<Round> = HashSet::new();
        for network in Network::ALL {
            sent.extend(self.published(network).sent.into_keys());
        }
        let rounds: HashMap<&str, Round> = account
            .facts
            .iter()
            .filter_map(|fact| match fact {
                Fact::Publishing { print, report: Some(round), .. } => Some((print.as_str(), *round)),
                _ => None,
            })
            .collect();
        let failed = account.facts.iter().filter_map(|fact| match fact {
            Fact::Published { topic, print, error: Some(error), .. }
                if !rounds.get(print.as_str()).is_some_and(|round| sent.contains(round)) =>
            {
                Some(format!("a publish on {topic} failed: {error}"))
            }
            _ => None,
        });
        failed.collect()
    }

    /// Networks of which a witness judged nothing before the first kill or after the last restart: its zeros would prove nothing.
    pub(crate) fn unwatched(&self, node: usize, networks: &[Network]) -> Vec<String> {
        let Some(account) = self.accounts.get(node).filter(|account| account.role == Role::Witness) else { return Vec::new() };
        let first = self.kills.first().map_or(Nanos::MAX, |kill| kill.killed);
        let last = self.kills.last().map_or(0, |kill| kill.restarted);
        let mut reasons = Vec::new();
        for network in networks {
            let saw = |when: &dyn Fn(Nanos) -> bool| {
                account.facts.iter().any(|fact| matches!(fact, Fact::Judged { at, topic, .. } if topic == network.reports() && when(*at)))
            };
            for (seen, when) in [(saw(&|at| at < first), "before the first kill"), (saw(&|at| at > last), "after the last restart")] {
                if !seen {
                    reasons.push(format!("not observed: it got nothing of {} {when}", network.name()));
                }
            }
        }
        reasons
    }

    /// Messages of the dishonest node that its neighbours still had to judge from that moment on. None if nothing of it is read.
    pub(crate) fn lies_judged_since(&self, since: Nanos) -> u64 {
        let lies: HashSet<&str> = self
            .accounts
            .iter()
            .flat_map(|account| &account.facts)
            .filter_map(|fact| match fact {
                Fact::Lied { print, .. } => Some(print.as_str()),
                _ => None,
            })
            .collect();
        let beside = self.accounts.iter().filter(|account| account.beside_dishonest && account.role == Role::Honest);
        let judged = beside
            .flat_map(|account| &account.facts)
            .filter(|fact| matches!(fact, Fact::Judged { at, print, .. } if *at >= since && lies.contains(print.as_str())));
        judged.count() as u64
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
