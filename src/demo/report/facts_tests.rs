#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use crate::oracle::Network;

#[test]
fn facts_survive_their_file_and_a_cut_line_is_no_fact() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("facts");
    assert_eq!(read(&path).unwrap(), []);
    let round = Round { network: Network::Flights, epoch: 1, seq: 7 };
    let facts = [
        Fact::Up { at: 1 },
        Fact::Judged { at: 2, topic: "t".into(), print: "p".into(), accept: false, why: Some("no".into()) },
        Fact::Delivered { at: 3, round, print: "q".into(), place: (5, 9) },
        Fact::Lied { at: 4, topic: "t".into(), kind: Kind::RepeatedSigner, round, print: "r".into() },
    ];
    let ledger = Ledger::open(&path).unwrap();
    for fact in &facts {
        ledger.write(fact).unwrap();
    }
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"fact\":\"up\",\"at").unwrap();
    assert_eq!(read(&path).unwrap(), facts);
    std::fs::write(&path, "{\"fact\":\"nonsense\"}\n").unwrap();
    assert!(read(&path).is_err());
}

#[test]
fn the_clock_goes_forward() {
    let (first, second) = (now(), now());
    assert!(0 < first && first <= second);
}
