//! An agent that runs, and what can be asked of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};

use pmq_client::{Builder, Client, ConsumeOptions, Consumer, VerifyOptions};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{SOON, Setup, judge, until};

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
    /// A process that accepts parents, and answers its operator at `ops`. Its log is the caller's.
    pub async fn attached(setup: Setup, child: Child, ops: SocketAddr) -> Self {
        let mut agent = Self { setup, child, log: PathBuf::new(), ops: Some(ops), listen: String::new() };
        let health = agent.health_when("attach", |health| health["subsystems"]["attach"]["ready"] == true).await;
        agent.listen = health["subsystems"]["gossip"]["detail"]["listen"][0].as_str().unwrap().to_owned();
        agent
    }

    pub fn url(&self) -> String {
        format!("unix://{}", self.setup.socket.display())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A process that logs into the file `log`, once it accepts parents.
    pub(super) async fn started(setup: Setup, child: Child, log: PathBuf) -> Self {
        let ops = until("the operator's address", || std::future::ready(ops_address(&log))).await;
        let mut agent = Self::attached(setup, child, ops).await;
        agent.log = log;
        agent
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

fn ops_address(log: &Path) -> Option<SocketAddr> {
    let lines = std::fs::read_to_string(log).ok()?;
    let mut logged = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    logged.find_map(|line| (line["message"] == "metrics and health").then(|| line["address"].as_str()?.parse().ok())?)
}
