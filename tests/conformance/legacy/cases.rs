//! Every promise of the table, kept or named.

use bytes::Bytes;
use pmq_protocol::wire::Roles;
use pmq_transports::grpc::p2pmq::{Message, ValidationResult};
use tonic::Code;

use super::Cell::{self, Kept, Not};
use super::peer::{Judge, Peer, text};
use crate::rig::raw::RawCall;
use crate::rig::{Agent, Bench, Setting, texts};
use pmq_testing::until;

macro_rules! kept {
    ($case:ident) => {
        (stringify!($case), Kept(|bench| Box::pin($case(bench))))
    };
}

const NO_ANSWER: &str = "a verdict has no answer";
const NO_CREDIT: &str = "no credit: the client's window of 1,024 messages and 16 MiB stands in";
const NO_GAPS: &str = "no gaps";
const NO_CURSOR: &str = "no cursor, no consumer's name";
const NO_UNVERIFIED: &str = "no place for what was never verified";
const NO_SESSION: &str = "no hello, no session: a call is one";
const NO_GROUPS: &str = "no groups beyond the first, no shadows";

pub const CELLS: &[(&str, Cell)] = &[
    kept!(verdicts_in_order),
    kept!(verdicts_out_of_order),
    ("verdict_late", Not(NO_ANSWER)),
    ("verdict_twice", Not(NO_ANSWER)),
    ("verdict_unknown_ticket", Not("no tickets: a verdict names a message")),
    ("verdict_foreign_ticket", Not("no tickets: a verdict names a message")),
    ("verdict_stale_session", Not(NO_SESSION)),
    ("verdicts_good_and_bad", Not(NO_ANSWER)),
    ("credit_by_count", Not(NO_CREDIT)),
    ("credit_by_bytes", Not(NO_CREDIT)),
    ("credit_oversized", Not(NO_CREDIT)),
    ("credit_replaced", Not(NO_CREDIT)),
    ("credit_of_consumers", Not(NO_CREDIT)),
    ("credit_overrun", Not(NO_CREDIT)),
    ("slow_beside_fast", Not(NO_GAPS)),
    ("slow_drop_newest", Not(NO_GAPS)),
    ("slow_disconnect", Not(NO_CURSOR)),
    ("resume_from_cursor", Not(NO_CURSOR)),
    ("resume_by_name", Not(NO_CURSOR)),
    ("resume_behind_retention", Not(NO_GAPS)),
    ("resume_foreign_cursor", Not(NO_CURSOR)),
    ("replaced", Not(NO_CURSOR)),
    ("unverified_in_order", Not(NO_UNVERIFIED)),
    kept!(verifiers_share),
    kept!(verifier_leaves),
    ("verifier_pauses", Not("no pause: a stream that is not read gets no more than fits the windows")),
    ("chain_in_order", Not(NO_GROUPS)),
    ("chain_conflict", Not(NO_GROUPS)),
    ("shadow_disagrees", Not(NO_GROUPS)),
    ("shadow_alone", Not(NO_GROUPS)),
    ("reasons", Not("no reasons")),
    kept!(parent_killed_and_back),
    ("parent_killed_for_good", Not(NO_UNVERIFIED)),
    kept!(parent_seen_dead),
    ("parent_hangs", Not("no heartbeat of its own: deadlines hold, and HTTP/2's pings find a dead host")),
    ("parent_silent", Not(NO_SESSION)),
    ("agent_killed", Not(NO_GAPS)),
    ("agent_killed_in_flight", Not(NO_SESSION)),
    kept!(garbage),
    kept!(truncated),
    kept!(oversized),
    kept!(nonsense),
    ("before_the_hello", Not(NO_SESSION)),
    ("out_of_order", Not(NO_SESSION)),
    kept!(payload_of_nothing),
    kept!(payload_of_a_byte),
    kept!(payload_of_64_kib),
    kept!(payload_of_1_mib),
    kept!(hundred_connects),
    kept!(sessions_bounded),
    kept!(role_not_granted),
    kept!(network_not_granted),
    ("network_unknown", Not("a topic is named, not a network")),
    ("role_not_claimed", Not(NO_SESSION)),
    ("wrong_version", Not("no version")),
    kept!(soak),
];

