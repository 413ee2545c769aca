//! The agent under test: a process or a thread, with one network of one topic.

use std::net::{Ipv4Addr, SocketAddr};

use pmq_client::{Builder, Client, VerifyOptions};
use pmq_protocol::wire::Roles;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::hand::{Asks, Hand};
use super::thread::Thread;
use super::{Bench, NETWORK};
use crate::transports::{Host, Transport};
use pmq_testing::{SOON, Setup, until};

/// What a case changes of the agent's files.
#[derive(Default)]
pub struct Setting {
    /// From arrival to fallback; empty = 20 s, which no case waits for.
    pub deadline: &'static str,
    /// Further options of the stage `delivery`.
    pub delivery: &'static str,
    /// Further options of the stage `validation-queue`.
    pub queue: &'static str,
    /// Further options of `[attach]`.
    pub attach: &'static str,
    /// What the parents of every transport may claim; `None` = everything.
    pub roles: Option<Roles>,
    /// A second network, to which alone the parents of every transport are let.
    pub only: Option<&'static str>,
}

impl Setting {
    pub fn deadline(deadline: &'static str) -> Self {
        Self { deadline, ..Self::default() }
    }

    fn network(&self, topic: &str) -> String {
        let deadline = if self.deadline.is_empty() { "20s" } else { self.deadline };
        let Self { delivery, queue, .. } = self;
        format!(
            "version = 1\nname = \"{NETWORK}\"\ntopics = [{topic:?}]\nsubscribe = [{topic:?}]\nmax_message = \"2MiB\"\n\
             [[stage]]\nuse = \"validation-queue\"\ndeadline = \"{deadline}\"\n{queue}\n[[stage]]\nuse = \"delivery\"\n{delivery}\n"
        )
    }
}

/// A loopback address that no other agent of this run has, nor anybody else while the agent is away; `which` of its two.
pub fn address(number: usize, which: u16) -> SocketAddr {
    let [low, high] = [number % 250, number / 250].map(|part| part as u8 + 1);
    let pid = std::process::id();
    // Below the ports that the system gives out by itself.
    let port = 10_000 + (pid / 250 % 10_000) as u16 * 2 + which;
    SocketAddr::from((Ipv4Addr::new(127, (pid % 250) as u8 + 1, high, low), port))
}

enum Running {
    Process(pmq_testing::Agent),
    Thread(Thread),
    /// Killed, with the files for another start.
    Dead(Setup),
}

/// The agent under test. Ends with the case.
pub struct Agent {
    pub transport: &'static Transport,
    pub url: String,
    topic: String,
    ops: SocketAddr,
    running: Running,
}

impl Agent {
    pub(super) async fn start(bench: &Bench, setting: Setting, number: usize) -> Self {
        let transport = bench.transport;
        let ops = address(number, 0);
        let further = setting.only.map(|name| pmq_testing::network(name, "", "20s"));
        let networks = [Some(setting.network(&bench.topic)), further];
        let networks: Vec<&str> = networks.iter().flatten().map(String::as_str).collect();
        let mut setup = Setup::with(&networks).peer(&bench.around.neighbour).peer(&bench.around.behind);
        setup.ops = ops.to_string();
        let dir = setup.dir.path().to_owned();
        let mut setup = setup.more(&(transport.settings)(&dir, number));
        if !setting.attach.is_empty() {
            setup = setup.more(&format!("[attach]\n{}\n", setting.attach));
        }
        let whose = transport.granted();
        if let Some(roles) = setting.roles {
            let named = roles.to_string();
            let named: Vec<&str> = named.split('+').collect();
            setup = setup.more(&format!("[[attach.grant]]\n{whose}roles = {named:?}\n"));
        }
        if let Some(name) = setting.only {
            setup = setup.more(&format!("[[attach.grant]]\n{whose}networks = [{name:?}]\n"));
        }
        if setting.roles.is_none() && setting.only.is_none() && !whose.is_empty() {
            setup = setup.more(&format!("[[attach.grant]]\n{whose}"));
        }
        let url = (transport.url)(&dir, number);
        let mut agent = Self { transport, url, topic: bench.topic.clone(), ops, running: Running::Dead(setup) };
        agent.start_again().await;
        agent
    }

