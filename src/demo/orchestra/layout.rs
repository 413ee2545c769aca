//! The run's directory: a subdirectory for each node, with its keys and files, readable for the owner alone.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use rand::RngExt;
use toml::{Table, Value};

use super::topology::{Spot, Topology};
use crate::args::{Args, Scoring, Via, ages};
use crate::oracle::{NUMBERS_PER_ROUND, Network, NodeKey, Roster};
use crate::parent::{Part, Setup};
use crate::report::account::Role;
use pmq_gossip::{Identity, Transport};

/// Ports that no outgoing connection takes (below the ranges that Linux and macOS take them from), so that a port that was free when
/// asked is still free when its agent binds it.
const PORTS: std::ops::Range<u16> = 11_000..30_000;

/// A directory that is removed when this is dropped, unless it is to be kept.
#[derive(Debug)]
pub(crate) struct WorkDir {
    path: PathBuf,
    keep: bool,
}

impl WorkDir {
    fn new() -> anyhow::Result<Self> {
        let name = format!("pmq-demo-{}-{:08x}", std::process::id(), rand::rng().random::<u32>());
        let path = std::env::temp_dir().join(name);
        create(&path)?;
        Ok(Self { path, keep: false })
    }

    /// Leaves it where it is, and says where.
    pub(crate) fn keep(&mut self) -> &Path {
        self.keep = true;
        &self.path
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the demo's directory stays behind");
        }
    }
}

fn create(path: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(path).with_context(|| format!("cannot create {}", path.display()))
}

/// A file that nobody else can read from its first moment on.
fn secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(cannot)?;
    file.write_all(text.as_bytes()).with_context(cannot)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Where one node's things are.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Its directory.
    pub(crate) dir: PathBuf,
    /// The agent's id in the overlay.
    pub(crate) peer_id: String,
    /// Port of the overlay, the same for all of `transports`.
    pub(crate) gossip: u16,
    /// What the agent listens on.
    transports: &'static [Transport],
    /// Port of `/health`.
    pub(crate) ops: u16,
    /// The parent's program, where it is another one than this.
    pub(crate) program: Option<PathBuf>,
    via: Via,
    /// Port for a parent over TCP or QUIC.
    attach: u16,
}

impl Place {
    /// The agent's file.
    pub(crate) fn config(&self) -> PathBuf {
        self.dir.join("pmq.toml")
    }

    /// The parent's file.
    pub(crate) fn setup(&self) -> PathBuf {
        self.dir.join("parent.json")
    }

    /// What the parent wrote down.
    pub(crate) fn facts(&self) -> PathBuf {
        self.dir.join("facts.jsonl")
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("run").join("agent.sock")
    }

    /// Where the parent finds the agent.
    fn url(&self) -> String {
        match self.via {
            Via::Unix => format!("unix://{}", self.socket().display()),
            Via::ZmqIpc => format!("zmq+ipc://{}", self.dir.join("run").join("zmq.ipc").display()),
            Via::ZmqTcp => format!("zmq+tcp://127.0.0.1:{}", self.attach),
            Via::Grpc => format!("grpc://127.0.0.1:{}", self.attach),
            Via::Quic => format!("quic://127.0.0.1:{}/{}", self.attach, self.peer_id),
        }
    }

    /// Where the agent listens in the overlay.
    fn addresses(&self) -> Vec<String> {
        let address = |transport: &Transport| match transport {
            Transport::Tcp => format!("/ip4/127.0.0.1/tcp/{}", self.gossip),
            Transport::Quic => format!("/ip4/127.0.0.1/udp/{}/quic-v1", self.gossip),
        };
        self.transports.iter().map(address).collect()
    }

    /// Where others dial it. Every second node tries its addresses in the other order.
    fn dialled_from(&self, index: usize) -> Vec<String> {
        let mut addresses: Vec<String> = self.addresses().iter().map(|address| format!("{address}/p2p/{}", self.peer_id)).collect();
        if index % 2 == 1 {
            addresses.reverse();
        }
        addresses
    }

    /// What the parent shows over TCP.
    fn token(&self) -> Option<PathBuf> {
        matches!(self.via, Via::ZmqTcp | Via::Grpc).then(|| self.dir.join("attach.token"))
    }

    /// By what the parent proves over QUIC who it is.
    fn parent_key(&self) -> Option<PathBuf> {
        (self.via == Via::Quic).then(|| self.dir.join("parent.key"))
    }
}