use ValidationResult::{Accept, Ignore, Reject};

async fn judge_ten(bench: &Bench, order: [usize; 10]) {
    let agent = bench.agent(Setting::default()).await;
    let peer = Peer::dial(&agent).await;
    let (mut judge, mut listener) = (peer.handle().await.unwrap(), peer.listen().await.unwrap());
    bench.publish_numbers(0..10).await;
    let offers = judge.take(10).await;
    assert_eq!(offers.iter().map(|offer| text(&offer.data)).collect::<Vec<_>>(), texts(0..10));
    for number in order {
        judge.say(&offers[number], [Accept, Ignore, Reject][number % 3]).await;
    }
    assert_eq!(agent.outcomes(10).await, (4, 3, 3));
    let mut got = listener.texts(4).await;
    let mut forwarded = bench.forwarded(4).await;
    got.sort();
    forwarded.sort();
    assert_eq!((&got, &forwarded), (&texts([0, 3, 6, 9]), &texts([0, 3, 6, 9])));
}

async fn verdicts_in_order(bench: &Bench) {
    judge_ten(bench, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).await;
}

async fn verdicts_out_of_order(bench: &Bench) {
    judge_ten(bench, [7, 9, 0, 4, 8, 2, 6, 1, 5, 3]).await;
}

async fn verifiers_share(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let peer = Peer::dial(&agent).await;
    let (mut one, mut two) = (peer.handle().await.unwrap(), peer.handle().await.unwrap());
    bench.publish_numbers(0..20).await;
    // How many go to each depends on when they come; that each goes to one of them does not.
    let (mut ones, mut twos) = (Vec::new(), Vec::new());
    while ones.len() + twos.len() < 20 {
        tokio::select! {
            offer = one.next() => ones.push(offer),
            offer = two.next() => twos.push(offer),
        }
    }
    assert!(ones.len().abs_diff(twos.len()) <= 2, "the one with less work gets the next: {} and {}", ones.len(), twos.len());
    accept_all(&one, &ones).await;
    accept_all(&two, &twos).await;
    let mut all: Vec<String> = ones.iter().chain(&twos).map(|offer| text(&offer.data)).collect();
    all.sort();
    let mut expected = texts(0..20);
    expected.sort();
    assert_eq!(all, expected, "each message is offered to one of them");
    assert_eq!(agent.outcomes(20).await, (20, 0, 0));
}

async fn accept_all(judge: &Judge, offers: &[Message]) {
    for offer in offers {
        judge.say(offer, Accept).await;
    }
}

async fn verifier_leaves(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let peer = Peer::dial(&agent).await;
    let (mut stays, mut leaves) = (peer.handle().await.unwrap(), peer.handle().await.unwrap());
    bench.publish_numbers(0..10).await;
    let (mut own, mut held) = (Vec::new(), Vec::new());
    while own.len() + held.len() < 10 {
        tokio::select! {
            offer = stays.next() => own.push(offer),
            offer = leaves.next() => held.push(offer),
        }
    }
    assert!(!held.is_empty(), "one of them got everything");
    drop(leaves);
    let taken = stays.take(held.len()).await;
    let texts_of = |offers: &[Message]| offers.iter().map(|offer| text(&offer.data)).collect::<Vec<_>>();
    assert_eq!(texts_of(&taken), texts_of(&held), "the oldest first");
    accept_all(&stays, &own).await;
    accept_all(&stays, &taken).await;
    assert_eq!(agent.outcomes(10).await, (10, 0, 0));
}

