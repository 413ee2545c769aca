#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

const NET: Network = Network::Weather;

fn round(seq: u64) -> Round {
    Round { network: NET, epoch: 1, seq }
}

fn publish(at: Nanos, seq: u64) -> [Fact; 2] {
    let (topic, print) = (NET.reports().to_owned(), format!("report {seq}"));
    [
        Fact::Publishing { at, topic: topic.clone(), print: print.clone(), report: Some(round(seq)) },
        Fact::Published { at: at + 1, topic, print, error: None },
    ]
}

fn deliver(at: Nanos, seq: u64) -> Fact {
    Fact::Delivered { at, round: round(seq), print: format!("report {seq}"), place: (1, seq) }
}

fn judge(at: Nanos, print: &str, accept: bool) -> Fact {
    Fact::Judged { at, topic: NET.reports().into(), print: print.into(), accept, why: None }
}

fn unverified(at: Nanos, count: u64, counter: u64) -> Fact {
    Fact::Unverified { at, topic: NET.reports().into(), count, cause: "no-verifier".into(), place: (1, counter) }
}

fn lie(kind: Kind, print: &str) -> Fact {
    Fact::Lied { at: 1, topic: NET.reports().into(), kind, round: round(1), print: print.into() }
}

fn account(role: Role, facts: Vec<Fact>) -> Account {
    Account { role, beside_dishonest: false, live: true, facts }
}

/// Publisher, two consumers, dishonest node, witness.
fn books() -> Books {
    let publisher = (1..=3).flat_map(|seq| publish(seq * 10_000, seq).into_iter().chain([deliver(seq * 10_000 + 5, seq)])).collect();
    let consumer = (1..=3).map(|seq| deliver(seq * 10_000 + 2000, seq)).collect::<Vec<_>>();
    Books {
        accounts: vec![
            account(Role::Honest, publisher),
            account(Role::Honest, consumer.clone()),
            account(Role::Honest, consumer),
            account(Role::Dishonest, Vec::new()),
            account(Role::Witness, Vec::new()),
        ],
        victim: Some(1),
        witness: Some(4),
        kills: Vec::new(),
        validity: 10,
    }
}

#[test]
fn everything_that_arrives_everywhere_adds_up() {
    let tally = books().tally(NET);
    assert_eq!((tally.published, tally.expected, tally.delivered, tally.lost), (3, 9, 9, 0));
    assert_eq!(tally.end_to_end, [2; 6], "microseconds, without the publisher's own");
    assert_eq!((tally.lies, tally.lies_delivered, tally.lies_forwarded), (0, 0, 0));
    assert_eq!(books().tally(Network::Quakes), Tally::default());
}

#[test]
fn what_is_missing_is_lost_unless_a_record_accounts_for_it() {
    let mut books = books();
    books.accounts[2].facts.retain(|fact| *fact != deliver(22_000, 2));
    assert_eq!((books.tally(NET).delivered, books.tally(NET).lost), (8, 1));
    books.accounts[1].facts.push(unverified(40_000, 5, 9));
    assert_eq!(books.tally(NET).lost, 1, "another consumer's record does not count");
    books.accounts[2].facts.push(unverified(40_000_000_000, 5, 8));
    assert_eq!(books.tally(NET).lost, 1, "a record that came when that round's deadline was long over does not count");
    books.accounts[2].facts.push(unverified(19_000, 5, 7));
    assert_eq!(books.tally(NET).lost, 1, "nor one that came before the round");
    books.accounts[2].facts.truncate(2);
    books.accounts[2].facts.push(unverified(40_000, 1, 9));
    assert_eq!((books.tally(NET).lost, books.tally(NET).unverified), (0, 6));
    books.accounts[2].facts.pop();
    books.accounts[2].facts.push(Fact::Gap { at: 40_000, network: NET.name().into(), count: 1, place: (1, 9) });
    assert_eq!((books.tally(NET).lost, books.tally(NET).gaps), (0, 1));
}

#[test]
fn a_dead_consumer_is_not_waited_for() {
    let mut books = books();
    books.accounts[2].live = false;
    books.accounts[2].facts.clear();
    let tally = books.tally(NET);
    assert_eq!((tally.expected, tally.delivered, tally.lost), (6, 6, 0));
}

