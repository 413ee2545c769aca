//! The one task that owns the swarm.

mod commands;
mod events;
mod solitude;
mod waiting;

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use libp2p::core::transport::ListenerId;
use libp2p::swarm::SwarmEvent;
use libp2p::{PeerId, Swarm};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Interval, MissedTickBehavior, Sleep};

use super::address::{listen_address, probe, target};
use super::error::{GossipError, PublishError, SubscribeError};
use super::face::{AllowChange, NetworkOverlay, PeerView, Published};
use super::metrics::Metrics;
use super::net::{Dialler, Router, Shared};
use super::peers::Peers;
use super::settings::Settings;
use pmq_pipeline::{Inlet, Peer, Report, Topic};
use solitude::Solitude;
use waiting::Waiting;

/// Verdicts of one turn.
const REPORTS: usize = 256;
/// Orders of one turn.
const COMMANDS: usize = 32;
/// Swarm events of one turn: few enough that verdicts never wait long behind arrivals.
const EVENTS: usize = 64;
/// How long a listen address may take to open.
const LISTEN_WAIT: Duration = Duration::from_secs(5);
/// How long connections may take to close at the end.
pub(super) const FAREWELL: Duration = Duration::from_millis(250);
/// Turns that the runtime's other tasks get after that.
const YIELDS: usize = 16;

/// An order to the task. Each carries the way back for its answer; nobody waiting for it any more is no error.
#[derive(Debug)]
pub(super) enum Command {
    Subscribe { topic: Topic, inlet: Inlet, answer: oneshot::Sender<Result<(), SubscribeError>> },
    Unsubscribe { topic: Topic, answer: oneshot::Sender<Result<(), SubscribeError>> },
    Publish { topic: Topic, payload: Bytes, answer: oneshot::Sender<Result<Published, PublishError>> },
    Peers(oneshot::Sender<Vec<PeerView>>),
    Names(Vec<Peer>, oneshot::Sender<Vec<Option<String>>>),
    Allow { change: AllowChange<PeerId>, answer: oneshot::Sender<()> },
    Appraise { peer: PeerId, score: f64, answer: oneshot::Sender<bool> },
    Addresses(oneshot::Sender<Vec<String>>),
    Stop { grace: Duration, answer: oneshot::Sender<()> },
}

/// A joined topic.
struct Sink {
    topic: Topic,
    inlet: Inlet,
}

/// The owner of the swarm and of everything that belongs to it.
pub(super) struct Task<R: Router> {
    swarm: Swarm<Shared<R>>,
    commands: mpsc::Receiver<Command>,
    reports: mpsc::Receiver<Report>,
    command_buffer: Vec<Command>,
    report_buffer: Vec<Report>,
    networks: Vec<NetworkOverlay>,
    /// As many as the settings name.
    listeners: Vec<ListenerId>,
    /// By name. Bounded by the agent's table of topics.
    sinks: HashMap<Arc<str>, Sink>,
    peers: Peers,
    dialler: Dialler,
    waiting: Waiting,
    solitude: Solitude,
    /// Partitions that have healed.
    healed: watch::Sender<u64>,
    metrics: Metrics,
    graylist: f64,
    dial_timeout: Duration,
    duplicate_cache_time: Duration,
    tick: Interval,
    /// The earliest of the next dial, the first waiting publish's deadline and the end.
    alarm: Pin<Box<Sleep>>,
    alarm_at: Option<Instant>,
    /// When to end; set by [`Command::Stop`].
    end: Option<Instant>,
}

