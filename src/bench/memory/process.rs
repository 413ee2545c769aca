//! The agent's process with its files, and the neighbour in this one.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

use crate::{WorkDir, command};
use pmq_client::{Client, ConsumeOptions, VerifyOptions};
use pmq_config::{Config, Request, load};
use pmq_gossip::{Gossip, Identity, NetworkOverlay, NetworkSettings, Settings};
use pmq_pipeline::{Claims, Topic};
use pmq_protocol::wire::Window;

/// The network's name, and its topic's.
pub(super) const NETWORK: &str = "load";
/// The longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Two files' contents beside what every agent here has.
#[derive(Debug, Clone, Default)]
pub(super) struct Files {
    /// Further sections of the agent's file.
    pub(super) agent: String,
    /// The network's head.
    pub(super) head: String,
    /// More of the queue's stage.
    pub(super) queue: String,
    /// More of delivery's.
    pub(super) delivery: String,
}

/// As little as an agent can have in its files.
pub(super) const MINIMAL: Files = Files { agent: String::new(), head: String::new(), queue: String::new(), delivery: String::new() };

/// The client's own choice.
pub(super) fn window() -> Window {
    VerifyOptions::default().window
}

pub(super) fn topic() -> Topic {
    Topic { index: 0, name: NETWORK.into() }
}

/// A gossip node without an agent.
pub(super) struct Neighbour {
    pub(super) gossip: Gossip,
    address: String,
}

impl Neighbour {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let settings = Settings { listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()], ..Settings::default() };
        let overlay = NetworkOverlay::new(NETWORK, Claims(vec![NETWORK.to_owned()]), Duration::from_secs(1), &NetworkSettings::default());
        let (gossip, running) = pmq_gossip::start(&settings, &Identity::ephemeral(), vec![overlay]).await?;
        let address = running.listen.first().context("the neighbour listens nowhere")?.clone();
        Ok(Self { gossip, address })
    }

    /// Waits until somebody is connected.
    pub(super) async fn wait(&self) -> anyhow::Result<()> {
        let connected = async {
            loop {
                if self.gossip.peers().await?.iter().any(|peer| peer.connected) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(PATIENCE, connected).await.context("the agent does not connect to its neighbour")?
    }
}

/// `pmq run`. Ends when this is dropped.
pub(super) struct Agent {
    child: Child,
    pid: u32,
    dir: WorkDir,
    ops: SocketAddr,
}

/// What the agent says of its network.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// Messages that came in.
    pub(super) came_in: u64,
    /// Messages without a verdict, and their bytes.
    pub(super) pending: (u64, u64),
    /// Messages that were accepted.
    pub(super) accepted: u64,
}

impl Agent {
    pub(super) async fn start(neighbour: &Neighbour, files: &Files) -> anyhow::Result<Self> {
        let dir = WorkDir::new("memory")?;
        // Free now; taken by somebody else meanwhile, the agent says so and the run ends.
        let ops = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        write(dir.path(), files, &neighbour.address, ops)?;
        let mut command = command()?;
        command.args(["run", "--with-stdin", "--config"]).arg(dir.path().join("pmq.toml")).stdout(Stdio::null());
        let child = command.spawn().context("cannot start the agent")?;
        let pid = child.id().context("the agent has ended at once")?;
        Ok(Self { child, pid, dir, ops })
    }

    /// What `config check` reads, at another rate.
    pub(super) fn config(&self, rate: f64) -> anyhow::Result<Config> {
        let flags = vec![format!("network.{NETWORK}.expected_rate={rate:.3}")];
        Ok(load(&Request { file: Some(self.dir.path().join("pmq.toml")), flags, ..Request::default() })?)
    }

    /// A parent for all roles, attached.
    pub(super) async fn parent(&self, window: Window) -> anyhow::Result<Client> {
        let builder = Client::builder(format!("unix://{}", self.dir.path().join("agent.sock").display())).connect_timeout(PATIENCE);
        let builder = builder.verify(NETWORK, VerifyOptions { window, ..VerifyOptions::default() });
        let builder = builder.consume(NETWORK, ConsumeOptions { window, ..ConsumeOptions::default() });
        Ok(builder.produce(NETWORK).connect().await?)
    }

    /// The most resident memory since its start, in bytes.
    pub(super) fn most(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).context("the agent has ended")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the kernel does not tell VmHWM")?;
        Ok(line.split_whitespace().next().context("VmHWM is empty")?.parse::<u64>()? * 1024)
    }

    pub(super) async fn counts(&self) -> anyhow::Result<Counts> {
        let mut stream = tokio::net::TcpStream::connect(self.ops).await?;
        stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (_, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
        let health: serde_json::Value = serde_json::from_str(body)?;
        let network = &health["subsystems"]["networks"]["detail"][0];
        let number = |value: &serde_json::Value| value.as_u64().context("a number is missing in /health");
        let pending = (number(&network["pending"]["messages"])?, number(&network["pending"]["bytes"])?);
        Ok(Counts { came_in: number(&network["came_in"])?, pending, accepted: number(&network["verdicts"]["accept"])? })
    }

    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.context("the agent does not end")??;
        anyhow::ensure!(status.success(), "the agent ended with {status}");
        Ok(())
    }
}

fn write(dir: &Path, files: &Files, peer: &str, ops: SocketAddr) -> anyhow::Result<()> {
    let Files { agent, head, queue, delivery } = files;
    Identity::generate(&dir.join("identity.key"))?;
    let text = format!(
        "version = 1\nnetworks = [\"network.toml\"]\n[gossip]\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\npeers = [{peer:?}]\n\
         [attach.unix]\npath = {:?}\n[ops]\nlisten = \"{ops}\"\n[log]\nfilter = \"warn\"\n{agent}",
        dir.join("agent.sock")
    );
    fs::write(dir.join("pmq.toml"), text)?;
    let network = format!(
        "version = 1\nname = \"{NETWORK}\"\ntopics = [\"{NETWORK}\"]\nsubscribe = [\"{NETWORK}\"]\n{head}\n\
         [[stage]]\nuse = \"validation-queue\"\n{queue}\n[[stage]]\nuse = \"delivery\"\n{delivery}\n"
    );
    Ok(fs::write(dir.join("network.toml"), network)?)
}
