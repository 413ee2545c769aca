#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::VecDeque;

use super::super::test_support::{Four, TAKEOVER};
use super::*;

const NOW: Duration = Duration::from_secs(100);

/// Four nodes and a topic that hands everything to everybody else who is alive.
struct Net {
    four: Four,
    nodes: Vec<Assembly>,
    alive: [bool; 4],
    reports: Vec<(Node, Report)>,
}

impl Net {
    fn new() -> Self {
        let four = Four::new();
        let nodes = (0..4).map(|node| four.assembly(node)).collect();
        Self { four, nodes, alive: [true; 4], reports: Vec::new() }
    }

    fn begin(&mut self, seq: u64) {
        let first =
            (0..4).map(|node| (node, self.step(node, |assembly| assembly.begin(seq, 4000 + i64::from(node), NOW)))).collect::<Vec<_>>();
        self.settle(first, NOW);
    }

    fn step(&mut self, node: Node, act: impl FnOnce(&mut Assembly) -> Vec<Output>) -> Vec<Output> {
        if self.alive[usize::from(node)] { act(&mut self.nodes[usize::from(node)]) } else { Vec::new() }
    }

    fn tick(&mut self, now: Duration) {
        let first = (0..4).map(|node| (node, self.step(node, |assembly| assembly.tick(now)))).collect::<Vec<_>>();
        self.settle(first, now);
    }

    fn settle(&mut self, first: Vec<(Node, Vec<Output>)>, now: Duration) {
        let mut queue: VecDeque<_> = first.into_iter().flat_map(|(node, out)| out.into_iter().map(move |out| (node, out))).collect();
        while let Some((from, output)) = queue.pop_front() {
            match output {
                Output::Report(report) => {
                    self.four.roster.check_report(Network::Weather, &report.seal()).unwrap();
                    for node in &mut self.nodes {
                        node.finished(report.body.round);
                    }
                    self.reports.push((from, report));
                }
                Output::Internal(message) => {
                    let bytes = message.seal(self.four.roster.origin(Network::Weather, from).unwrap());
                    let message = self.four.roster.check_internal(Network::Weather, &bytes).unwrap();
                    for node in (0..4).filter(|node| *node != from) {
                        let out = self.step(node, |assembly| assembly.hear(message.clone(), now));
                        queue.extend(out.into_iter().map(|out| (node, out)));
                    }
                }
            }
        }
    }
}

#[test]
fn transmitters_rotate_and_each_round_has_one_report() {
    let mut net = Net::new();
    for seq in 1..=8 {
        net.begin(seq);
    }
    let by: Vec<_> = net.reports.iter().map(|(node, report)| (*node, report.body.round.seq)).collect();
    assert_eq!(by, [(1, 1), (2, 2), (3, 3), (0, 4), (1, 5), (2, 6), (3, 7), (0, 8)]);
    assert!(net.reports.iter().all(|(_, report)| report.signers.len() == 3 && report.body.observations.len() == 3));
    net.tick(NOW + TAKEOVER * 3);
    assert_eq!(net.reports.len(), 8, "finished rounds are left alone");
}

#[test]
fn the_next_one_takes_over_from_a_dead_transmitter() {
    let mut net = Net::new();
    net.alive[1] = false;
    net.begin(1);
    assert!(net.reports.is_empty());
    net.tick(NOW + TAKEOVER - Duration::from_nanos(1));
    assert!(net.reports.is_empty());
    net.tick(NOW + TAKEOVER);
    assert_eq!(net.reports.iter().map(|(node, _)| *node).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_proposal_survives_its_transmitter() {
    let mut net = Net::new();
    // Node 1 proposes and dies before anyone's signature comes back.
    let shares: Vec<_> = (0..4_u8).map(|node| net.nodes[usize::from(node)].begin(1, 4000 + i64::from(node), NOW)).collect();
    let mut proposal = None;
    for node in [0, 2, 3_usize] {
        let Output::Internal(share) = &shares[node][0] else { panic!("a share first") };
        for out in net.nodes[1].hear(share.clone(), NOW) {
            proposal = Some(out);
        }
    }
    net.alive[1] = false;
    let Some(Output::Internal(Internal::Proposal(lost))) = proposal else { panic!("three shares make a proposal") };
    net.settle(vec![(1, vec![Output::Internal(Internal::Proposal(lost.clone()))])], NOW);
    assert!(net.reports.is_empty());
    net.tick(NOW + TAKEOVER);
    let [(2, report)] = net.reports.as_slice() else { panic!("one report by node 2: {:?}", net.reports) };
    assert_eq!(report.body, lost.body, "what was signed is what is published");
}

#[test]
fn nobody_signs_twice_in_one_round() {
    let mut net = Net::new();
    let _ = net.nodes[0].begin(1, 4000, NOW);
    let propose = |net: &Net, node: Node, of: &[Node]| {
        let body = net.four.body(1, of);
        let by = net.four.sign(body.clone(), &[node]).signers[0];
        Internal::Proposal(Proposal { body, by })
    };
    let (first, second) = (propose(&net, 1, &[0, 1, 2]), propose(&net, 2, &[1, 2, 3]));
    assert_eq!(net.nodes[0].hear(first, NOW).len(), 1);
    assert_eq!(net.nodes[0].hear(second, NOW), []);
}

#[test]
fn two_nodes_are_no_quorum() {
    let mut net = Net::new();
    net.alive = [true, false, true, false];
    net.begin(1);
    net.tick(NOW + TAKEOVER * 10);
    assert!(net.reports.is_empty());
}

#[test]
fn what_is_kept_is_bounded() {
    let mut net = Net::new();
    for seq in 1..=300 {
        let _ = net.nodes[0].begin(seq, 4000, NOW);
    }
    for seq in [1, 200, 365, u64::MAX] {
        let share =
            Share { round: Round { network: Network::Weather, epoch: 7, seq }, observation: net.four.body(seq, &[1]).observations[0] };
        let _ = net.nodes[0].hear(Internal::Share(share), NOW);
    }
    assert_eq!(net.nodes[0].rounds.len() as u64, KEPT);
}
