//! Several verifiers: a group that shares the load, a chain of groups, a shadow.

use pmq_client::{Client, ConsumeOptions, RefuseCode, Verdict, VerifyOptions};
use pmq_protocol::session::ParentEvent;
use pmq_protocol::wire::Roles;
use pmq_protocol::wire::message::{Judged, Offered};

use crate::grants::refused;
use crate::parents::Raw;
use pmq_testing::{Agent, Setup, message, pair, soon, until};

/// The network "weather" with a chain of two groups.
fn chain() -> String {
    "version = 1\nname = \"weather\"\ntopics = [\"weather\"]\nsubscribe = [\"weather\"]\n\
     [[stage]]\nuse = \"validation-queue\"\ndeadline = \"8s\"\ngroups = [\"format\", \"content\"]\n[[stage]]\nuse = \"delivery\"\n"
        .to_owned()
}

/// A parent that says the same of every message, and why.
async fn judge(agent: &Agent, options: VerifyOptions, verdict: Verdict, code: u16, text: &'static str) -> Client {
    let client = agent.builder().verify("weather", options).connect().await.unwrap();
    let judge = move |batch: &mut [pmq_client::Incoming]| batch.iter_mut().for_each(|message| message.answer_because(verdict, code, text));
    client.verify("weather", judge).unwrap();
    client
}

async fn publish(parent: &Client, numbers: std::ops::Range<u32>) {
    for number in numbers {
        parent.publish("weather", "weather", format!("good {number}")).await.unwrap();
    }
}

#[tokio::test]
async fn a_group_shares_the_load_and_takes_over_what_one_that_leaves_had_in_flight() {
    let (_a, parent, b) = pair(Setup::new("10s"), Setup::new("10s")).await;
    let (_client, mut consumer) = b.consumer("weather", ConsumeOptions::default()).await;
    let mut one = Raw::attach(&b, Roles::VERIFY).await;
    let mut other = Raw::attach(&b, Roles::VERIFY).await;
    publish(&parent, 0..6).await;
    // The least outstanding work is next, so that six make three and three.
    one.hold(3).await;
    other.hold(3).await;
    let health = b.network_when("weather", "both", |network| network["pending"]["messages"] == 6).await;
    assert_eq!(health["verifiers"], 2);
    // It judges one and leaves with two in flight.
    let (ticket, network) = one.tickets[0];
    one.say(&[Judged { network, ticket, verdict: Verdict::Accept, reason: 0, text: "" }]).await;
    drop(one);
    other.hold(5).await;
    other.accept_all().await;
    let mut got = Vec::new();
    for _ in 0..6 {
        got.push(message(&mut consumer).await);
    }
    got.sort();
    assert_eq!(got, (0..6).map(|number| format!("good {number}")).collect::<Vec<_>>());
    let health = b.network_when("weather", "the end", |network| network["pending"]["messages"] == 0).await;
    assert_eq!((&health["verified"]["accept"], &health["lost_by_us"]), (&6.into(), &0.into()));
}

#[tokio::test]
async fn a_chain_is_ready_with_a_verifier_in_each_group_and_accepts_what_both_accept() {
    let (_a, parent, b) = pair(Setup::new("8s"), Setup::with(&[&chain()])).await;
    let (_client, mut consumer) = b.consumer("weather", ConsumeOptions::default()).await;
    let _format = judge(&b, VerifyOptions::in_group("format"), Verdict::Accept, 0, "").await;
    let half = b.network_when("weather", "one group", |network| network["verifiers"] == 1).await;
    assert_eq!(half["missing"], "no verifier is attached in group content");
    publish(&parent, 0..2).await;
    b.network_when("weather", "what waits for the second group", |network| network["pending"]["messages"] == 2).await;
    let _content = b.verifier_of("weather", VerifyOptions::in_group("content")).await;
    assert_eq!([message(&mut consumer).await, message(&mut consumer).await], ["good 0", "good 1"]);
    let whole = b.network_when("weather", "both groups", |network| network["missing"].is_null()).await;
    assert_eq!(whole["groups"], serde_json::json!([{ "name": "format", "verifiers": 1 }, { "name": "content", "verifiers": 1 }]));
    parent.publish("weather", "weather", "unclear").await.unwrap();
    b.network_when("weather", "the second group's ignore", |network| network["verified"]["ignore"] == 1).await;
    let (code, text) = refused(b.builder().verify("weather", VerifyOptions::in_group("forms")).connect().await);
    assert_eq!(code, RefuseCode::GroupUnknown);
    assert!(text.contains("\"forms\"") && text.contains("format, content"), "{text}");
}

/// Settings under which a rejected message would cost its sender some of its score.
fn scored(mut setup: Setup) -> Setup {
    setup.scored = true;
    setup
}