#[test]
fn a_report_that_may_never_have_left_is_not_expected() {
    let mut books = books();
    // Killed between call and answer.
    books.accounts[0].facts.push(publish(90_000, 4)[0].clone());
    assert_eq!(books.tally(NET).published, 3);
    // It had left, as somebody has it.
    books.accounts[1].facts.push(deliver(91_000, 4));
    assert_eq!((books.tally(NET).published, books.tally(NET).lost), (4, 2));
}

#[test]
fn records_repeated_after_a_restart_are_no_second_delivery() {
    let mut books = books();
    books.accounts[1].facts.extend([deliver(50_000, 3), unverified(60_000, 2, 7), unverified(70_000, 2, 7)]);
    let tally = books.tally(NET);
    assert_eq!((tally.delivered, tally.lies_delivered, tally.unverified), (9, 0, 2));
}

#[test]
fn invalid_deliveries_are_found_by_bytes_by_round_and_by_age() {
    let with = |fact: Fact| {
        let mut books = books();
        books.accounts[3].facts.extend([lie(Kind::Forged, "forged"), lie(Kind::Replay, "replay")]);
        books.accounts[2].facts.push(fact);
        assert_eq!(books.tally(NET).lies, 2);
        books.tally(NET).lies_delivered
    };
    let delivered = |seq, print: &str, counter| Fact::Delivered { at: 50_000, round: round(seq), print: print.into(), place: (1, counter) };
    assert_eq!(with(delivered(2, "forged", 9)), 1);
    assert_eq!(with(delivered(2, "replay", 9)), 1, "the same round again");
    assert_eq!(with(delivered(2, "another honest transmitter's", 9)), 0);
    assert_eq!(with(delivered(77, "unheard of", 9)), 1, "nobody published it");

    let mut books = books();
    books.accounts[0].facts.extend(publish(60_000, 30));
    books.accounts[2].facts.retain(|fact| *fact != deliver(12_000, 1));
    books.accounts[2].facts.extend([deliver(61_000, 30), deliver(62_000, 1)]);
    assert_eq!(books.tally(NET).lies_delivered, 1, "29 rounds old, 10 are allowed");
}

#[test]
fn only_those_beyond_the_neighbours_prove_forwarding() {
    let mut books = books();
    books.accounts[3].facts.extend([lie(Kind::Forged, "forged"), lie(Kind::Replay, "replay")]);
    books.accounts[0].beside_dishonest = true;
    books.accounts[0].facts.push(judge(5, "forged", false));
    assert_eq!((books.tally(NET).lies, books.tally(NET).lies_forwarded), (2, 0));
    books.accounts[4].facts.push(judge(6, "replay", false));
    assert_eq!(books.tally(NET).lies_forwarded, 1, "the witness got it");
    books.accounts[1].facts.push(judge(7, "forged", false));
    books.accounts[2].facts.push(judge(7, "forged", false));
    assert_eq!(books.tally(NET).lies_forwarded, 2, "each counts once");
}

#[test]
fn an_outage_is_judged_by_what_the_witness_got() {
    let mut books = books();
    let kill = |killed, restarted| Kill { killed, restarted };
    books.kills = vec![kill(15_000, 25_000), kill(40_000, 50_000)];
    books.accounts[1].facts = vec![
        Fact::Up { at: 1 },
        judge(12_000, "report 1", true),
        deliver(12_000, 1),
        judge(14_000, "bad", false),
        Fact::Up { at: 25_500 },
        unverified(26_000, 1, 7),
        deliver(32_000, 3),
        Fact::Up { at: 50_500 },
    ];
    books.accounts[4].facts = vec![judge(16_000, "report 1", false)];
    let first = Outage { forwarded: 0, missed: 1, lost: 0, unverified: 1, resumed: Some(7000) };
    assert_eq!(books.outage(0), Some(first.clone()), "report 1 was accepted before the kill");
    assert_eq!(books.outage(1), Some(Outage::default()));
    assert_eq!(books.outage(2), None);
    books.accounts[4].facts.extend([judge(17_000, "bad", false), judge(18_000, "report 2", false), judge(33_000, "report 3", false)]);
    assert_eq!(books.outage(0), Some(Outage { forwarded: 2, ..first }));
}
