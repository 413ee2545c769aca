#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use crate::oracle::Kind;
use crate::report::account::Account;
use crate::report::books::Kill;

const NET: Network = Network::Weather;
const ROUND: Round = Round { network: NET, epoch: 1, seq: 1 };

fn publish(error: Option<&str>) -> Vec<Fact> {
    let (topic, print) = (NET.reports().to_owned(), "report".to_owned());
    vec![
        Fact::Publishing { at: 1, topic: topic.clone(), print: print.clone(), report: Some(ROUND) },
        Fact::Published { at: 2, topic, print, error: error.map(str::to_owned) },
    ]
}

fn judged(at: Nanos, print: &str) -> Fact {
    Fact::Judged { at, topic: NET.reports().into(), print: print.into(), accept: false, why: None }
}

fn account(role: Role, facts: Vec<Fact>) -> Account {
    Account { role, beside_dishonest: true, live: true, facts }
}

#[test]
fn a_failed_publish_is_told_unless_another_transmitter_made_it_good() {
    let mut books = Books { accounts: vec![account(Role::Honest, publish(Some("no peers")))], ..Books::default() };
    assert_eq!(books.failures(0), ["a publish on weather.reports failed: no peers"]);
    books.accounts.push(account(Role::Honest, publish(None)));
    assert!(books.failures(0).is_empty());
    books.accounts.truncate(1);
    books.accounts[0].live = false;
    assert!(books.failures(0).is_empty(), "the dead promise nothing");
}

#[test]
fn a_witness_that_saw_nothing_proves_nothing() {
    let kills = vec![Kill { killed: 10, restarted: 20 }];
    let mut books = Books { accounts: vec![account(Role::Witness, vec![judged(5, "a"), judged(15, "b")])], kills, ..Books::default() };
    assert_eq!(books.unwatched(0, &[NET]), ["not observed: it got nothing of weather after the last restart"]);
    books.accounts[0].facts.push(judged(25, "c"));
    assert!(books.unwatched(0, &[NET]).is_empty());
    assert_eq!(books.unwatched(0, &[Network::Quakes]).len(), 2);
}

#[test]
fn late_lies_are_counted_at_the_neighbours() {
    let lie = Fact::Lied { at: 1, topic: NET.reports().into(), kind: Kind::Forged, round: ROUND, print: "lie".into() };
    let honest = account(Role::Honest, vec![judged(5, "lie"), judged(50, "lie"), judged(60, "truth")]);
    let books = Books { accounts: vec![account(Role::Dishonest, vec![lie]), honest], ..Books::default() };
    assert_eq!((books.lies_judged_since(0), books.lies_judged_since(10), books.lies_judged_since(51)), (2, 1, 0));
}