/// Makes directory, keys and files for all nodes.
///
/// # Errors
/// When something cannot be written, or there are no free ports.
pub(crate) fn prepare(args: &Args, topology: &Topology) -> anyhow::Result<(WorkDir, Vec<Place>)> {
    let work = WorkDir::new()?;
    let gopher = gopher(args, topology, &work.path)?;
    let mut ports = free_ports(topology.spots.len() * 3)?.into_iter();
    let mut places = Vec::new();
    let mut publics: BTreeMap<Network, Vec<Vec<u8>>> = BTreeMap::new();
    for (index, spot) in topology.spots.iter().enumerate() {
        let dir = work.path.join(&spot.name);
        create(&dir)?;
        create(&dir.join("run"))?;
        let peer_id = Identity::generate(&dir.join("identity.key"))?.peer_id();
        if let (Role::Honest, Some(network)) = (spot.role, spot.network) {
            let key = NodeKey::generate();
            key.save(&dir.join("oracle.key"))?;
            publics.entry(network).or_default().push(key.public());
        }
        let mut port = || ports.next().context("too few ports");
        let program = gopher.as_ref().filter(|_| spot.go).map(|gopher| gopher.program.clone());
        let via = if spot.go { Via::Grpc } else { args.attach.via(index) };
        let transports = args.overlay.transports(index);
        let place = Place { dir, peer_id, gossip: port()?, transports, ops: port()?, program, via, attach: port()? };
        if let Some(token) = place.token() {
            secret(&token, &hex::encode(rand::rng().random::<[u8; 32]>()))?;
        }
        if let Some(key) = place.parent_key() {
            Identity::generate(&key)?;
        }
        places.push(place);
    }
    let roster = work.path.join("roster.json");
    write(&roster, &Roster::new(&publics)?.to_json()?)?;
    for (index, (spot, place)) in topology.spots.iter().zip(&places).enumerate() {
        let peers = spot.dials.iter().filter_map(|dialled| places.get(*dialled)).flat_map(|peer| peer.dialled_from(index));
        agent_files(args, spot, place, peers.collect())?;
        let setup = Setup {
            name: spot.name.clone(),
            part: match spot.role {
                Role::Honest => Part::Member,
                Role::Dishonest => Part::Dishonest,
                Role::Witness => Part::Witness,
            },
            network: spot.network,
            node: spot.node,
            networks: args.networks.0.clone(),
            nodes: args.agents,
            attach: place.url(),
            token: place.token(),
            identity: place.parent_key(),
            key: (spot.role == Role::Honest).then(|| place.dir.join("oracle.key")),
            roster: roster.clone(),
            facts: place.facts(),
            input: args.input.clone().or_else(|| Some(gopher.as_ref().filter(|_| spot.go)?.observations.clone())),
            seed: args.seed,
            rate: args.rate,
            seconds: args.seconds as f64,
            epoch: 1,
            ages: ages(args.rate),
        };
        write(&place.setup(), &serde_json::to_string_pretty(&setup)?)?;
    }
    Ok((work, places))
}

/// What parents in Go need and do not carry with them.
struct Gopher {
    program: PathBuf,
    /// A directory with the observations that this program carries.
    observations: PathBuf,
}

fn gopher(args: &Args, topology: &Topology, work: &Path) -> anyhow::Result<Option<Gopher>> {
    if !topology.spots.iter().any(|spot| spot.go) {
        return Ok(None);
    }
    let gopher = Gopher { program: work.join("don-parent"), observations: work.join("observations") };
    super::gopher::build(&args.go_source, &gopher.program)?;
    create(&gopher.observations)?;
    for (file, text) in args.networks.0.iter().map(|network| network.embedded()) {
        write(&gopher.observations.join(file), text)?;
    }
    Ok(Some(gopher))
}

/// Ports on which nobody listens, over TCP nor UDP. Held until all are found, so that none is found twice.
fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let mut held = Vec::new();
    let (size, start) = (PORTS.end - PORTS.start, rand::rng().random_range(0..PORTS.end - PORTS.start));
    for step in 0..size {
        if held.len() == count {
            break;
        }
        // The sum of both is below 2^16.
        let port = PORTS.start + (start + step) % size;
        if let (Ok(tcp), Ok(udp)) = (TcpListener::bind(("127.0.0.1", port)), UdpSocket::bind(("127.0.0.1", port))) {
            held.push((tcp, udp, port));
        }
    }
    anyhow::ensure!(held.len() == count, "{} of {count} free ports between {} and {}", held.len(), PORTS.start, PORTS.end);
    Ok(held.into_iter().map(|(.., port)| port).collect())
}

