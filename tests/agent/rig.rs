//! What every test here needs: agents that end with the test, parents, and waiting for what must come.

use std::fmt::Write as _;
use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use pmq::client::{Builder, Client, ConsumeOptions, Consumer, Delivery, VerifyOptions};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Longest wait for anything that must come.
pub const SOON: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Waits for what must come.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("{what} did not come within {SOON:?}"))
}

/// Asks until there is an answer.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    soon(what, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(POLL).await;
        }
    })
    .await
}

/// What an agent is set by. Everything is on loopback and in a directory of its own.
pub struct Setup {
    pub dir: tempfile::TempDir,
    networks: Vec<String>,
    peers: Vec<String>,
    /// Further sections of the agent's file.
    pub more: String,
    /// The whole of `[agent]`.
    pub agent: String,
    /// More of `[gossip]`.
    pub gossip: String,
    pub socket: PathBuf,
    pub ops: String,
    pub listen: String,
    /// Whether peers are scored: a rejected message takes its sender out of the mesh.
    pub scored: bool,
}

/// A network of that name with a topic of that name, and stages in front of its queue.
pub fn network(name: &str, front: &str, deadline: &str) -> String {
    format!(
        "version = 1\nname = \"{name}\"\ntopics = [\"{name}\", \"{name}/*\"]\nsubscribe = [\"{name}\"]\n{front}\n\
         [[stage]]\nuse = \"validation-queue\"\ndeadline = \"{deadline}\"\n[[stage]]\nuse = \"delivery\"\n"
    )
}

impl Setup {
    /// With the network "weather".
    pub fn new(deadline: &str) -> Self {
        Self::with(&[&network("weather", "", deadline)])
    }

    pub fn with(networks: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent.sock");
        let networks = networks.iter().map(|&text| text.to_owned()).collect();
        Self {
            dir,
            networks,
            peers: Vec::new(),
            more: String::new(),
            agent: String::new(),
            gossip: String::new(),
            socket,
            ops: "127.0.0.1:0".to_owned(),
            listen: "/ip4/127.0.0.1/tcp/0".to_owned(),
            scored: false,
        }
    }

    pub fn peer(mut self, agent: &Agent) -> Self {
        self.peers.push(agent.listen.clone());
        self
    }

    pub fn more(mut self, more: &str) -> Self {
        self.more.push_str(more);
        self
    }

    pub fn agent(mut self, agent: &str) -> Self {
        self.agent.push_str(agent);
        self
    }

    pub fn gossip(mut self, gossip: &str) -> Self {
        self.gossip.push_str(gossip);
        self
    }

    /// Writes the files and makes the command, which logs to its standard error.
    pub fn command(&self) -> Command {
        let path = |name: &str| self.dir.path().join(name);
        let mut names = Vec::new();
        for (index, text) in self.networks.iter().enumerate() {
            names.push(format!("network-{index}.toml"));
            std::fs::write(path(&names[index]), text).unwrap();
        }
        let mut text = format!("version = 1\nnetworks = {names:?}\n[agent]\n{}\n", self.agent);
        writeln!(text, "[gossip]\nlisten = [{:?}]\npeers = {:?}\npublish_wait = \"3s\"\n{}", self.listen, self.peers, self.gossip).unwrap();
        writeln!(text, "[gossip.mesh]\nheartbeat = \"200ms\"\n[gossip.score]\nenabled = {}", self.scored).unwrap();
        writeln!(text, "[attach.unix]\npath = {:?}\n[ops]\nlisten = {:?}\n{}", self.socket, self.ops, self.more).unwrap();
        std::fs::write(path("pmq.toml"), text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pmq"));
        command.current_dir(self.dir.path()).env_clear().args(["run", "--with-stdin", "--log-format", "json", "-c", "pmq.toml"]);
        // Large buffers go back to the system when they are freed, so that the process's size says what it holds.
        command.env("MALLOC_MMAP_THRESHOLD_", "32768");
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command
    }

    /// Starts an agent, and waits until parents may attach.
    pub async fn start(self) -> Agent {
        let log = self.dir.path().join("log");
        let child = self.command().stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
        let mut agent = Agent { setup: self, child, log, ops: None, listen: String::new() };
        let ops = until("the operator's address", || std::future::ready(agent.ops_address())).await;
        agent.ops = Some(ops);
        let health = agent.health_when("attach", |health| health["subsystems"]["attach"]["ready"] == true).await;
        agent.listen = health["subsystems"]["gossip"]["detail"]["listen"][0].as_str().unwrap().to_owned();
        agent
    }

    /// Runs an agent that must end by itself: its exit code, its last line of standard error, and how long it took.
    pub fn run_to_end(&self) -> (Option<i32>, String, Duration) {
        let started = Instant::now();
        let mut child = self.command().stderr(Stdio::piped()).spawn().unwrap();
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break Some(ended);
            }
            if started.elapsed() > SOON {
                child.kill().unwrap();
                break None;
            }
            std::thread::sleep(POLL);
        };
        let took = started.elapsed();
        let text = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
        (ended.expect("it did not end").code(), text.lines().last().unwrap_or_default().to_owned(), took)
    }
}

/// An agent's process. Ends with the test, one way or the other.
pub struct Agent {
    pub setup: Setup,
    pub child: Child,
    log: PathBuf,
    ops: Option<SocketAddr>,
    /// Its address in the overlay.
    pub listen: String,
}