async fn parent_killed_and_back(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let first = Peer::dial(&agent).await;
    let mut judge = first.handle().await.unwrap();
    bench.publish_numbers(0..5).await;
    judge.take(5).await;
    // The connection goes with it.
    drop((judge, first));
    bench.publish_numbers(5..7).await;
    agent.counts_when("seven that wait", |counts| counts["verifiers"] == 0 && counts["pending"]["messages"] == 7).await;
    let back = Peer::dial(&agent).await;
    let mut judge = back.handle().await.unwrap();
    let offers = judge.take(7).await;
    assert_eq!(offers.iter().map(|offer| text(&offer.data)).collect::<Vec<_>>(), texts(0..7));
    accept_all(&judge, &offers).await;
    assert_eq!(bench.forwarded(7).await, texts(0..7));
}

async fn parent_seen_dead(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let peer = Peer::dial(&agent).await;
    let judge = peer.handle().await.unwrap();
    agent.health_when("ready", |health| health["ready"] == true).await;
    drop((judge, peer));
    agent.health_when("not ready", |health| health["ready"] == false).await;
}

/// Bytes on a `Handle` call that are none of its messages: the call is told so, and the others go on.
async fn refused(bench: &Bench, bytes: &[&[u8]], ends: bool) {
    let agent = bench.agent(Setting::default()).await;
    let peer = Peer::dial(&agent).await;
    let (mut judge, mut listener) = (peer.handle().await.unwrap(), peer.listen().await.unwrap());
    for (number, bytes) in bytes.iter().enumerate() {
        let mut call = RawCall::open(&agent.url, "proto.ValidationRouter/Handle", "").await;
        agent.counts_when("both verifiers", |counts| counts["verifiers"] == 2).await;
        call.write(bytes, ends);
        assert_ne!(call.status().await, "0", "{bytes:?}");
        agent.counts_when("the other one", |counts| counts["verifiers"] == 1).await;
        bench.publish_numbers(number..number + 1).await;
        let offer = judge.next().await;
        judge.say(&offer, Accept).await;
        assert_eq!(listener.texts(1).await, texts([number]));
    }
}

async fn garbage(bench: &Bench) {
    refused(bench, &[b"GET / HTTP/1.1\r\n\r\n", &[0xff; 4_096]], false).await;
}

async fn truncated(bench: &Bench) {
    // Ten bytes are announced, two come.
    refused(bench, &[&[0, 0, 0, 0, 10, 8, 1]], true).await;
}

async fn oversized(bench: &Bench) {
    refused(bench, &[&[0, 0xff, 0xff, 0xff, 0xff, 8, 1]], false).await;
}

async fn nonsense(bench: &Bench) {
    refused(bench, &[&[0, 0, 0, 0, 3, 0xff, 0xff, 0xff], &[0, 0, 0, 0, 2, 0x12, 0x7f]], false).await;
}

async fn carry(bench: &Bench, size: usize) {
    let content = |salt: u8| -> Bytes { (0..size).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0] ^ salt).collect() };
    let agent = bench.agent(Setting::default()).await;
    let peer = Peer::dial(&agent).await;
    let (mut judge, mut listener) = (peer.handle().await.unwrap(), peer.listen().await.unwrap());
    let (theirs, ours) = (content(1), content(2));
    bench.publish(theirs.clone()).await;
    let offer = judge.next().await;
    assert!(offer.data == theirs, "offered: {} bytes", offer.data.len());
    judge.say(&offer, Accept).await;
    assert!(listener.next().await == theirs);
    // There is one message of no bytes to a topic: once more it is known, and answered in the same way.
    let id = peer.publish(&bench.topic, ours.clone()).await.unwrap();
    let mut expected = vec![theirs.clone()];
    if ours == theirs {
        assert_eq!(id, offer.message_id);
    } else {
        assert!(listener.next().await == ours, "own");
        expected.push(ours);
    }
    assert!(bench.around.payloads(&bench.topic, expected.len()).await == expected);
}

async fn payload_of_nothing(bench: &Bench) {
    carry(bench, 0).await;
}