#[tokio::test]
async fn a_conflict_is_ignored_with_an_alarm_and_the_sender_is_not_penalised() {
    let (a, parent, b) = pair(Setup::new("8s"), scored(Setup::with(&[&chain()]))).await;
    let _format = judge(&b, VerifyOptions::in_group("format"), Verdict::Accept, 1, "well formed").await;
    let _content = judge(&b, VerifyOptions::in_group("content"), Verdict::Reject, 7, "forged").await;
    publish(&parent, 0..2).await;
    let health = b.network_when("weather", "the conflicts", |network| network["verdicts"]["ignore"] == 2).await;
    assert_eq!((&health["verdicts"]["reject"], &health["lost_by_us"]), (&0.into(), &0.into()));
    b.metric_when("pmq_verifier_conflicts_total", &["network=\"weather\"", "topic=\"weather\""], |count| count == 2.0).await;
    b.metric_when("pmq_verdicts_total", &["result=\"ignore\"", "reason=\"verifier-conflict\""], |count| count == 2.0).await;
    b.metric_when("pmq_parent_reasons_total", &["verdict=\"reject\"", "code=\"7\""], |count| count == 2.0).await;
    let alarm =
        until("the alarm", async || b.log().lines().map(str::to_owned).find(|line| line.contains("verifiers contradict each other"))).await;
    let alarm: serde_json::Value = serde_json::from_str(&alarm).unwrap();
    assert_eq!((&alarm["level"], &alarm["topic"]), (&"WARN".into(), &"weather".into()));
    assert_eq!((&alarm["accepted_by"], &alarm["accepted"]), (&"format".into(), &"accept (1: \"well formed\")".into()));
    assert_eq!((&alarm["rejected_by"], &alarm["rejected"]), (&"content".into(), &"reject (7: \"forged\")".into()));
    assert!(b.log().contains("a parent gave a reason"));
    let score = score_of(&b, &a).await;
    assert!(score >= 0.0, "its score is {score}");
    // The same verdict of the first group is a Reject, and does cost.
    drop((_format, _content));
    b.network_when("weather", "that both have left", |network| network["verifiers"] == 0).await;
    let _rejecting = judge(&b, VerifyOptions::in_group("format"), Verdict::Reject, 7, "forged").await;
    publish(&parent, 2..3).await;
    b.network_when("weather", "the reject", |network| network["verdicts"]["reject"] == 1).await;
    until("the penalty", async || (score_of(&b, &a).await < 0.0).then_some(())).await;
}

async fn score_of(agent: &Agent, peer: &Agent) -> f64 {
    let health = agent.health_when("the peer", |health| health["subsystems"]["gossip"]["detail"]["peers"][0]["score"].is_number()).await;
    let own = peer.health().await.unwrap()["subsystems"]["gossip"]["detail"]["peer_id"].clone();
    let peers = health["subsystems"]["gossip"]["detail"]["peers"].as_array().unwrap().clone();
    peers.iter().find(|one| one["peer_id"] == own).unwrap()["score"].as_f64().unwrap()
}

/// What becomes of three messages that a real verifier accepts and a second parent rejects, and what is counted of the second one.
async fn with_a_second(options: VerifyOptions) -> (u64, u64, Agent) {
    let (_a, parent, b) = pair(Setup::new("8s"), Setup::new("8s")).await;
    let mut first = Raw::attach(&b, Roles::VERIFY).await;
    let shadow = options.shadow;
    let _second = judge(&b, options, Verdict::Reject, 7, "new rules").await;
    let second = if shadow { "shadows" } else { "verifiers" };
    b.network_when("weather", "the second", |network| network[second] == if shadow { 1 } else { 2 }).await;
    publish(&parent, 0..4).await;
    b.network_when("weather", "the arrivals", |network| network["came_in"] == 4).await;
    // The first takes its time, so that the second gets some of them if it is a verifier.
    soon("the outcomes", async {
        while b.network_when("weather", "the queue", |_| true).await["pending"]["messages"] != 0 {
            first.take_offers().await;
            first.accept_all().await;
        }
    })
    .await;
    let health = b.health().await.unwrap();
    let verified = &health["subsystems"]["networks"]["detail"][0]["verified"];
    (verified["accept"].as_u64().unwrap(), verified["reject"].as_u64().unwrap(), b)
}

#[tokio::test]
async fn a_shadow_that_disagrees_is_counted_and_has_no_effect() {
    let (accepted, rejected, agent) = with_a_second(VerifyOptions::shadow()).await;
    assert_eq!((accepted, rejected), (4, 0));
    let pair = ["topic=\"weather\"", "verdict=\"accept\"", "shadow=\"reject\""];
    agent.metric_when("pmq_shadow_verdicts_total", &pair, |count| count == 4.0).await;
    assert_eq!(agent.metric("pmq_parent_reasons_total", &[]).await, None, "a shadow's reasons are none of the road's");
    assert_eq!(agent.metric("pmq_shadow_skipped_total", &[]).await, Some(0.0));
    let told = agent.log().lines().find(|line| line.contains("a shadow disagrees")).map(str::to_owned).expect("the log");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["said"], &told["shadow"]), (&"accept".into(), &"reject (7: \"new rules\")".into()));
}

