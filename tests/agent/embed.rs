//! An agent within a program: parents within the process, stages and layers of one's own, and what is left of the agent when they fail.

use std::time::Duration;

use pmq_agent::{Agent, AgentBuilder};
use pmq_client::{Client, ConsumeOptions, Consumer, Delivery, GapReason, HeaderOrigin, MarkOp, PmqHeader, Reason, Status, VerifyOptions};
use pmq_config::{Request, load_with};
use pmq_pipeline::{Batch, Blueprint, Outcome, Part, Pass, Stage};
use pmq_protocol::wire::Limits;
use pmq_stages::{InvalidSetting, NetworkContext, Registry, StageSettings};
use pmq_transports::{Address, Listener};
use tokio::sync::oneshot;
use tower::limit::ConcurrencyLimitLayer;
use tower::util::MapRequestLayer;

use pmq_testing::{Agent as Neighbour, SOON, Setup, judge, message, network, next, soon};

/// Refuses what has a word in it. A stage of one's own, by name in a network's file.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Banned {
    word: String,
}

impl StageSettings for Banned {
    fn into_part(self, _: &NetworkContext) -> Result<Part, InvalidSetting> {
        Ok(Part::Stage(Box::new(self)))
    }
}

impl Blueprint for Banned {
    fn name(&self) -> &'static str {
        "banned"
    }

    fn build(&self) -> Box<dyn Stage> {
        Box::new(self.clone())
    }
}

impl Stage for Banned {
    fn name(&self) -> &'static str {
        "banned"
    }

    fn inward(&mut self, batch: &mut Batch, _: std::time::Instant) {
        let (word, boom) = (self.word.as_bytes(), b"stage panics");
        batch.settle_where(|message| {
            let payload = &message.arrival.payload;
            assert!(!has(payload, boom), "told to");
            has(payload, word).then(|| Outcome::ignore(Reason::Stage))
        });
    }
}

fn has(payload: &[u8], word: &[u8]) -> bool {
    payload.windows(word.len()).any(|part| part == word)
}

/// An agent with the networks weather and quakes in this process, whose only peer is `neighbour`.
struct Embedded {
    url: String,
    leave: oneshot::Sender<()>,
    agent: tokio::task::JoinHandle<Result<(), pmq_agent::RunError>>,
    setup: Setup,
}

impl Embedded {
    async fn start(name: &str, neighbour: &Neighbour, front: &str, with: impl FnOnce(AgentBuilder) -> AgentBuilder) -> Self {
        let networks = [network("weather", front, "8s"), network("quakes", "", "8s")];
        let setup = Setup::with(&[&networks[0], &networks[1]]).peer(neighbour).more("enabled = false\n");
        // Writes the files.
        drop(setup.command());
        let request = Request { file: Some(setup.dir.path().join("pmq.toml")), ..Request::default() };
        let config = load_with(&request, &Registry::standard().with::<Banned>("banned")).unwrap();
        let listener = Listener::bind(&Address::Memory(name.into()), 100, Limits::default()).await.unwrap();
        let agent = with(Agent::builder(config.settings)).listener(listener).build();
        let (leave, left) = oneshot::channel::<()>();
        let agent = tokio::spawn(agent.run(async { left.await.unwrap() }));
        Self { url: format!("memory:{name}"), leave, agent, setup }
    }

    /// A parent that judges and consumes one network.
    async fn parent(&self, network: &str) -> (Client, Consumer) {
        let builder = Client::builder(&self.url).connect_timeout(SOON);
        let builder = builder.verify(network, VerifyOptions::default()).consume(network, ConsumeOptions::default()).produce(network);
        let client = builder.connect().await.unwrap();
        judge(&client, network);
        let consumer = client.consumer(network).unwrap();
        (client, consumer)
    }

    async fn end(self) {
        self.leave.send(()).unwrap();
        soon("the agent's end", self.agent).await.unwrap().unwrap();
    }
}

/// A neighbour with both networks and a parent that publishes there.
async fn neighbour() -> (Neighbour, Client) {
    let networks = [network("weather", "", "4s"), network("quakes", "", "4s")];
    let neighbour = Setup::with(&[&networks[0], &networks[1]]).start().await;
    let client = neighbour.builder().produce("weather").produce("quakes").connect().await.unwrap();
    (neighbour, client)
}

const BANNED: &str = "[[stage]]\nuse = \"banned\"\nword = \"spam\"\n";