    /// Starts it, and waits until it is where parents and neighbours find it.
    pub async fn start_again(&mut self) {
        let Running::Dead(setup) = std::mem::replace(&mut self.running, Running::Dead(Setup::with(&[]))) else { panic!("it runs already") };
        self.running = match self.transport.host {
            Host::Process => Running::Process(setup.start().await),
            Host::Thread => Running::Thread(Thread::start(setup, &self.url)),
        };
        let ready = |health: &Value| {
            let attach = health["subsystems"]["attach"]["ready"] == true;
            let in_mesh = |peer: &Value| peer["mesh"].as_array().is_some_and(|mesh| mesh.iter().any(|name| *name == *self.topic));
            let peers = health["subsystems"]["gossip"]["detail"]["peers"].as_array();
            let near = peers.is_some_and(|peers| peers.iter().filter(|peer| peer["connected"] == true).count() == 2);
            attach && near && peers.is_some_and(|peers| peers.iter().any(in_mesh))
        };
        self.health_when("the agent and its neighbours", ready).await;
    }

    /// SIGKILL, or what comes nearest to it in a thread.
    pub async fn kill(&mut self) {
        self.running = match std::mem::replace(&mut self.running, Running::Dead(Setup::with(&[]))) {
            Running::Process(agent) => Running::Dead(agent.killed().await),
            Running::Thread(thread) => Running::Dead(thread.kill().await),
            Running::Dead(_) => panic!("it is dead already"),
        };
    }

    /// The process that it runs in.
    pub fn pid(&self) -> u32 {
        match &self.running {
            Running::Process(agent) => agent.child.id(),
            Running::Thread(_) | Running::Dead(_) => std::process::id(),
        }
    }

    async fn get(&self, path: &str) -> Option<String> {
        let mut stream = tokio::net::TcpStream::connect(self.ops).await.ok()?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer.split_once("\r\n\r\n")?.1.to_owned())
    }

    pub async fn health_when(&self, what: &str, when: impl Fn(&Value) -> bool) -> Value {
        let ask = async || {
            assert!(!matches!(&self.running, Running::Thread(thread) if !thread.lives()), "the agent has ended");
            let health: Value = serde_json::from_str(&self.get("/health").await?).ok()?;
            Some(health).filter(|health| when(health))
        };
        until(what, ask).await
    }

    /// What `/health` says of the network, once `when` holds.
    pub async fn counts_when(&self, what: &str, when: impl Fn(&Value) -> bool) -> Value {
        let of = |health: &Value| health["subsystems"]["networks"]["detail"][0].clone();
        of(&self.health_when(what, |health| when(&of(health))).await)
    }

    /// The outcomes once `came_in` messages have come and none is pending: accepted, ignored, rejected.
    pub async fn outcomes(&self, came_in: u64) -> (u64, u64, u64) {
        let all = |counts: &Value| counts["came_in"] == came_in && counts["pending"]["messages"] == 0;
        let counts = self.counts_when(&format!("the outcome of {came_in} messages"), all).await;
        let of = |name: &str| counts["verdicts"][name].as_u64().unwrap();
        (of("accept"), of("ignore"), of("reject"))
    }

    /// A counter or gauge: the sum of its series with those labels.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let text = match &self.running {
            Running::Thread(thread) => thread.metrics.render(),
            Running::Process(_) | Running::Dead(_) => self.get("/metrics").await.expect("the agent shows its metrics"),
        };
        let wanted: Vec<String> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        let of = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            let (own, rest) = series.split_once('{').unwrap_or((series, ""));
            (own == name && wanted.iter().all(|label| rest.contains(label.as_str()))).then(|| value.parse::<f64>().ok())?
        };
        text.lines().filter_map(of).sum::<f64>() as u64
    }

    pub async fn metric_when(&self, name: &str, labels: &[(&str, &str)], expected: u64) {
        let what = format!("{name} {labels:?} = {expected}");
        until(&what, async || (self.metric(name, labels).await == expected).then_some(())).await;
    }

    /// A parent by hand.
    pub async fn hand(&self, asks: Asks) -> Hand {
        Hand::attach(self, asks).await
    }

    /// The library's parent.
    pub fn builder(&self) -> Builder {
        let builder = Client::builder(&*self.url).connect_timeout(SOON).request_timeout(SOON);
        self.transport.show(builder)
    }

    /// A parent that accepts everything.
    pub async fn accepting(&self) -> Client {
        let client = self.builder().verify(NETWORK, VerifyOptions::default()).connect().await.unwrap();
        client.verify(NETWORK, |batch| batch.iter_mut().for_each(pmq_client::Incoming::accept)).unwrap();
        client
    }
}