#[tokio::test]
async fn the_same_parent_as_a_verifier_has_an_effect() {
    let (accepted, rejected, agent) = with_a_second(VerifyOptions::default()).await;
    assert!(rejected >= 1 && accepted + rejected == 4, "{accepted} accepted, {rejected} rejected");
    assert_eq!(agent.metric("pmq_shadow_verdicts_total", &[]).await, None);
}

#[tokio::test]
async fn a_shadow_alone_makes_no_network_ready_and_a_grant_for_shadows_lets_in_nothing_else() {
    let setup = || Setup::new("1s").more("[[attach.grant]]\nroles = [\"shadow\"]\n");
    let (_a, parent, b) = pair(Setup::new("1s"), setup()).await;
    let _shadow = judge(&b, VerifyOptions::shadow(), Verdict::Accept, 0, "").await;
    let health = b.network_when("weather", "the shadow", |network| network["shadows"] == 1).await;
    assert_eq!((&health["verifiers"], &health["missing"]), (&0.into(), &"no verifier is attached".into()));
    publish(&parent, 0..1).await;
    let pair = ["verdict=\"fallback\"", "shadow=\"accept\""];
    b.metric_when("pmq_shadow_verdicts_total", &pair, |count| count == 1.0).await;
    let (code, text) = refused(b.builder().verify("weather", VerifyOptions::default()).connect().await);
    assert_eq!(code, RefuseCode::RoleNotGranted);
    assert!(text.starts_with("verify on network"), "{text}");
}

#[tokio::test]
async fn a_parent_pauses_and_resumes() {
    let (_a, parent, b) = pair(Setup::new("2s"), Setup::new("2s")).await;
    let (_client, mut consumer) = b.consumer("weather", ConsumeOptions::default()).await;
    let client = b.builder().verify("weather", VerifyOptions::default()).connect().await.unwrap();
    let verifier = client.verifier("weather").unwrap();
    verifier.pause();
    b.network_when("weather", "the pause", |network| network["paused"] == 1).await;
    publish(&parent, 0..1).await;
    match pmq_testing::next(&mut consumer).await {
        pmq_client::Delivery::Unverified { cause: pmq_client::Reason::Paused, count: 1, .. } => {}
        other => panic!("{other:?}"),
    }
    verifier.resume();
    tokio::spawn(async move {
        let mut verifier = verifier;
        while let Some(mut message) = futures::StreamExt::next(&mut verifier).await {
            message.accept();
        }
    });
    publish(&parent, 1..2).await;
    assert_eq!(message(&mut consumer).await, "good 1");
}

#[tokio::test]
async fn every_start_warns_of_each_network_and_cause_that_accepts_unverified() {
    let trusting = |name: &str, fallback: &str| {
        let network = pmq_testing::network(name, "", "4s");
        network.replace("\"validation-queue\"", &format!("\"validation-queue\"\nfallback = {{ {fallback} }}"))
    };
    let weather = trusting("weather", "timeout = \"accept-unverified\", no_verifier = \"accept-unverified\"");
    let quakes = trusting("quakes", "paused = \"accept-unverified\"");
    let mut setup = Setup::with(&[&weather, &quakes, &pmq_testing::network("tides", "", "4s")]);
    for start in 1..=2 {
        let agent = setup.start().await;
        let log = agent.log();
        let warned = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let warned = warned.filter(|line| line["level"] == "WARN" && line["network"].is_string());
        let mut of: Vec<_> =
            warned.map(|line| format!("{} {}", line["network"].as_str().unwrap(), line["cause"].as_str().unwrap())).collect();
        of.sort();
        assert_eq!(of, ["quakes paused", "weather no-verifier", "weather timeout"], "start {start}");
        setup = agent.killed().await;
    }
}

impl Raw {
    async fn say(&mut self, verdicts: &[Judged<'_>]) {
        self.end.verdicts(verdicts).unwrap();
        while let Some(frame) = self.end.poll_frame() {
            futures::SinkExt::send(&mut self.link.outgoing, frame).await.unwrap();
        }
    }

    async fn accept_all(&mut self) {
        let tickets = std::mem::take(&mut self.tickets);
        let accept = |&(ticket, network): &_| Judged { network, ticket, verdict: Verdict::Accept, reason: 0, text: "" };
        let verdicts: Vec<Judged<'_>> = tickets.iter().map(accept).collect();
        self.say(&verdicts).await;
    }

    /// Keeps the tickets of an event.
    pub fn note(&mut self, event: &ParentEvent) {
        if let ParentEvent::Offers(frame) = event {
            self.tickets.extend(frame.items::<Offered<'_>>().unwrap().map(|offer| (offer.ticket, offer.network)));
        }
    }

    /// Takes what is there, and waits for nothing.
    async fn take_offers(&mut self) {
        let brief = std::time::Duration::from_millis(200);
        while let Ok(event) = tokio::time::timeout(brief, self.event()).await {
            self.note(&event);
        }
    }
}