impl<R: Router> Task<R> {
    pub(super) fn new(
        settings: &Settings,
        networks: Vec<NetworkOverlay>,
        swarm: Swarm<Shared<R>>,
        commands: mpsc::Receiver<Command>,
        reports: mpsc::Receiver<Report>,
    ) -> Result<Self, GossipError> {
        let now = Instant::now();
        let targets = settings.peers.iter().map(|text| target(text)).collect::<Result<Vec<_>, _>>()?;
        // An agent that finds itself among its peers (one list for all nodes of a network) does not dial itself.
        let targets = targets.into_iter().filter(|target| target.peer != *swarm.local_peer_id());
        let mut tick = tokio::time::interval(settings.mesh.heartbeat);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            dialler: Dialler::new(targets, settings.redial.clone(), now),
            peers: Peers::new(settings.connections.remembered),
            waiting: Waiting::new(settings.publish_wait, settings.publish_waiting),
            solitude: Solitude::new(settings.partition_after),
            healed: watch::Sender::new(0),
            metrics: Metrics::new(),
            graylist: settings.score.thresholds.graylist,
            dial_timeout: settings.dial_timeout,
            duplicate_cache_time: settings.mesh.duplicate_cache_time,
            tick,
            alarm: Box::pin(tokio::time::sleep(Duration::ZERO)),
            alarm_at: None,
            end: None,
            command_buffer: Vec::with_capacity(COMMANDS),
            report_buffer: Vec::with_capacity(REPORTS),
            listeners: Vec::new(),
            sinks: HashMap::new(),
            swarm,
            commands,
            reports,
            networks,
        })
    }

    /// See [`Running::healed`](super::Running::healed).
    pub(super) fn healed(&self) -> watch::Receiver<u64> {
        self.healed.subscribe()
    }

    /// Opens the listen addresses and answers what they became.
    pub(super) async fn listen(&mut self, addresses: &[String]) -> Result<Vec<String>, GossipError> {
        let failed = |address: &str, reason: String| GossipError::Listen { address: address.to_owned(), reason };
        let deadline = tokio::time::Instant::now() + LISTEN_WAIT;
        for text in addresses {
            let address = listen_address(text)?;
            probe(&address).map_err(|error| failed(text, error.to_string()))?;
            let id = self.swarm.listen_on(address).map_err(|error| failed(text, error.to_string()))?;
            self.listeners.push(id);
            loop {
                let Ok(event) = tokio::time::timeout_at(deadline, self.swarm.select_next_some()).await else {
                    return Err(failed(text, format!("not open after {LISTEN_WAIT:?}")));
                };
                match &event {
                    SwarmEvent::NewListenAddr { listener_id, .. } if *listener_id == id => break,
                    SwarmEvent::ListenerClosed { listener_id, reason, .. } if *listener_id == id => {
                        return Err(failed(text, format!("closed: {reason:?}")));
                    }
                    _ => self.on_swarm(event, Instant::now()),
                }
            }
        }
        Ok(self.addresses())
    }

    fn addresses(&self) -> Vec<String> {
        let peer = self.swarm.local_peer_id();
        self.swarm.listeners().map(|address| format!("{address}/p2p/{peer}")).collect()
    }

    /// Runs until it is stopped, or nobody holds a [`Gossip`](super::Gossip) any more.
    // CORRECTNESS: everything that is awaited is polled in `turn`, with the task's own waker; nothing is lost when a turn ends early, for the queues keep it.
    pub(super) async fn run(mut self) {
        poll_fn(|cx| self.turn(cx)).await;
        self.farewell().await;
        tracing::info!("gossip stopped");
    }

    /// Closes all listeners and connections, those too that come up meanwhile. What the system does for TCP when a process ends, nobody does for QUIC: its peers would wait for `quic.max_idle_timeout`.
    async fn farewell(&mut self) {
        for listener in std::mem::take(&mut self.listeners) {
            // One that has closed before is no loss.
            let _ = self.swarm.remove_listener(listener);
        }
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // One that has gone meanwhile needs no farewell.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closed = async {
            while self.swarm.connected_peers().next().is_some() {
                let event = self.swarm.select_next_some().await;
                let newcomer = if let SwarmEvent::ConnectionEstablished { peer_id, .. } = &event { Some(*peer_id) } else { None };
                self.on_swarm(event, Instant::now());
                if let Some(peer) = newcomer {
                    let _ = self.swarm.disconnect_peer_id(peer);
                }
            }
        };
        if tokio::time::timeout(FAREWELL, closed).await.is_err() {
            tracing::debug!("a connection did not close in time");
        }
        // A closed connection over QUIC has its last packet sent by a task of its own, which has been woken and tells nobody when it is done.
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
    }

    /// One turn: verdicts, orders, arrivals, time. Ready when it is over for good.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let mut again = self.turn_reports(cx, now);
        match self.turn_commands(cx, now) {
            Some(more) => again |= more,
            None => return Poll::Ready(()),
        }
        again |= self.turn_swarm(cx, now);
        if self.tick.poll_tick(cx).is_ready() {
            self.on_tick(now);
            again = true;
        }
        if self.end.is_some_and(|end| end <= now) {
            return Poll::Ready(());
        }
        // What a dial set off is polled in another turn.
        again |= self.on_time(now);
        again |= self.set_alarm(cx);
        if again {
            // One more turn, after the runtime's other tasks.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// True when there may be more, of which nobody would wake this task.
    fn turn_reports(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut buffer = std::mem::take(&mut self.report_buffer);
        let mut left = REPORTS;
        // Until it is pending, and so wakes this task: one more turn only for that would poll the whole swarm again.
        // `Ready(0)` means closed: the handles are gone, which the orders' queue tells, too.
        while left > 0
            && let Poll::Ready(count @ 1..) = self.reports.poll_recv_many(cx, &mut buffer, left)
        {
            left -= count;
            for report in buffer.drain(..) {
                self.on_report(&report, now);
            }
        }
        self.report_buffer = buffer;
        left == 0
    }

    /// As [`Self::turn_reports`]; `None` when all handles are gone.
    fn turn_commands(&mut self, cx: &mut Context<'_>, now: Instant) -> Option<bool> {
        let mut buffer = std::mem::take(&mut self.command_buffer);
        let mut left = COMMANDS;
        let mut open = true;
        while left > 0
            && open
            && let Poll::Ready(count) = self.commands.poll_recv_many(cx, &mut buffer, left)
        {
            left -= count;
            open = count > 0;
            for command in buffer.drain(..) {
                self.on_command(command, now);
            }
        }
        self.command_buffer = buffer;
        open.then_some(left == 0)
    }

    /// True when there may be more.
    fn turn_swarm(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        for _ in 0..EVENTS {
            match self.swarm.poll_next_unpin(cx) {
                Poll::Ready(Some(event)) => self.on_swarm(event, now),
                // The swarm's stream never ends.
                Poll::Ready(None) | Poll::Pending => return false,
            }
        }
        true
    }

    /// True when the alarm has rung already.
    fn set_alarm(&mut self, cx: &mut Context<'_>) -> bool {
        let next = [self.dialler.next(), self.waiting.next(), self.end].into_iter().flatten().min();
        let Some(at) = next else { return false };
        if self.alarm_at != next {
            self.alarm.as_mut().reset(at.into());
            self.alarm_at = next;
        }
        if self.alarm.as_mut().poll(cx).is_ready() {
            self.alarm_at = None;
            return true;
        }
        false
    }
}