#[tokio::test]
async fn parents_attach_at_every_listener() {
    let (neighbour, _) = neighbour().await;
    let agent = Embedded::start("embedded", &neighbour, "", |agent| agent).await;
    for url in [agent.url.clone(), format!("unix://{}", agent.setup.socket.display())] {
        let client = Client::builder(url).connect_timeout(SOON).produce("weather").connect().await.unwrap();
        client.subscribe("weather", "weather/other").await.unwrap();
        client.close().await;
    }
    agent.end().await;
    assert!(Client::builder("memory:embedded").connect_timeout(Duration::from_millis(50)).connect().await.is_err());
}

#[tokio::test]
async fn a_stage_and_a_stock_layer_of_ones_own_stand_where_they_are_put() {
    let (neighbour, publisher) = neighbour().await;
    let agent = Embedded::start("own-stage", &neighbour, BANNED, |agent| agent.layer("weather", ConcurrencyLimitLayer::new(1))).await;
    let (_client, mut consumer) = agent.parent("weather").await;
    neighbour.meshed("weather", 1).await;
    for payload in ["good spam", "good rain"] {
        publisher.publish("weather", "weather", payload).await.unwrap();
    }
    assert_eq!(message(&mut consumer).await, "good rain", "the stage keeps the other one from the verifier");
    agent.end().await;
}

#[tokio::test]
async fn a_layer_for_a_network_that_is_not_there_is_refused_by_name() {
    let (neighbour, _) = neighbour().await;
    let agent = Embedded::start("no-network", &neighbour, "", |agent| agent.layer("wether", ConcurrencyLimitLayer::new(1))).await;
    let error = soon("the agent's end", agent.agent).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("\"wether\""), "{error}");
}

/// Panics, swallows a message, or lets pass, as the message says.
fn moody(pass: Pass) -> Pass {
    let Pass::Inward(mut batch, now) = pass else { return pass };
    if batch.live.iter().any(|message| has(&message.arrival.payload, b"layer panics")) {
        panic!("told to");
    }
    batch.live.retain(|message| !has(&message.arrival.payload, b"swallow"));
    Pass::Inward(batch, now)
}

#[tokio::test]
async fn a_stage_or_layer_that_fails_ends_its_own_network_alone_and_what_parents_ordered_holds_after_it() {
    let (neighbour, publisher) = neighbour().await;
    let front = format!("[[stage]]\nuse = \"decode\"\ncodec = \"pmq\"\n[[stage]]\nuse = \"sequence-window\"\n{BANNED}");
    let agent = Embedded::start("moody", &neighbour, &front, |agent| agent.layer("weather", MapRequestLayer::new(moody))).await;
    let (weather, mut reports) = agent.parent("weather").await;
    let (quakes, mut others) = agent.parent("quakes").await;
    let steady = quakes.status();
    neighbour.meshed("weather", 1).await;
    neighbour.meshed("quakes", 1).await;
    weather.thresholds("weather", "weather", 4, 50).await.unwrap();
    weather.mark("weather", "weather", [7; 32], 0, 1_000, MarkOp::Seed).await.unwrap();

    let numbered = |seq: u64, text: &str| {
        let mut payload = Vec::new();
        PmqHeader { origin: HeaderOrigin::Long([7; 32]), epoch: 0, seq, content: text.len() as u32 }.write(&mut payload);
        payload.extend_from_slice(text.as_bytes());
        payload
    };
    for (number, mood) in
        (1_001..).step_by(10).zip(["good, but the layer panics", "good, but swallowed: swallow", "good, but the stage panics"])
    {
        publisher.publish("weather", "weather", numbered(number, mood)).await.unwrap();
        // Delivery begins anew, too: what it still held would be lost, and nobody knows how much that was.
        let gap = next(&mut reports).await;
        assert!(matches!(gap, Delivery::Gap { count: 0, reason: GapReason::Restart, .. }), "{mood}: {gap:?}");
        match next(&mut reports).await {
            Delivery::Unverified { cause, count, .. } => assert_eq!((cause, count), (Reason::Fault, 1), "{mood}"),
            other => panic!("{mood}: {other:?}"),
        }
        // Nobody else has noticed.
        publisher.publish("quakes", "quakes", format!("good while {number}")).await.unwrap();
        assert_eq!(message(&mut others).await, format!("good while {number}"));
        // The mark of before the fault: this one is too old, and never gets to the verifier.
        publisher.publish("weather", "weather", numbered(949, &format!("good, but too old after {number}"))).await.unwrap();
        publisher.publish("weather", "weather", numbered(number + 4, &format!("good after {number}"))).await.unwrap();
        assert!(message(&mut reports).await.ends_with(&format!("good after {number}")));
    }
    assert!(matches!(*steady.borrow(), Status::Connected { times: 1, .. }), "{:?}", steady.borrow());
    agent.end().await;
}
