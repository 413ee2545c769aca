//! From observations to a report, as one node sees it. No IO and no clock: messages and `now` in, messages out.
//!
//! 1. Every node observes and sends its [`Share`].
//! 2. The transmitter, node `round mod n`, proposes the first n-f shares with their median.
//! 3. Every node signs the first proposal of a round that it sees, and no other one.
//! 4. The transmitter publishes the report when n-f nodes have signed. Verifiers ask for f+1; n-f makes two different reports of one
//!    round impossible, because two such quorums share an honest node.
//!
//! When the report has not come after the takeover time, the next node is transmitter too. It proposes what it has signed already, if it
//! has, so a transmitter that died after its proposal leaves nobody bound to something that can never be finished.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::message::{Body, Endorsement, Internal, Observation, Proposal, Report, Round, Share, Signer, median};
use super::{Network, Node, NodeKey, Roster};

/// Rounds kept; an older round is given up. Messages of rounds further ahead than this are not kept either.
const KEPT: u64 = 64;

/// Who this node is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Its network.
    pub(crate) network: Network,
    /// Its number.
    pub(crate) node: Node,
    /// Its key.
    pub(crate) key: Arc<NodeKey>,
    /// Everybody's public keys.
    pub(crate) roster: Arc<Roster>,
}

/// What is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// On the internal topic.
    Internal(Internal),
    /// On the outbound topic.
    Report(Report),
}

/// One round, as far as this node has heard of it.
#[derive(Debug, Default)]
struct State {
    /// When it began here; `None` while only others have spoken.
    began: Option<Duration>,
    shares: BTreeMap<Node, Observation>,
    /// The proposal that this node has signed.
    signed: Option<(Body, u64)>,
    endorsements: BTreeMap<Node, (u64, Signer)>,
    proposed: bool,
    finished: bool,
}

/// One node's part in all running rounds.
#[derive(Debug)]
pub(crate) struct Assembly {
    me: Identity,
    nodes: u64,
    quorum: usize,
    epoch: u64,
    takeover: Duration,
    newest: u64,
    rounds: BTreeMap<u64, State>,
}

impl Assembly {
    /// A node that has not begun any round. The next transmitter takes over after `takeover`.
    pub(crate) fn new(me: Identity, epoch: u64, takeover: Duration) -> Self {
        let nodes = me.roster.nodes(me.network);
        let quorum = nodes - me.roster.faults(me.network);
        // At most 255 nodes.
        Self { me, nodes: nodes as u64, quorum, epoch, takeover, newest: 0, rounds: BTreeMap::new() }
    }

    /// This node begins a round with what it observed.
    pub(crate) fn begin(&mut self, seq: u64, value: i64, now: Duration) -> Vec<Output> {
        let round = Round { network: self.me.network, epoch: self.epoch, seq };
        let node = self.me.node;
        let observation = Observation { node, value, sig: self.me.key.sign(&round.observed(node, value)) };
        self.newest = self.newest.max(seq);
        self.rounds.retain(|kept, _| kept.saturating_add(KEPT) > seq);
        let state = self.rounds.entry(seq).or_default();
        if state.began.is_some() {
            return Vec::new();
        }
        state.began = Some(now);
        state.shares.insert(node, observation);
        let mut out = vec![Output::Internal(Internal::Share(Share { round, observation }))];
        self.advance(seq, now, &mut out);
        out
    }

