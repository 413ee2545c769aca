//! An agent within a program: a stage of your own by its name in the network's file, and a stock tower layer around the stages.
//!
//! Two agents meet on loopback. One publishes three lines; the other stops one of them at its own stage, and its parent verifies the rest.
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::error::Error;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use futures::StreamExt;
use pmq_agent::{Agent, AgentBuilder};
use pmq_client::{Client, ConsumeOptions, Delivery, VerifyOptions};
use pmq_config::{Request, Source, load_with};
use pmq_pipeline::{Batch, Blueprint, Outcome, Part, Pass, Stage};
use pmq_protocol::wire::{Limits, Reason};
use pmq_stages::{InvalidSetting, NetworkContext, Registry, StageSettings};
use pmq_transports::{Address, Listener};

/// Settings and stage in one: it keeps nothing.
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
    fn inward(&mut self, batch: &mut Batch, _: Instant) {
        let bad = |payload: &[u8]| String::from_utf8_lossy(payload).contains(&self.word);
        batch.settle_where(|message| bad(&message.arrival.payload).then(|| Outcome::ignore(Reason::Stage)));
    }
}

/// An agent whose files are texts, which takes parents at `memory:NAME`.
async fn agent(dir: &Path, name: &str, gossip: &str, stages: &str) -> Result<AgentBuilder, Box<dyn Error>> {
    let file = |kind: &str| dir.join(format!("{name}-{kind}"));
    let agent = format!(
        "version = 1\nnetworks = ['{name}-news.toml']\n[ops]\nenabled = false\n[control]\nenabled = false\n[attach.unix]\npath = '{}'\n[gossip]\nidentity = '{name}.key'\n{gossip}\n",
        file("agent.sock").display()
    );
    let network = format!("version = 1\nname = 'news'\ntopics = ['news']\nsubscribe = ['news']\n{stages}");
    let texts = [(file("pmq.toml"), agent), (file("news.toml"), network)];
    let request = Request { file: Some(file("pmq.toml")), source: Source::Texts(std::sync::Arc::new(texts.into())), ..Request::default() };
    let config = load_with(&request, &Registry::standard().with::<Banned>("banned"))?;
    let listener = Listener::bind(&Address::Memory(name.into()), 100, Limits::default()).await?;
    Ok(Agent::builder(config.settings).listener(listener))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir: PathBuf = std::env::temp_dir().join(format!("pmq-custom-stage-{}", std::process::id()));
    std::fs::DirBuilder::new().mode(0o700).create(&dir)?;
    let peer = pmq_gossip::Identity::generate(&dir.join("one.key"))?.peer_id();
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let (queue, address) = ("[[stage]]\nuse = 'validation-queue'\n[[stage]]\nuse = 'delivery'\n", format!("/ip4/127.0.0.1/tcp/{port}"));
    let publisher = agent(&dir, "one", &format!("listen = ['{address}']"), queue).await?;
    let stages = format!("[[stage]]\nuse = 'admission'\n[[stage]]\nuse = 'banned'\nword = 'spam'\n{queue}");
    let consumer = agent(&dir, "two", &format!("listen = []\npeers = ['{address}/p2p/{peer}']"), &stages).await?;
    let consumer = consumer.layer(
        "news",
        tower::util::MapRequestLayer::new(|pass| {
            let Pass::Inward(batch, _) = &pass else { return pass };
            batch.live.iter().for_each(|message| println!("came in: {}", String::from_utf8_lossy(&message.arrival.payload)));
            pass
        }),
    );
    let parents = async {
        let builder = Client::builder("memory:two").verify("news", VerifyOptions::default());
        let client = builder.consume("news", ConsumeOptions::default()).connect().await?;
        client.verify("news", |batch| batch.iter_mut().for_each(pmq_client::Incoming::accept))?;
        let mut delivered = client.consumer("news")?;
        let publisher = Client::builder("memory:one").produce("news").connect().await?;
        for line in ["rain at noon", "buy spam now", "snow at night"] {
            publisher.publish("news", "news", line).await?;
        }
        for _ in 0..2 {
            if let Some(Delivery::Message { payload, .. }) = delivered.next().await {
                println!("delivered: {}", String::from_utf8_lossy(&payload));
            }
        }
        Ok::<_, Box<dyn Error>>(())
    };
    let ended = tokio::select! {
        ended = publisher.build().run(std::future::pending()) => ended.map_err(Into::into),
        ended = consumer.build().run(std::future::pending()) => ended.map_err(Into::into),
        ended = parents => ended,
    };
    std::fs::remove_dir_all(&dir)?;
    ended
}