/// `pmq.toml` and a pipeline file for each topic that the agent joins.
fn agent_files(args: &Args, spot: &Spot, place: &Place, peers: Vec<String>) -> anyhow::Result<()> {
    let mut files = Vec::new();
    for network in &args.networks.0 {
        let file = format!("{}.toml", network.name());
        write(&place.dir.join(&file), &pipeline(args, *network, network.name(), network.reports(), spot.role)?)?;
        files.push(file);
    }
    if let Some(network) = spot.network {
        let (name, file) = (network.internal_name(), format!("{}.toml", network.internal_name()));
        write(&place.dir.join(&file), &pipeline(args, network, name, network.shares(), spot.role)?)?;
        files.push(file);
    }
    let config = toml::toml! {
        version = 1
        [agent]
        shutdown_within = "2s"
        [gossip]
        identity = "identity.key"
        // Neighbours are started at the same moment: try again soon.
        [gossip.redial]
        min = "100ms"
        max = "1s"
        // All agents share one address.
        [gossip.score.address]
        exempt = ["127.0.0.1"]
        [attach.unix]
        [ops]
        [log]
        filter = "info"
    };
    let mut config = config;
    config.insert("networks".to_owned(), strings(files));
    set(&mut config, &["gossip", "listen"], strings(place.addresses()));
    set(&mut config, &["gossip", "peers"], strings(peers));
    set(&mut config, &["gossip", "score", "enabled"], Value::Boolean(args.scoring == Scoring::On));
    set(&mut config, &["attach", "unix", "path"], Value::String(place.socket().display().to_string()));
    match place.via {
        Via::Unix => {}
        Via::ZmqIpc | Via::ZmqTcp => set(&mut config, &["attach", "zeromq", "bind"], strings(vec![place.url()])),
        Via::Grpc => set(&mut config, &["attach", "grpc", "bind"], strings(vec![place.url()])),
        Via::Quic => set(&mut config, &["attach", "quic", "bind"], strings(vec![format!("127.0.0.1:{}", place.attach)])),
    }
    if let Some(key) = place.parent_key() {
        let grant = Table::from_iter([("peer".to_owned(), Value::String(Identity::load(&key)?.peer_id()))]);
        set(&mut config, &["attach", "grant"], Value::Array(vec![Value::Table(grant)]));
    }
    if let Some(file) = place.token() {
        let token = [("name", "self".to_owned()), ("file", file.display().to_string())];
        let token = Table::from_iter(token.map(|(key, value)| (key.to_owned(), Value::String(value))));
        let transport = if place.via == Via::Grpc { "grpc" } else { "zeromq" };
        set(&mut config, &["attach", transport, "token"], Value::Array(vec![Value::Table(token)]));
    }
    set(&mut config, &["ops", "listen"], Value::String(format!("127.0.0.1:{}", place.ops)));
    write(&place.config(), &toml::to_string(&config)?)
}

fn strings(texts: Vec<String>) -> Value {
    Value::Array(texts.into_iter().map(Value::String).collect())
}

/// Sets a value in nested tables, which are made where they are missing.
fn set(table: &mut Table, path: &[&str], value: Value) {
    let Some((last, tables)) = path.split_last() else { return };
    let mut table = table;
    for key in tables {
        let entry = table.entry((*key).to_owned()).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(inner) = entry else { return };
        table = inner;
    }
    table.insert((*last).to_owned(), value);
}

/// The network's file from `configs/`, for one topic. A witness gets it without header and window, so that it sees everything.
fn pipeline(args: &Args, network: Network, name: &str, topic: &str, role: Role) -> anyhow::Result<String> {
    let mut file: Table = network.pipeline().parse().with_context(|| format!("configs/{}.toml", network.name()))?;
    let ages = ages(args.rate);
    let internal = topic == network.shares();
    let numbers = if internal { NUMBERS_PER_ROUND } else { 1 };
    file.insert("name".to_owned(), Value::String(name.to_owned()));
    file.insert("topics".to_owned(), strings(vec![topic.to_owned()]));
    file.insert("subscribe".to_owned(), strings(vec![topic.to_owned()]));
    // Messages on the internal topic: a share and an endorsement of each node, and a proposal.
    let rate = if internal { args.rate * f64::from(args.agents) * 2.5 } else { args.rate };
    file.insert("expected_rate".to_owned(), Value::Float(rate));
    let stages = file.get_mut("stage").and_then(Value::as_array_mut).context("a network's file without stages")?;
    if role == Role::Witness {
        stages.retain(|stage| stage.get("use").and_then(Value::as_str) != Some("sequence-window"));
    }
    // Thresholds are at most some thousands.
    let number = |value: u64| Value::Integer(value as i64);
    for stage in stages.iter_mut().filter_map(Value::as_table_mut) {
        let new = match stage.get("use").and_then(Value::as_str) {
            Some("sequence-window") => vec![
                ("skip", number(ages.skip * numbers)),
                ("validity", number(ages.validity * numbers)),
                ("window", number((ages.skip * numbers).next_multiple_of(64))),
            ],
            Some("decode") if role == Role::Witness => vec![("codec", Value::String("raw".to_owned()))],
            _ => Vec::new(),
        };
        stage.extend(new.into_iter().map(|(key, value)| (key.to_owned(), value)));
    }
    Ok(toml::to_string(&file)?)
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
