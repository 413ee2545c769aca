//! Start, run, shut down.
//!
//! ```text
//!   up:    ops > identity > gossip > drivers > topics > listeners       (each is up before the next one needs it)
//!   down:  not ready > drivers drain > sessions say goodbye > gossip sends what is left > ops
//! ```

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::admin::{self, Admin};
use super::builder::Agent;
use super::directory::Directory;
use super::error::RunError;
use super::ops::{HealthBoard, Ops, OpsError, Status};
use super::p2pmq::Inside;
use super::parents::{Admission, Parents, Registry, serve};
use super::placement::SwarmHome;
use super::plugin::Plugin;
use super::requests::Requests;
use super::settings::Settings;
use super::{Holder, grace, health, listeners, networks};
use pmq_gossip::{Identity, NetworkOverlay};
use pmq_pipeline::RouterGone;
use pmq_protocol::session::{AgentTerms, NetworkTerms};
use pmq_protocol::wire::{Limits, Window};
use pmq_transports::{LinkError, LocalSocket, SocketMode, quic};

/// How often the main loop shows that it lives.
const BEAT: Duration = Duration::from_secs(1);
/// How long gossip may take to send what is left.
const GRACE: Duration = Duration::from_millis(500);
/// What a shutdown needs behind the drain: the sessions' last words and last frames, [`GRACE`], and the overlay's own farewell.
const GOODBYES: Duration = Duration::from_secs(2);
/// A request may take this much longer than a publish waits for its first peer.
const PATIENCE: Duration = Duration::from_secs(2);

impl Agent {
    /// Runs until `leave` is ready, then shuts down in order: not ready, drain, last words to parents, gossip, the operator's address.
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn run(self, leave: impl Future<Output = ()>) -> Result<(), RunError> {
        let gone = self.plugin.as_ref().map(Plugin::gone);
        let leave = async {
            match gone {
                Some(gone) => {
                    tokio::select! {
                        () = leave => {}
                        () = gone => {}
                    }
                }
                None => leave.await,
            }
        };
        run(self, leave).await
    }
}

async fn run(agent: Agent, leave: impl Future<Output = ()>) -> Result<(), RunError> {
    if let Some(network) = agent.layers.keys().find(|name| agent.settings.networks.iter().all(|network| network.name != **name)) {
        return Err(RunError::NoSuchNetwork(network.clone()));
    }
    let within = agent.settings.agent.shutdown_within;
    let board = HealthBoard::new();
    board.expect([health::GOSSIP, health::NETWORKS, health::ATTACH]);
    let ops_down = CancellationToken::new();
    let ops = start_ops(&agent.settings, &board, &ops_down).await?;
    let ops_down = ops_down.drop_guard();
    let running = Running::start(agent, &board).await?;
    let result = running.until(leave, &board, within).await;
    drop(ops_down);
    let served = match ops {
        Some(ops) => ops.await.map_err(RunError::from).and_then(|served| Ok(served?)),
        None => Ok(()),
    };
    // What ended the agent comes before what became of its server.
    result.and(served)
}

type Serving = JoinHandle<Result<(), OpsError>>;

async fn start_ops(settings: &Settings, board: &HealthBoard, down: &CancellationToken) -> Result<Option<Serving>, RunError> {
    if !settings.ops.enabled {
        return Ok(None);
    }
    let ops = Ops::bind(&settings.ops, board.clone(), super::ops::install()?).await?;
    tracing::info!(address = %ops.local_addr(), "metrics and health");
    Ok(Some(tokio::spawn(ops.serve(down.clone().cancelled_owned()))))
}

struct Running {
    directory: Arc<Directory>,
    gossip: pmq_gossip::Running,
    /// Held until gossip has ended.
    _swarm: SwarmHome,
    drivers: JoinSet<Result<(), RouterGone>>,
    parents: JoinHandle<Result<(), LinkError>>,
    admin: JoinHandle<()>,
    /// Drivers stop their intake and settle what is pending.
    drain: DropGuard,
    /// Sessions say goodbye.
    part: DropGuard,
    /// Holds the socket's directory.
    _plugin: Option<Plugin>,
}

