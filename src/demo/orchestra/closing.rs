//! From a finished run to its summary.

use super::processes::Death;
use super::run::Run;
use crate::report::account::Role;
use crate::report::facts::{Fact, Nanos};
use crate::report::summary::{DishonestSummary, NetworkSummary, RestartSummary, Summary};
use pmq_gossip::Transport;

/// How long a round is under way, in seconds, on a busy machine.
const UNDER_WAY_S: f64 = 0.3;

impl Run {
    /// Compares the books.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn summary(&self) -> anyhow::Result<Summary> {
        let books = self.books()?;
        let networks = self.args.networks.0.iter().map(|network| {
            let row = self.observer.row(*network);
            NetworkSummary::new(*network, &books.tally(*network), row.verdicts, row.hop)
        });
        let lies = books.accounts.iter().filter(|account| account.role == Role::Dishonest).flat_map(|account| &account.facts);
        let first_lie = lies.filter(|fact| matches!(fact, Fact::Lied { .. })).map(Fact::at).min();
        let graylisted = self.observer.graylisted(|node| self.live(node));
        let restarts = self.kills.iter().enumerate().map(|(index, kill)| {
            let outage = books.outage(index).unwrap_or_default();
            RestartSummary {
                killed_at_s: round(self.seconds(kill.killed)),
                down_s: round(seconds(kill.restarted.saturating_sub(kill.killed))),
                forwarded_while_down: outage.forwarded,
                missed: outage.missed,
                lost: outage.lost,
                unobserved: self.deaths.iter().find(|death| death.node == self.topology.victim).map(|death| self.obituary(death)),
                unverified_reported: outage.unverified,
                resumed_after_s: outage.resumed.map(|after| round(seconds(after))),
            }
        });
        let mut reasons: Vec<String> = self
            .lost_witnesses()
            .into_iter()
            .map(|name| format!("not observed: what was forwarded to {name}, which did not live"))
            .collect();
        for (node, (spot, account)) in self.topology.spots.iter().zip(&books.accounts).enumerate() {
            let unwatched = if self.live(node) { books.unwatched(node, &self.args.networks.0) } else { Vec::new() };
            reasons.extend(books.failures(node).into_iter().chain(unwatched).map(|what| format!("{}: {what}", spot.name)));
            reasons.extend(account.facts.iter().filter_map(|fact| match fact {
                Fact::Trouble { what, .. } => Some(format!("{}: {what}", spot.name)),
                _ => None,
            }));
        }
        let summary = Summary {
            ok: false,
            seconds: round(self.args.seconds as f64),
            attach: self.args.attach.as_str(),
            go_parents: self.args.go_parents,
            neighbours: [Transport::Tcp, Transport::Quic].map(|transport| self.observer.neighbours_over(transport)),
            processes: self.topology.spots.len() as u64 * 2,
            networks: networks.collect(),
            dishonest: DishonestSummary {
                score: round(self.observer.score()),
                graylisted_after_s: graylisted.zip(first_lie).map(|(at, since)| round(seconds(at.saturating_sub(since)))),
            },
            parent_restart: restarts.collect(),
            late_lies: books.lies_judged_since(self.start + (self.args.seconds as f64 * 0.75e9) as Nanos),
            rounds: self.rounds_due(),
            reasons,
            deaths: self.deaths.iter().map(|death| self.obituary(death)).collect(),
        };
        Ok(summary.judge())
    }

    /// Rounds of a network, and how many may come to nothing: those under way when a parent is killed, when one is restarted, and at the
    /// end. When somebody has killed an honest node, an outage may leave its network without a quorum: nothing is due.
    fn rounds_due(&self) -> (u64, u64) {
        let honest = |death: &Death| self.topology.spots.get(death.node).is_some_and(|spot| spot.role == Role::Honest);
        let due = if self.deaths.iter().any(honest) { 0.0 } else { (self.args.rate * self.args.seconds as f64).floor() };
        // Half a second of rounds and one more, at each of the five moments.
        let spare = 5.0 * ((self.args.rate * UNDER_WAY_S).ceil() + 1.0);
        (due as u64, spare as u64)
    }

    fn obituary(&self, death: &Death) -> String {
        let name = self.topology.spots.get(death.node).map_or("?", |spot| spot.name.as_str());
        format!("{name}'s {} ended at {:.1} s, which nobody here asked for: {}.", death.kind.as_str(), self.seconds(death.at), death.how)
    }
}

fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / 1e9
}

/// To milliseconds: more digits would say more than is known.
fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
