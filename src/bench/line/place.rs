//! The directory of a line: for each node its key, its files, its sockets and its logs.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use anyhow::Context;
use rand::RngExt;
use serde_json::json;

use super::args::{Attach, Overlay};
use super::message::HEADER;
use crate::private;
use pmq_gossip::Identity;

/// The network, and its topic.
pub(crate) const NETWORK: &str = "line";
/// Ports that no outgoing connection takes, so that one that was free when asked is still free when its node binds it.
const PORTS: std::ops::Range<u16> = 11_000..30_000;

/// Where one node's things are.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Its directory.
    pub(crate) dir: PathBuf,
    /// Where others dial it, with its peer id.
    address: String,
    /// Where it listens.
    listen: String,
}

/// What the files of a line's nodes are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Files {
    /// How parents reach an agent; `None` for a raw node, which reads the overlay's part alone.
    pub(crate) attach: Option<Attach>,
    /// Bytes of a message's content.
    pub(crate) size: usize,
}

impl Place {
    /// A directory with a new key, and a free port.
    ///
    /// # Errors
    /// When something cannot be written.
    pub(crate) fn new(parent: &Path, name: &str, overlay: Overlay) -> anyhow::Result<Self> {
        let dir = parent.join(name);
        private(&dir)?;
        private(&dir.join("run"))?;
        let peer = Identity::generate(&dir.join("identity.key"))?.peer_id();
        let port = free_port(overlay)?;
        let listen = match overlay {
            Overlay::Tcp => format!("/ip4/127.0.0.1/tcp/{port}"),
            Overlay::Quic => format!("/ip4/127.0.0.1/udp/{port}/quic-v1"),
        };
        Ok(Self { dir, address: format!("{listen}/p2p/{peer}"), listen })
    }

    /// The agent's file.
    pub(crate) fn config(&self) -> PathBuf {
        self.dir.join("pmq.toml")
    }

    /// Where the parent finds the agent.
    pub(crate) fn attach(&self, attach: Attach) -> String {
        match attach {
            Attach::Unix => format!("unix://{}", self.dir.join("run").join("agent.sock").display()),
            Attach::Zeromq => format!("zmq+ipc://{}", self.dir.join("run").join("zmq.ipc").display()),
        }
    }

    /// Writes the agent's file and its network's, with the neighbour that it dials.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn write(&self, files: Files, dials: Option<&Self>) -> anyhow::Result<()> {
        let dials: Vec<&str> = dials.iter().map(|place| place.address.as_str()).collect();
        // JSON's strings and lists are TOML's as well.
        let (listen, dials) = (json!([self.listen]), json!(dials));
        let unix = json!(self.dir.join("run").join("agent.sock"));
        let zeromq = if files.attach == Some(Attach::Zeromq) { vec![self.attach(Attach::Zeromq)] } else { Vec::new() };
        let zeromq = json!(zeromq);
        let agent = format!(
            r#"version = 1
networks = ["network.toml"]
[gossip]
identity = "identity.key"
listen = {listen}
peers = {dials}
[gossip.redial]
min = "100ms"
max = "1s"
[gossip.mesh]
# The ramps of a run are many messages, and what a node remembers of them is not what is measured.
duplicate_cache_time = "10s"
[gossip.score.address]
exempt = ["127.0.0.1"]
# A step above the limit must not end the line.
[gossip.score.slow_peer]
weight = 0.0
[attach.unix]
path = {unix}
[attach.zeromq]
bind = {zeromq}
[ops]
listen = "127.0.0.1:0"
[log]
filter = "warn"
"#
        );
        write(&self.config(), &agent)?;
        write(&self.dir.join("network.toml"), &network(files.size))
    }
}

/// The network's file: every stage, as a network with much traffic has them, and no rate that could be reached.
fn network(size: usize) -> String {
    let largest = size + HEADER;
    format!(
        r#"version = 1
name = "{NETWORK}"
topics = ["{NETWORK}"]
subscribe = ["{NETWORK}"]
expected_size = {largest}
max_message = {largest}
[[stage]]
use = "admission"
rate = 4000000000
burst = 4000000000
byte_rate = "1TiB"
byte_burst = "1TiB"
in_flight = 16384
[[stage]]
use = "decode"
codec = "pmq"
[[stage]]
use = "sequence-window"
[[stage]]
use = "validation-queue"
deadline = "1s"
max_messages = 16384
max_bytes = "64MiB"
[[stage]]
use = "delivery"
ring_messages = 16384
ring_bytes = "64MiB"
max_lag = 16384
"#
    )
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A port on which nobody listens.
fn free_port(overlay: Overlay) -> anyhow::Result<u16> {
    for _ in 0..1_000 {
        let port = rand::rng().random_range(PORTS);
        let here = (Ipv4Addr::LOCALHOST, port);
        let free = match overlay {
            Overlay::Tcp => TcpListener::bind(here).is_ok(),
            Overlay::Quic => UdpSocket::bind(here).is_ok(),
        };
        if free {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port between {} and {}", PORTS.start, PORTS.end)
}