impl Running {
    async fn start(agent: Agent, board: &HealthBoard) -> Result<Self, RunError> {
        let Agent { mut settings, listeners: extra, layers, plugin } = agent;
        warn_of_unverified(&settings);
        let identity = identity(&settings)?;
        let name = quic::Identity::from_protobuf(&identity.protobuf()?)
            .map_err(|source| RunError::Attach { key: "gossip.identity".to_owned(), source })?;
        let overlays = settings.networks.iter().map(|network| {
            NetworkOverlay::new(network.name.as_str(), network.claims.clone(), network.plan.queue.deadline(), &network.overlay)
        });
        let (overlays, overlay) = (overlays.collect(), settings.gossip.clone());
        let swarm = SwarmHome::new(settings.agent.placement).map_err(RunError::Placement)?;
        let (gossip, running) = swarm.spawn(async move { pmq_gossip::start(&overlay, &identity, overlays).await }).await??;
        let topics: Vec<_> = settings.networks.iter().map(|network| (network.name.clone(), network.subscribe.clone())).collect();
        let drain = CancellationToken::new();
        let drain_guard = drain.clone().drop_guard();
        let mut drivers = JoinSet::new();
        let within = drain_within(settings.agent.shutdown_within);
        let started = networks::start(std::mem::take(&mut settings.networks), layers, &gossip.reports(), &drain, within, &mut drivers);
        let directory = Arc::new(Directory::new(started, gossip, settings.agent.max_topics));
        tokio::spawn(grace::keep(directory.clone(), running.healed.clone()));
        join(&directory, topics).await?;
        health::provide(board, &directory);

        let part = CancellationToken::new();
        let part_guard = part.clone().drop_guard();
        let attach = &settings.attach;
        let limits = Limits { payloads: usize::try_from(attach.max_frame_payload.as_u64()).unwrap_or(usize::MAX), ..Limits::default() };
        let admission = Arc::new(Admission::new(attach, rustix::process::geteuid().as_raw()));
        let memory: Arc<str> = format!("p2pmq-{:x}", rand::random::<u64>()).into();
        let inside = Inside {
            url: format!("memory:{memory}").into(),
            directory: directory.clone(),
            admission: admission.clone(),
            parting: part.clone(),
        };
        let mut listeners = listeners::bind(attach, limits, &name, &inside, plugin.as_ref()).await?;
        listeners.extend(extra);
        for listener in &listeners {
            tracing::info!(address = %listener.address(), "accepting parents");
        }
        board.set(health::ATTACH, Status::ready(listeners.iter().map(|listener| listener.address().to_string()).collect()));
        listeners.extend(listeners::within(attach, limits, memory, plugin.as_ref()).await?);
        let requests = Requests::new(&directory, settings.gossip.publish_wait + PATIENCE);
        let registry = Registry::default();
        let admin = start_admin(&settings, &directory, &requests, &registry, &part).await?;
        let parents = Parents {
            requests,
            registry,
            admission,
            terms: Arc::new(terms(&settings, &directory, limits)),
            shutdown: part.clone(),
            directory: directory.clone(),
        };
        let parents = tokio::spawn(serve(listeners, parents));
        if let Some(plugin) = &plugin {
            plugin.announce(&plugin.socket())?;
        }
        Ok(Self {
            directory,
            gossip: running,
            _swarm: swarm,
            drivers,
            parents,
            admin,
            drain: drain_guard,
            part: part_guard,
            _plugin: plugin,
        })
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
        drop(self.drain);
        while let Some(ended) = self.drivers.join_next().await {
            ended??;
        }
        drop(self.part);
        self.parents.await?.map_err(RunError::Accept)?;
        self.admin.await?;
        if self.directory.gossip.stop(GRACE).await.is_ok() {
            self.gossip.task.await?;
        }
        tracing::info!("shutdown complete");
        Ok(())
    }
}

fn warn_of_unverified(settings: &Settings) {
    for network in &settings.networks {
        for cause in network.plan.queue.accepts_unverified() {
            tracing::warn!(
                network = network.name,
                cause = cause.as_str(),
                "unverified messages are forwarded and delivered, as configured"
            );
        }
    }
}

fn identity(settings: &Settings) -> Result<Identity, RunError> {
    let file = &settings.gossip.identity;
    let known = file.exists();
    let identity = Identity::load_or_generate(file)?;
    if !known {
        // A mistyped path looks the same as a first start, and costs the node its name.
        tracing::warn!(file = %file.display(), peer_id = identity.peer_id(), "there was no identity file, so a new identity was made");
    }
    Ok(identity)
}

/// A task that ends at once where there is to be no control socket.
async fn start_admin(
    settings: &Settings,
    directory: &Arc<Directory>,
    requests: &Requests,
    registry: &Registry,
    shutdown: &CancellationToken,
) -> Result<JoinHandle<()>, RunError> {
    if !settings.control.enabled {
        return Ok(tokio::spawn(async {}));
    }
    let path = settings.control.place(&settings.attach.unix.path);
    let socket = LocalSocket::bind(&path, SocketMode::Owner).await.map_err(RunError::Admin)?;
    tracing::info!(path = %path.display(), "control socket listening");
    let admin = Admin {
        directory: directory.clone(),
        requests: requests.clone(),
        registry: registry.clone(),
        own_uid: rustix::process::geteuid().as_raw(),
        max_clients: settings.control.max_clients,
        shutdown: shutdown.clone(),
    };
    Ok(tokio::spawn(admin::serve(socket, admin)))
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

fn terms(settings: &Settings, directory: &Directory, limits: Limits) -> AgentTerms {
    let networks = directory.networks.iter().map(|network| NetworkTerms {
        name: network.name.clone(),
        deadline: network.deadline,
        max_payload: u32::try_from(network.max_message).unwrap_or(u32::MAX),
        groups: network.plan.queue.groups(),
    });
    AgentTerms {
        limits,
        max_window: Window { messages: settings.attach.max_window_messages, bytes: settings.attach.max_window_bytes.as_u64() },
        networks: networks.collect(),
        ..AgentTerms::default()
    }
}
