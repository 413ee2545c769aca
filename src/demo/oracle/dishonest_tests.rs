#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use super::super::Invalid;
use super::super::test_support::Four;
use super::*;

const NET: Network = Network::Weather;
const AGES: Ages = Ages { skip: 10, validity: 20, slack: 3 };

fn liar(four: &Four, heard: u64) -> Liar {
    let mut liar = Liar::new(5, 4, AGES);
    for seq in 1..=heard {
        liar.hear(four.report(seq));
    }
    liar
}

#[test]
fn every_falsified_report_is_refused_by_the_verifier() {
    let four = Four::new();
    let mut liar = liar(&four, 40);
    for kind in [Kind::Forged, Kind::RepeatedSigner, Kind::WrongMedian] {
        for _ in 0..20 {
            let lie = liar.lie(NET, kind).unwrap();
            let error = four.roster.check_report(NET, &lie.bytes).unwrap_err();
            let right = match kind {
                Kind::Forged => matches!(error, Invalid::Signature { .. }),
                Kind::RepeatedSigner => matches!(error, Invalid::Quorum { what: "signatures", count: 1, need: 2 }),
                _ => matches!(error, Invalid::Median { .. }),
            };
            assert!(right, "{kind:?}: {error}");
        }
    }
}

#[test]
fn old_reports_are_authentic_so_that_only_their_age_is_wrong() {
    let four = Four::new();
    let mut liar = liar(&four, 40);
    let mut bytes = BTreeSet::new();
    for _ in 0..50 {
        let replay = liar.lie(NET, Kind::Replay).unwrap();
        let expired = liar.lie(NET, Kind::Expired).unwrap();
        assert!((40 - replay.round.seq) > AGES.skip && (40 - replay.round.seq) <= AGES.validity, "{:?}", replay.round);
        assert!((40 - expired.round.seq) > AGES.validity, "{:?}", expired.round);
        for lie in [replay, expired] {
            let report = four.roster.check_report(NET, &lie.bytes).unwrap();
            assert_eq!(report.body, four.report(lie.round.seq).body);
            assert_eq!(report.signers.len(), 2);
            bytes.insert(lie.bytes);
        }
    }
    assert!(bytes.len() > 20, "each with an id of its own");
}

#[test]
fn nothing_can_be_said_before_it_serves() {
    let four = Four::new();
    let mut silent = liar(&four, 0);
    assert!(Kind::ALL.iter().all(|kind| silent.lie(NET, *kind).is_none()));
    let mut young = liar(&four, 5);
    assert!(young.lie(NET, Kind::Replay).is_none() && young.lie(NET, Kind::Expired).is_none());
    assert!(young.lie(NET, Kind::Forged).is_some());
    assert!(young.lie(Network::Quakes, Kind::Forged).is_none());
}

#[test]
fn memory_is_bounded() {
    let four = Four::new();
    let report = four.report(1);
    let mut liar = liar(&four, 0);
    for _ in 0..100 {
        liar.hear(report.clone());
    }
    assert_eq!(liar.heard[&NET].len() as u64, AGES.validity * 2);
}