    /// A verified message from the internal topic.
    pub(crate) fn hear(&mut self, message: Internal, now: Duration) -> Vec<Output> {
        let round = message.round();
        let mut out = Vec::new();
        // Own messages come back by loopback: they are known.
        if round.epoch != self.epoch || message.node() == self.me.node || !self.keeps(round.seq) {
            return out;
        }
        let state = self.rounds.entry(round.seq).or_default();
        match message {
            Internal::Share(share) => {
                state.shares.entry(share.observation.node).or_insert(share.observation);
            }
            Internal::Endorsement(endorsement) => {
                state.endorsements.entry(endorsement.by.node).or_insert((endorsement.tag, endorsement.by));
            }
            Internal::Proposal(proposal) => {
                let tag = proposal.body.tag();
                state.endorsements.insert(proposal.by.node, (tag, proposal.by));
                // A node that came to the network in the middle of a round cannot know what it signed before: it sits that round out.
                if state.signed.is_none() && state.began.is_some() {
                    let endorsement = Endorsement::new(&proposal.body, self.me.node, &self.me.key);
                    state.endorsements.insert(self.me.node, (tag, endorsement.by));
                    state.signed = Some((proposal.body, tag));
                    out.push(Output::Internal(Internal::Endorsement(endorsement)));
                }
            }
        }
        self.advance(round.seq, now, &mut out);
        out
    }

    /// The round's report was delivered: nothing is left to do.
    pub(crate) fn finished(&mut self, round: Round) {
        if round.network == self.me.network && round.epoch == self.epoch && self.keeps(round.seq) {
            self.rounds.entry(round.seq).or_default().finished = true;
        }
    }

    /// Time passes: this node may have become a transmitter.
    pub(crate) fn tick(&mut self, now: Duration) -> Vec<Output> {
        let open: Vec<u64> =
            self.rounds.iter().filter(|(_, state)| !state.finished && state.began.is_some()).map(|(seq, _)| *seq).collect();
        let mut out = Vec::new();
        for seq in open {
            self.advance(seq, now, &mut out);
        }
        out
    }

    fn keeps(&self, seq: u64) -> bool {
        seq.saturating_add(KEPT) > self.newest && seq <= self.newest.saturating_add(KEPT)
    }

    /// Whether this node's turn as transmitter has come, and for how many takeovers it goes on: each node keeps its turn once it has it.
    fn is_transmitter(&self, seq: u64, began: Duration, now: Duration) -> bool {
        let turns = now.saturating_sub(began).as_nanos() / self.takeover.as_nanos().max(1);
        let my_turn = (u64::from(self.me.node) + self.nodes - seq % self.nodes) % self.nodes;
        u128::from(my_turn) <= turns
    }

    fn advance(&mut self, seq: u64, now: Duration, out: &mut Vec<Output>) {
        let Some(began) = self.rounds.get(&seq).and_then(|state| state.began) else { return };
        if !self.is_transmitter(seq, began, now) {
            return;
        }
        let round = Round { network: self.me.network, epoch: self.epoch, seq };
        let Some(state) = self.rounds.get_mut(&seq) else { return };
        if state.finished {
            return;
        }
        let node = self.me.node;
        if !state.proposed {
            if state.signed.is_none() && state.shares.len() >= self.quorum {
                let observations: Vec<_> = state.shares.values().take(self.quorum).copied().collect();
                let median = median(observations.iter().map(|seen| seen.value));
                let body = Body { round, observations, median };
                let tag = body.tag();
                state.endorsements.insert(node, (tag, Signer { node, sig: self.me.key.sign(&body.signed_bytes()) }));
                state.signed = Some((body, tag));
            }
            if let (Some((body, _)), Some((_, by))) = (&state.signed, state.endorsements.get(&node)) {
                state.proposed = true;
                out.push(Output::Internal(Internal::Proposal(Proposal { body: body.clone(), by: *by })));
            }
        }
        let Some((body, tag)) = &state.signed else { return };
        let named: Vec<Signer> = state.endorsements.values().filter(|(of, _)| of == tag).map(|(_, by)| *by).collect();
        if named.len() < self.quorum {
            return;
        }
        // The tag alone does not prove the signature: only now, with the body at hand, it can be checked.
        let signed = body.signed_bytes();
        let signers: Vec<_> = named.into_iter().filter(|by| self.me.roster.signed(round.network, by.node, &signed, &by.sig)).collect();
        if signers.len() >= self.quorum {
            state.finished = true;
            out.push(Output::Report(Report { body: body.clone(), signers: signers.into_iter().take(self.quorum).collect() }));
        }
    }
}

#[cfg(test)]
#[path = "assembly_tests.rs"]
mod tests;
