#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::super::message::{Observation, Proposal, Round, Share};
use super::super::test_support::Four;
use super::*;

const NET: Network = Network::Weather;

fn check(four: &Four, report: &Report) -> Result<Report, Invalid> {
    four.roster.check_report(NET, &report.seal())
}

#[test]
fn a_report_of_a_quorum_is_valid() {
    let four = Four::new();
    let report = four.report(9);
    assert_eq!(check(&four, &report).unwrap(), report);
    // f + 1 signatures are enough, all n are fine.
    for signers in [&[1, 3][..], &[0, 1, 2, 3]] {
        check(&four, &four.sign(four.body(9, &[0, 1, 2, 3]), signers)).unwrap();
    }
}

#[test]
fn too_few_or_doubled_signers_are_no_quorum() {
    let four = Four::new();
    for signers in [&[][..], &[2], &[2, 2], &[2, 2, 2], &[3, 2]] {
        let error = check(&four, &four.sign(four.body(9, &[0, 1, 2]), signers)).unwrap_err();
        assert!(matches!(error, Invalid::Quorum { what: "signatures", need: 2, .. }), "{signers:?}: {error}");
    }
}

#[test]
fn too_few_or_doubled_observers_are_no_majority() {
    let four = Four::new();
    for observers in [&[][..], &[0, 1], &[0, 1, 1], &[1, 0, 2]] {
        let error = check(&four, &four.sign(four.body(9, observers), &[0, 1, 2])).unwrap_err();
        assert!(matches!(error, Invalid::Quorum { what: "observations", need: 3, .. }), "{observers:?}: {error}");
    }
}

#[test]
fn a_wrong_median_is_invalid_whoever_signs() {
    let four = Four::new();
    let mut body = four.body(9, &[0, 1, 2]);
    body.median += 1;
    assert!(matches!(check(&four, &four.sign(body, &[0, 1, 2, 3])), Err(Invalid::Median { .. })));
}

#[test]
fn every_signature_counts() {
    let four = Four::new();
    let honest = four.report(9);
    for index in 0..3 {
        let mut forged = honest.clone();
        forged.signers[index].sig.0[5] ^= 1;
        assert!(matches!(check(&four, &forged), Err(Invalid::Signature { what: "the report", .. })));

        let mut body = honest.body.clone();
        body.observations[index].sig.1[5] ^= 1;
        assert!(matches!(check(&four, &four.sign(body, &[0, 1])), Err(Invalid::Signature { what: "an observation", .. })));

        // Another value than the observer's, though the median and the quorum are right.
        let mut body = honest.body.clone();
        body.observations[index].value += 1;
        body.median = median(body.observations.iter().map(|seen| seen.value));
        assert!(matches!(check(&four, &four.sign(body, &[0, 1])), Err(Invalid::Signature { what: "an observation", .. })));
    }
}

#[test]
fn observations_of_another_round_or_network_do_not_count() {
    let four = Four::new();
    let moved = |change: fn(&mut Round)| {
        let mut body = four.report(9).body;
        change(&mut body.round);
        four.roster.check_report(NET, &four.sign(body, &[0, 1, 2]).seal())
    };
    assert!(matches!(moved(|round| round.seq += 1), Err(Invalid::Signature { .. })));
    assert!(matches!(moved(|round| round.epoch += 1), Err(Invalid::Signature { .. })));
    assert_eq!(moved(|round| round.network = Network::Quakes), Err(Invalid::Topic(Network::Quakes)));
}

#[test]
fn unknown_nodes_are_strangers() {
    let four = Four::new();
    let mut report = four.report(9);
    report.signers[2].node = 4;
    assert_eq!(check(&four, &report), Err(Invalid::Signature { what: "the report", node: 4 }));
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    let four = Four::new();
    let bytes = four.report(9).seal();
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        assert!(four.roster.check_report(NET, &changed).is_err(), "byte {index} of {}", bytes.len());
    }
    assert!(four.roster.check_report(NET, &bytes[..bytes.len() - 1]).is_err());
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(four.roster.check_report(NET, &longer), Err(Invalid::Unreadable(Unreadable)));
    assert_eq!(four.roster.check_report(NET, &[]), Err(Invalid::Unreadable(Unreadable)));
}

#[test]
fn internal_messages_must_be_their_speakers() {
    let four = Four::new();
    let body = four.body(9, &[0, 1, 2]);
    let round = body.round;
    let origin = |node| four.roster.origin(NET, node).unwrap();
    let share = Share { round, observation: body.observations[1] };
    let by = four.sign(body.clone(), &[2]).signers[0];
    let proposal = Proposal { body: body.clone(), by };
    let endorsement = Endorsement::new(&body, 3, &four.keys[3]);
    for (message, node) in [(Internal::Share(share), 1), (Internal::Proposal(proposal), 2), (Internal::Endorsement(endorsement), 3)] {
        assert_eq!(four.roster.check_internal(NET, &message.seal(origin(node))).unwrap(), message);
        assert_eq!(four.roster.check_internal(NET, &message.seal(origin(0))), Err(Invalid::Header));
        assert!(four.roster.check_internal(Network::Quakes, &message.seal(origin(node))).is_err());
    }
    let stolen = Internal::Share(Share { round, observation: Observation { node: 0, ..share.observation } });
    assert!(matches!(four.roster.check_internal(NET, &stolen.seal(origin(0))), Err(Invalid::Signature { node: 0, .. })));
    let stolen = Internal::Endorsement(Endorsement { tag: endorsement.tag + 1, ..endorsement });
    assert!(matches!(four.roster.check_internal(NET, &stolen.seal(origin(3))), Err(Invalid::Signature { node: 3, .. })));
    let mut lying = Proposal { body, by };
    lying.body.median -= 1;
    assert!(matches!(four.roster.check_internal(NET, &Internal::Proposal(lying).seal(origin(2))), Err(Invalid::Median { .. })));
}