async fn payload_of_a_byte(bench: &Bench) {
    carry(bench, 1).await;
}

async fn payload_of_64_kib(bench: &Bench) {
    carry(bench, 64 << 10).await;
}

async fn payload_of_1_mib(bench: &Bench) {
    carry(bench, 1 << 20).await;
}

fn descriptors(agent: &Agent) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", agent.pid())).unwrap().count()
}

async fn hundred_connects(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let before = descriptors(&agent);
    for number in 0..100 {
        let peer = Peer::dial(&agent).await;
        match number % 3 {
            0 => drop(peer.handle().await.unwrap()),
            1 => drop(peer.listen().await.unwrap()),
            _ => drop(peer),
        }
    }
    agent.counts_when("nobody", |counts| counts["verifiers"] == 0 && counts["consumers"] == 0).await;
    agent.metric_when("pmq_attach_sessions", &[], 0).await;
    until("the descriptors of before", async || (descriptors(&agent) <= before + 1).then_some(())).await;
}

async fn sessions_bounded(bench: &Bench) {
    let agent = bench.agent(Setting { attach: "max_sessions = 3\n", ..Setting::default() }).await;
    let peer = Peer::dial(&agent).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(peer.listen().await.unwrap());
    }
    let refused = peer.listen().await.err().unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(refused.message().contains("3 sessions") && refused.message().contains("max_sessions"), "{refused}");
    drop(all.pop());
    until("a place", async || peer.listen().await.ok()).await;
}

async fn role_not_granted(bench: &Bench) {
    let agent = bench.agent(Setting { roles: Some(Roles::CONSUME | Roles::PRODUCE), ..Setting::default() }).await;
    let peer = Peer::dial(&agent).await;
    let mut listener = peer.listen().await.unwrap();
    let refused = peer.handle().await.err().unwrap();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    assert!(refused.message().contains("verify") && !refused.message().contains("consume"), "{refused}");
    peer.publish(&bench.topic, "own".into()).await.unwrap();
    assert_eq!(listener.texts(1).await, ["own"]);
}

async fn network_not_granted(bench: &Bench) {
    let agent = bench.agent(Setting { only: Some("other"), ..Setting::default() }).await;
    let peer = Peer::dial(&agent).await;
    let refused = peer.publish(&bench.topic, "no".into()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    assert!(refused.message().contains("\"net\""), "{refused}");
    peer.listen().await.unwrap();
}

async fn soak(bench: &Bench) {
    const MESSAGES: usize = 10_000;
    let agent = bench.agent(Setting::deadline("60s")).await;
    let peer = Peer::dial(&agent).await;
    let (mut judge, mut listener) = (peer.handle().await.unwrap(), peer.listen().await.unwrap());
    let verdict =
        |text: &str| [Accept, Accept, Ignore, Reject][text.len().wrapping_mul(31).wrapping_add(text.bytes().map(usize::from).sum()) % 4];
    let expected: Vec<String> = texts(0..MESSAGES).into_iter().filter(|text| verdict(text) == Accept).collect();
    let judging = async {
        for _ in 0..MESSAGES {
            let offer = judge.next().await;
            judge.say(&offer, verdict(&text(&offer.data))).await;
        }
    };
    let publishing = bench.publish_numbers(0..MESSAGES);
    let (mut heard, (), ()) = futures::future::join3(listener.texts(expected.len()), judging, publishing).await;
    let count = |result| texts(0..MESSAGES).iter().filter(|text| verdict(text) == result).count() as u64;
    assert_eq!(agent.outcomes(MESSAGES as u64).await, (count(Accept), count(Ignore), count(Reject)));
    let mut forwarded = bench.forwarded(expected.len()).await;
    let mut expected = expected;
    for list in [&mut heard, &mut forwarded, &mut expected] {
        list.sort();
    }
    assert!(heard == expected && forwarded == expected, "{} heard, {} forwarded of {}", heard.len(), forwarded.len(), expected.len());
}
