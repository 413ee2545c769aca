//! What an agent is set by, and its start.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Agent, POLL, SOON, program};

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
        writeln!(text, "[attach.unix]\naccept_rate = 10000\npath = {:?}\n[ops]\nlisten = {:?}\n{}", self.socket, self.ops, self.more)
            .unwrap();
        std::fs::write(path("pmq.toml"), text).unwrap();
        let mut command = Command::new(program());
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
        Agent::started(self, child, log).await
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
