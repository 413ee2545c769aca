//! The handle that the other rooms hold, and the start.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::error::{GossipError, PeerError, PublishError, Stopped, SubscribeError};
use super::face::{AllowChange, NetworkOverlay, PeerView, Published};
use super::identity::Identity;
use super::settings::Settings;
use super::stock::Stock;
use super::task::{Command, Task};
use super::{InvalidSetting, net};
use pmq_pipeline::{Inlet, Peer, Report, Topic};

/// Orders under way. A sender waits when it is full: publishing is slowed, nothing is lost.
const COMMANDS: usize = 256;
/// Verdicts under way. A sender waits when it is full; the task drains them before anything else.
const REPORTS: usize = 4096;

/// A handle to gossip; clones are cheap. When the last one is dropped, gossip stops.
#[derive(Debug, Clone)]
pub struct Gossip {
    commands: mpsc::Sender<Command>,
    reports: mpsc::Sender<Report>,
    peer_id: Arc<str>,
}

/// The swarm's task.
#[derive(Debug)]
pub struct Running {
    /// Addresses that are listened on, each with this agent's `/p2p/<peer id>`.
    pub listen: Vec<String>,
    /// Counts the times that a first peer connected after the start, or after a partition: no peer at all for longer than `partition_after`.
    pub healed: watch::Receiver<u64>,
    /// Ends when gossip has stopped.
    pub task: JoinHandle<()>,
}

/// Starts gossip on the current tokio runtime, and answers when every listen address is open.
///
/// # Errors
/// [`GossipError`]: a setting cannot work, a verdict deadline does not fit the router's message cache, or an address is taken.
pub async fn start(settings: &Settings, identity: &Identity, networks: Vec<NetworkOverlay>) -> Result<(Gossip, Running), GossipError> {
    check(settings, &networks)?;
    launch(settings, identity, networks).await
}

/// [`start`] without its checks: tests also show what the checks are for.
pub(super) async fn launch(
    settings: &Settings,
    identity: &Identity,
    networks: Vec<NetworkOverlay>,
) -> Result<(Gossip, Running), GossipError> {
    let router = Stock::new(settings, networks.clone())?;
    let swarm = net::swarm(settings, identity, router)?;
    let (commands, command_queue) = mpsc::channel(COMMANDS);
    let (reports, report_queue) = mpsc::channel(REPORTS);
    let mut task = Task::new(settings, networks, swarm, command_queue, report_queue)?;
    let listen = task.listen(&settings.listen).await?;
    let healed = task.healed();
    let peer_id = identity.peer_id().into();
    tracing::info!(peer = %peer_id, ?listen, "gossip started");
    Ok((Gossip { commands, reports, peer_id }, Running { listen, healed, task: tokio::spawn(task.run()) }))
}

impl Gossip {
    /// This agent's peer id, in base58.
    #[must_use]
    pub fn peer_id(&self) -> &str {
        &self.peer_id
    }

    /// Joins a topic. Its messages go to `inlet`; one that finds it full or closed is reported Ignore at once and counted there. On a topic that is joined already the new
    /// inlet takes the old one's place.
    ///
    /// # Errors
    /// [`SubscribeError`]: no network claims the topic, or the router refused it.
    pub async fn subscribe(&self, topic: Topic, inlet: Inlet) -> Result<(), SubscribeError> {
        self.ask(|answer| Command::Subscribe { topic, inlet, answer }).await?
    }

    /// Leaves a topic.
    ///
    /// # Errors
    /// [`SubscribeError`]: it was not joined.
    pub async fn unsubscribe(&self, topic: Topic) -> Result<(), SubscribeError> {
        self.ask(|answer| Command::Unsubscribe { topic, answer }).await?
    }

    /// Where verdicts go. Bounded: a sender waits while it is full.
    #[must_use]
    pub fn reports(&self) -> mpsc::Sender<Report> {
        self.reports.clone()
    }

    /// Publishes a message; waits up to `publish_wait` for a first peer on its topic. A known message is `Ok` with `duplicate`.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn publish(&self, topic: Topic, payload: Bytes) -> Result<Published, PublishError> {
        self.hand_over(topic, payload).await?.await
    }

    /// The first half of [`Self::publish`]; what is answered waits for the second. Messages are published in the order in which they are handed over.
    ///
    /// # Errors
    /// [`PublishError::Stopped`].
    pub async fn hand_over(
        &self,
        topic: Topic,
        payload: Bytes,
    ) -> Result<impl Future<Output = Result<Published, PublishError>> + use<>, PublishError> {
        let published = self.order(|answer| Command::Publish { topic, payload, answer }).await?;
        Ok(async move { published.await.map_err(|_| Stopped)? })
    }

    /// All neighbours, also those that left a while ago.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn peers(&self) -> Result<Vec<PeerView>, Stopped> {
        self.ask(Command::Peers).await
    }

    /// Ids of neighbours by their handles, in base58; `None` for one that is forgotten. Cheaper than [`Self::peers`].
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn names(&self, peers: Vec<Peer>) -> Result<Vec<Option<String>>, Stopped> {
        self.ask(|answer| Command::Names(peers, answer)).await
    }

    /// Changes who may connect, and disconnects who may not any more.
    ///
    /// # Errors
    /// [`PeerError`]: a peer id that cannot be read; then nothing is changed.
    pub async fn allow(&self, change: AllowChange) -> Result<(), PeerError> {
        let change = change.try_map(|id| crate::address::peer_id("allow", &id))?;
        Ok(self.ask(|answer| Command::Allow { change, answer }).await?)
    }

    /// Sets the application's score of a peer (P5).
    ///
    /// # Errors
    /// [`PeerError`]: the peer is not known, or peers are not scored.
    pub async fn appraise(&self, peer_id: &str, score: f64) -> Result<(), PeerError> {
        let peer = crate::address::peer_id("peer", peer_id)?;
        let known = self.ask(|answer| Command::Appraise { peer, score, answer }).await?;
        if known { Ok(()) } else { Err(PeerError::Unknown(peer_id.to_owned())) }
    }

    /// Addresses that are listened on now, each with this agent's `/p2p/<peer id>`.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn listen_addresses(&self) -> Result<Vec<String>, Stopped> {
        self.ask(Command::Addresses).await
    }

    /// Stops gossip: from now on arrivals are ignored, while verdicts and what waits to be sent still go out for `grace`. Answers when the order is taken; the end is
    /// [`Running::task`]'s.
    ///
    /// # Errors
    /// [`Stopped`] when it has stopped already.
    pub async fn stop(&self, grace: Duration) -> Result<(), Stopped> {
        self.ask(|answer| Command::Stop { grace, answer }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Stopped> {
        self.order(command).await?.await.map_err(|_| Stopped)
    }

    async fn order<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<oneshot::Receiver<T>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| Stopped)?;
        Ok(answered)
    }
}

/// Checks what can be checked without starting: the settings, that every network's verdict deadline fits the router's message cache, and its messages the frames.
///
/// # Errors
/// [`InvalidSetting`] for the first that cannot work.
pub fn check(settings: &Settings, networks: &[NetworkOverlay]) -> Result<(), InvalidSetting> {
    settings.check()?;
    networks.iter().try_for_each(|network| network.score.check())?;
    settings.mesh.fits(networks.iter().map(|network| network.deadline).max().unwrap_or_default())?;
    settings.mesh.carries(networks.iter().map(|network| network.max_message as u64).max().unwrap_or_default())
}