impl Agent {
    pub fn url(&self) -> String {
        format!("unix://{}", self.setup.socket.display())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn ops_address(&self) -> Option<SocketAddr> {
        let lines = self.log();
        let mut logged = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        logged.find_map(|line| (line["message"] == "metrics and health").then(|| line["address"].as_str()?.parse().ok())?)
    }

    /// What the operator's address answers.
    async fn get(&self, path: &str) -> Option<String> {
        let mut stream = tokio::net::TcpStream::connect(self.ops?).await.ok()?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }

    /// `/health`, if it answers.
    pub async fn health(&self) -> Option<Value> {
        serde_json::from_str(&self.get("/health").await?).ok()
    }

    /// The sum of a metric's series with those labels; `None` if there is none.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let text = self.get("/metrics").await?;
        let series = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        let values =
            series.filter(|line| labels.iter().all(|label| line.contains(label))).filter_map(|line| line.rsplit(' ').next()?.parse().ok());
        values.reduce(|sum: f64, value| sum + value)
    }

    pub async fn metric_when(&self, name: &str, labels: &[&str], when: impl Fn(f64) -> bool) {
        until(name, async || self.metric(name, labels).await.filter(|value| when(*value)).map(drop)).await;
    }

    pub async fn health_when(&self, what: &str, when: impl Fn(&Value) -> bool) -> Value {
        until(what, async || self.health().await.filter(|health| when(health))).await
    }

    /// What `/health` says of one network, once `when` holds.
    pub async fn network_when(&self, name: &str, what: &str, when: impl Fn(&Value) -> bool) -> Value {
        let of = |health: &Value| health["subsystems"]["networks"]["detail"].as_array()?.iter().find(|one| one["name"] == name).cloned();
        of(&self.health_when(what, |health| of(health).is_some_and(|network| when(&network))).await).unwrap()
    }

    /// Waits until `count` peers are in the mesh of a topic.
    pub async fn meshed(&self, topic: &str, count: usize) {
        let in_mesh = |peer: &&Value| peer["mesh"].as_array().is_some_and(|mesh| mesh.iter().any(|name| name == topic));
        let of = |health: &Value| {
            health["subsystems"]["gossip"]["detail"]["peers"].as_array().map_or(0, |peers| peers.iter().filter(in_mesh).count())
        };
        self.health_when("the mesh", |health| of(health) >= count).await;
    }

    pub fn builder(&self) -> Builder {
        Client::builder(self.url()).connect_timeout(SOON).request_timeout(SOON)
    }

    pub async fn producer(&self, network: &str) -> Client {
        self.builder().produce(network).connect().await.unwrap()
    }

    /// A parent that judges by the payload: "good" is accepted, "bad" rejected, anything else ignored.
    pub async fn verifier(&self, network: &str) -> Client {
        self.verifier_of(network, VerifyOptions::default()).await
    }

    /// The same, with options.
    pub async fn verifier_of(&self, network: &str, options: VerifyOptions) -> Client {
        let client = self.builder().verify(network, options).connect().await.unwrap();
        judge(&client, network);
        client
    }

    pub async fn consumer(&self, network: &str, options: ConsumeOptions) -> (Client, Consumer) {
        let client = self.builder().consume(network, options).connect().await.unwrap();
        let consumer = client.consumer(network).unwrap();
        (client, consumer)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    pub async fn exited(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until("the agent's end", || std::future::ready(child.try_wait().unwrap())).await
    }

    /// SIGKILL, and the files for another start.
    pub async fn killed(mut self) -> Setup {
        self.child.kill().unwrap();
        self.exited().await;
        let empty = Setup::with(&[]);
        std::mem::replace(&mut self.setup, empty)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of {}\n{}", self.setup.dir.path().display(), self.log());
        }
    }
}

/// See [`Agent::verifier`].
pub fn judge(client: &Client, network: &str) {
    let verdicts = |batch: &mut [pmq::client::Incoming]| {
        for message in batch {
            match message.payload.windows(4).any(|part| part == b"good") {
                true => message.accept(),
                false if message.payload.starts_with(b"bad") => message.reject(),
                false => message.ignore(),
            }
        }
    };
    client.verify(network, verdicts).unwrap();
}

/// The next delivery, acked.
pub async fn next(consumer: &mut Consumer) -> Delivery {
    let delivery = soon("a delivery", consumer.next()).await.expect("the consumer's stream has ended");
    consumer.ack(&delivery);
    delivery
}

/// The next delivery, which must be a message.
pub async fn message(consumer: &mut Consumer) -> String {
    match next(consumer).await {
        Delivery::Message { payload, .. } => String::from_utf8_lossy(&payload).into_owned(),
        other => panic!("no message: {other:?}"),
    }
}

/// A directory that only we can write to, with a file of that mode in it.
pub fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A and B, who are peers, with a parent that publishes at A.
pub async fn pair(a: Setup, b: Setup) -> (Agent, Client, Agent) {
    let a = a.start().await;
    let b = b.peer(&a).start().await;
    for agent in [&a, &b] {
        agent.meshed("weather", 1).await;
    }
    let parent = a.producer("weather").await;
    (a, parent, b)
}
