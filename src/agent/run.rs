//! Start, run, shut down.
//!
//! ```text
//!   up:    ops > identity > gossip > drivers > topics > listener        (each is up before the next one needs it)
//!   down:  not ready > drivers drain > sessions say goodbye > gossip sends what is left > ops
//! ```

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::console::{self, Console};
use super::control::Control;
use super::directory::{Directory, TopicError};
use super::ops::{HealthBoard, Ops, OpsError, Status};
use super::p2pmq::Inside;
use super::parents::{Admission, Parents, Registry, serve};
use super::placement::SwarmHome;
use super::plugin::{self, Plugin, PluginError};
use super::settings::Who;
use super::{Holder, grace, health, networks};
use crate::config::Config;
use crate::gossip::{self, GossipError, Identity, IdentityError, NetworkOverlay};
use crate::pipeline::RouterGone;
use crate::session::{AgentTerms, NetworkTerms};
use crate::transports::{Address, LinkError, Listener, LocalSocket, SocketMode, quic};
use crate::wire::{Limits, Window};

/// How often the main loop shows that it lives.
const BEAT: Duration = Duration::from_secs(1);
/// Calls of the predecessor's services that become sessions, a second.
const WITHIN: u32 = 1_000;
/// How long gossip may take to send what is left.
const GRACE: Duration = Duration::from_millis(500);
/// What a shutdown needs behind the drain: the sessions' last words and last frames, [`GRACE`], and the overlay's own farewell.
const GOODBYES: Duration = Duration::from_secs(2);
/// A request may take this much longer than a publish waits for its first peer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why an agent did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The operator's address.
    #[error(transparent)]
    Ops(#[from] OpsError),
    /// The metrics recorder.
    #[error(transparent)]
    Metrics(#[from] super::ops::MetricsError),
    /// The key file.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The swarm's thread.
    #[error("the swarm's thread cannot be started: {0}")]
    Placement(#[source] std::io::Error),
    /// The overlay.
    #[error(transparent)]
    Gossip(#[from] GossipError),
    /// A topic that is joined at the start.
    #[error("network {network}: cannot join {topic:?}: {source}")]
    Topic {
        /// The network.
        network: String,
        /// The topic.
        topic: String,
        /// Why.
        source: TopicError,
    },
    /// A parents' address.
    #[error("{key}: {source}")]
    Attach {
        /// The setting that names it.
        key: String,
        /// Why.
        source: LinkError,
    },
    /// The operator's socket.
    #[error("control: {0}")]
    Control(#[source] LinkError),
    /// No further parent can attach.
    #[error("an address for parents failed: {0}")]
    Accept(#[source] LinkError),
    /// Gossip ended by itself.
    #[error("gossip has ended, so the agent is of no use any more; the log says why")]
    Stopped,
    /// A driver ended by itself.
    #[error(transparent)]
    Driver(#[from] RouterGone),
    /// A part of the agent panicked.
    #[error("a part of the agent failed: {0}")]
    Panicked(#[from] tokio::task::JoinError),
    /// The host cannot be told where the agent is.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The drain took too long.
    #[error("shutting down took longer than agent.shutdown_within = {0:?}; what was still in flight is lost")]
    Overdue(Duration),
}

/// Runs an agent until `leave` is ready, then takes it down in order. Takes the networks out of `config`.
///
/// # Errors
/// [`RunError`].
pub async fn run(config: &mut Config, leave: impl Future<Output = ()>) -> Result<(), RunError> {
    run_with(config, Vec::new(), leave).await
}

/// As [`run`], and lets parents in at the listeners of `extra` too: for programs that embed an agent, whose parents attach within the
/// process. They must be made with limits that fit `config.attach.max_frame_payload`.
///
/// # Errors
/// [`RunError`].
pub async fn run_with(config: &mut Config, extra: Vec<Listener>, leave: impl Future<Output = ()>) -> Result<(), RunError> {
    run_all(config, extra, None, leave).await
}

/// As [`run`], for the host that has started this process as its plugin: leaves with it.
///
/// # Errors
/// [`RunError`].
pub async fn run_as_plugin(config: &mut Config, plugin: &Plugin, leave: impl Future<Output = ()>) -> Result<(), RunError> {
    config.agent.shutdown_within = config.agent.shutdown_within.min(plugin::WITHIN);
    let gone = plugin.gone();
    let leave = async {
        tokio::select! {
            () = leave => {}
            () = gone => {}
        }
    };
    run_all(config, Vec::new(), Some(plugin), leave).await
}

async fn run_all(
    config: &mut Config,
    extra: Vec<Listener>,
    plugin: Option<&Plugin>,
    leave: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let within = config.agent.shutdown_within;
    let board = HealthBoard::new();
    board.expect([health::GOSSIP, health::NETWORKS, health::ATTACH]);
    let (ops_down, ops) = start_ops(config, &board).await?;
    let agent = Running::start(config, extra, plugin, &board).await?;
    let result = agent.until(leave, &board, within).await;
    drop(ops_down);
    let served = match ops {
        Some(ops) => ops.await.map_err(RunError::from).and_then(|served| Ok(served?)),
        None => Ok(()),
    };
    // What ended the agent comes before what became of its server.
    result.and(served)
}

type Serving = tokio::task::JoinHandle<Result<(), OpsError>>;

async fn start_ops(config: &Config, board: &HealthBoard) -> Result<(oneshot::Sender<()>, Option<Serving>), RunError> {
    let (down, leave) = oneshot::channel::<()>();
    if !config.ops.enabled {
        return Ok((down, None));
    }
    let ops = Ops::bind(&config.ops, board.clone(), super::ops::install()?).await?;
    tracing::info!(address = %ops.local_addr(), "metrics and health");
    let leave = async move {
        // The sender is dropped when it is time to leave.
        let _ = leave.await;
    };
    Ok((down, Some(tokio::spawn(ops.serve(leave)))))
}

struct Running {
    directory: Arc<Directory>,
    gossip: gossip::Running,
    /// Held until gossip has ended.
    _swarm: SwarmHome,
    drivers: JoinSet<Result<(), RouterGone>>,
    parents: tokio::task::JoinHandle<Result<(), LinkError>>,
    console: tokio::task::JoinHandle<()>,
    drain: watch::Sender<bool>,
    part: watch::Sender<bool>,
}

impl Running {
    async fn start(config: &mut Config, extra: Vec<Listener>, plugin: Option<&Plugin>, board: &HealthBoard) -> Result<Self, RunError> {
        for network in &config.networks {
            for cause in network.plan.store.accepts_unverified() {
                tracing::warn!(
                    network = network.name,
                    cause = cause.as_str(),
                    "unverified messages are forwarded and delivered, as configured"
                );
            }
        }
        let known = config.gossip.identity.exists();
        let identity = Identity::load_or_generate(&config.gossip.identity)?;
        if !known {
            // A mistyped path looks the same as a first start, and costs the node its name.
            tracing::warn!(file = %config.gossip.identity.display(), peer_id = identity.peer_id(), "there was no identity file, so a new identity was made");
        }
        let name = quic::Identity::from_protobuf(&identity.protobuf()?)
            .map_err(|source| RunError::Attach { key: "gossip.identity".to_owned(), source })?;
        let networks = std::mem::take(&mut config.networks);
        let overlays = networks.iter().map(|network| {
            NetworkOverlay::new(network.name.as_str(), network.claims.clone(), network.plan.store.deadline(), &network.overlay)
        });
        let (settings, overlays) = (config.gossip.clone(), overlays.collect());
        let swarm = SwarmHome::new(config.agent.placement).map_err(RunError::Placement)?;
        let (gossip, running) = swarm.spawn(async move { gossip::start(&settings, &identity, overlays).await }).await??;
        let topics: Vec<(String, Vec<String>)> = networks.iter().map(|network| (network.name.clone(), network.subscribe.clone())).collect();
        let (drain, draining) = watch::channel(false);
        let mut drivers = JoinSet::new();
        let started = networks::start(networks, &gossip.reports(), &draining, drain_within(config.agent.shutdown_within), &mut drivers);
        let directory = Arc::new(Directory::new(started, gossip, config.agent.max_topics));
        tokio::spawn(grace::keep(directory.clone(), running.healed.clone()));
        join(&directory, topics).await?;
        health::provide(board, &directory);
        let (part, parting) = watch::channel(false);
        let limits =
            Limits { payloads: usize::try_from(config.attach.max_frame_payload.as_u64()).unwrap_or(usize::MAX), ..Limits::default() };
        let admission = Arc::new(Admission::new(&config.attach, rustix::process::geteuid().as_raw()));
        let unix = Listener::bind_unix(&config.attach.unix, limits).await;
        let mut listeners = vec![unix.map_err(|source| RunError::Attach { key: "attach.unix.path".to_owned(), source })?];
        for address in &config.attach.zeromq.bind {
            let bound = Listener::bind_zeromq(address, &config.attach.zeromq, limits).await;
            listeners.push(bound.map_err(|source| {
                let key = config.attach.zeromq.check_files().err().map_or_else(|| "bind".to_owned(), |(key, _)| key);
                RunError::Attach { key: format!("attach.zeromq.{key}"), source }
            })?);
        }
        for socket in &config.attach.quic.bind {
            let parents = config.attach.grant.iter().filter_map(|grant| if let Who::Peer(id) = grant.who() { Some(id) } else { None });
            let bound = Listener::bind_quic(*socket, config.attach.quic.accept_rate, &name, parents, limits);
            listeners.push(bound.map_err(|source| RunError::Attach { key: "attach.quic.bind".to_owned(), source })?);
        }
        let inside: Arc<str> = format!("p2pmq-{:x}", rand::random::<u64>()).into();
        let predecessor = Inside {
            url: format!("memory:{inside}").into(),
            directory: directory.clone(),
            admission: admission.clone(),
            parting: parting.clone(),
        };
        for address in &config.attach.grpc.bind {
            let bound = Listener::bind_grpc(address, &config.attach.grpc, limits, |routes, caller| predecessor.serve(routes, caller)).await;
            listeners.push(bound.map_err(|source| {
                let key = config.attach.grpc.check_files().err().map_or_else(|| "bind".to_owned(), |(key, _)| key);
                RunError::Attach { key: format!("attach.grpc.{key}"), source }
            })?);
        }
        if let Some(plugin) = plugin {
            let socket = plugin.socket();
            let bound =
                Listener::bind_grpc_tls(&socket, plugin.tls(), limits, |routes, caller| plugin.serve(predecessor.serve(routes, caller)));
            listeners.push(bound.await.map_err(|source| RunError::Attach { key: "attach.grpc".to_owned(), source })?);
        }
        listeners.extend(extra);
        for listener in &listeners {
            tracing::info!(address = %listener.address(), "parents may attach");
        }
        board.set(health::ATTACH, Status::ready(listeners.iter().map(|listener| listener.address().to_string()).collect()));
        if !config.attach.grpc.bind.is_empty() || plugin.is_some() {
            let within = Listener::bind(&Address::Memory(inside), WITHIN, limits).await;
            listeners.push(within.map_err(|source| RunError::Attach { key: "attach.grpc.bind".to_owned(), source })?);
        }
        let control = Control::new(&directory, config.gossip.publish_wait + PATIENCE);
        let registry = Registry::default();
        let console = start_console(config, &directory, &control, &registry, &parting).await?;
        let parents = Parents {
            control,
            registry,
            admission,
            terms: Arc::new(terms(config, &directory, limits)),
            shutdown: parting,
            directory: directory.clone(),
        };
        let parents = tokio::spawn(serve(listeners, parents));
        if let Some(plugin) = plugin {
            plugin.announce(&plugin.socket())?;
        }
        Ok(Self { directory, gossip: running, _swarm: swarm, drivers, parents, console, drain, part })
    }

    async fn until(mut self, leave: impl Future<Output = ()>, board: &HealthBoard, within: Duration) -> Result<(), RunError> {
        let mut beat = tokio::time::interval(BEAT);
        let mut leave = pin!(leave);
        loop {
            tokio::select! {
                () = &mut leave => break,
                _ = beat.tick() => board.beat(),
                ended = &mut self.gossip.task => return Err(ended.map_or_else(RunError::from, |()| RunError::Stopped)),
                Some(ended) = self.drivers.join_next() => {
                    ended??;
                    return Err(RunError::Stopped);
                }
                // Without it no parent can come back.
                ended = &mut self.parents => return Err(ended.map_or_else(RunError::from, |served| served.err().map_or(RunError::Stopped, RunError::Accept))),
            }
        }
        tracing::info!("shutting down");
        for name in [health::GOSSIP, health::NETWORKS, health::ATTACH] {
            board.set(name, Status::not_ready("shutting down"));
        }
        let mut down = pin!(tokio::time::timeout(within, self.down()));
        loop {
            tokio::select! {
                down = &mut down => return down.map_err(|_| RunError::Overdue(within))?,
                // A long drain is no stall.
                _ = beat.tick() => board.beat(),
            }
        }
    }

    async fn down(mut self) -> Result<(), RunError> {
        // Nobody is left to hear it only if the drivers have ended already.
        let _ = self.drain.send(true);
        while let Some(ended) = self.drivers.join_next().await {
            ended??;
        }
        let _ = self.part.send(true);
        self.parents.await?.map_err(RunError::Accept)?;
        self.console.await?;
        if self.directory.gossip.stop(GRACE).await.is_ok() {
            self.gossip.task.await?;
        }
        tracing::info!("gone");
        Ok(())
    }
}

/// A task that ends at once where there is to be no control socket.
async fn start_console(
    config: &Config,
    directory: &Arc<Directory>,
    control: &Control,
    registry: &Registry,
    shutdown: &watch::Receiver<bool>,
) -> Result<tokio::task::JoinHandle<()>, RunError> {
    let settings = &config.control;
    if !settings.enabled {
        return Ok(tokio::spawn(async {}));
    }
    let path = settings.place(&config.attach.unix.path);
    let socket = LocalSocket::bind(&path, SocketMode::Owner).await.map_err(RunError::Control)?;
    tracing::info!(path = %path.display(), "the operator may ask");
    let console = Console {
        directory: directory.clone(),
        control: control.clone(),
        registry: registry.clone(),
        own_uid: rustix::process::geteuid().as_raw(),
        max_clients: settings.max_clients,
        shutdown: shutdown.clone(),
    };
    Ok(tokio::spawn(console::serve(socket, console)))
}

/// What a shutdown leaves to verdicts that are pending: all but the time for goodbyes, and at least a half.
fn drain_within(all: Duration) -> Duration {
    all.saturating_sub(GOODBYES).max(all / 2)
}

async fn join(directory: &Directory, topics: Vec<(String, Vec<String>)>) -> Result<(), RunError> {
    for (name, topics) in topics {
        let Some((_, network)) = directory.network(&name) else { continue };
        for topic in topics {
            if let Err(source) = directory.subscribe(network, &topic, Holder::File).await {
                return Err(RunError::Topic { network: name, topic, source });
            }
        }
    }
    Ok(())
}

fn terms(config: &Config, directory: &Directory, limits: Limits) -> AgentTerms {
    let networks = directory.networks.iter().map(|network| NetworkTerms {
        name: network.name.clone(),
        deadline: network.deadline,
        max_payload: u32::try_from(network.max_message).unwrap_or(u32::MAX),
        groups: network.plan.store.groups(),
    });
    AgentTerms {
        limits,
        max_window: Window { messages: config.attach.max_window_messages, bytes: config.attach.max_window_bytes.as_u64() },
        networks: networks.collect(),
        ..AgentTerms::default()
    }
}
