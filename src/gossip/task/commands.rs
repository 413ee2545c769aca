//! Orders and verdicts.

use std::time::Instant;

use bytes::Bytes;
use libp2p::PeerId;
use tokio::sync::oneshot;

use super::waiting::Parked;
use super::{Command, Sink, Task};
use crate::error::{PublishError, SubscribeError};
use crate::face::{PeerView, Published};
use crate::net::{Router, RouterError};
use crate::settings::MessageIdFunction;
use pmq_pipeline::{Inlet, Report, Topic};
use pmq_protocol::wire::Verdict;

/// Sends an answer; nobody waiting for it any more is no error.
fn tell<T>(answer: oneshot::Sender<T>, value: T) {
    drop(answer.send(value));
}

impl<R: Router> Task<R> {
    pub(super) fn on_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Subscribe { topic, inlet, answer } => tell(answer, self.subscribe(topic, inlet)),
            Command::Unsubscribe { topic, answer } => tell(answer, self.unsubscribe(&topic)),
            Command::Publish { topic, payload, answer } => self.publish(topic, payload, answer, now),
            Command::Peers(answer) => tell(answer, self.view()),
            Command::Names(peers, answer) => {
                tell(answer, peers.into_iter().map(|peer| self.peers.id(peer).map(PeerId::to_base58)).collect());
            }
            Command::Allow { change, answer } => {
                self.swarm.behaviour_mut().allow.change(change);
                tell(answer, ());
            }
            Command::Appraise { peer, score, answer } => tell(answer, self.swarm.behaviour_mut().router.appraise(&peer, score)),
            Command::Addresses(answer) => tell(answer, self.addresses()),
            Command::Stop { grace, answer } => {
                // Dropping the sinks makes every further arrival an Ignore.
                self.sinks.clear();
                self.end = Some(now + grace);
                tell(answer, ());
            }
        }
    }

    fn subscribe(&mut self, topic: Topic, inlet: Inlet) -> Result<(), SubscribeError> {
        let Some(network) = self.networks.iter().find(|network| network.claims.matches(&topic.name)) else {
            return Err(SubscribeError::Unclaimed(topic.name.to_string()));
        };
        if matches!(network.id, MessageIdFunction::Content { .. }) && self.sinks.keys().any(|other| *other != topic.name) {
            tracing::warn!(
                network = %network.name, topic = %topic.name,
                "ids of this network are made from the content alone: whoever replays a message on another topic of this agent first suppresses it here"
            );
        }
        let router = &mut self.swarm.behaviour_mut().router;
        router.subscribe(&topic).map_err(|reason| SubscribeError::Router { topic: topic.name.to_string(), reason })?;
        self.sinks.insert(topic.name.clone(), Sink { topic, inlet });
        Ok(())
    }

    fn unsubscribe(&mut self, topic: &Topic) -> Result<(), SubscribeError> {
        self.sinks.remove(&topic.name);
        if self.swarm.behaviour_mut().router.unsubscribe(topic) {
            return Ok(());
        }
        Err(SubscribeError::NotSubscribed(topic.name.to_string()))
    }

    fn publish(&mut self, topic: Topic, payload: Bytes, answer: oneshot::Sender<Result<Published, PublishError>>, now: Instant) {
        match self.try_publish(&topic, &payload) {
            Some(result) => tell(answer, result),
            None => self.waiting.park(topic, payload, answer, now),
        }
    }

    /// `None` when there is no peer.
    fn try_publish(&mut self, topic: &Topic, payload: &[u8]) -> Option<Result<Published, PublishError>> {
        let Some(network) = self.networks.iter().find(|network| network.claims.matches(&topic.name)) else {
            self.metrics.publish_refused.increment(1);
            return Some(Err(PublishError::Unclaimed(topic.name.to_string())));
        };
        let (size, max) = (payload.len(), network.max_message);
        if size > max {
            self.metrics.publish_too_large.increment(1);
            return Some(Err(PublishError::TooLarge { size, max }));
        }
        let router = &mut self.swarm.behaviour_mut().router;
        let eligible = router.eligible(topic);
        Some(match router.publish(topic, payload) {
            Ok(id) => {
                self.metrics.published.increment(1);
                Ok(Published { id, eligible, duplicate: false })
            }
            Err(RouterError::Duplicate(id)) => {
                self.metrics.publish_duplicate.increment(1);
                Ok(Published { id, eligible, duplicate: true })
            }
            Err(RouterError::NoPeers) => return None,
            Err(RouterError::TooLarge) => {
                self.metrics.publish_too_large.increment(1);
                Err(PublishError::TooLarge { size, max })
            }
            Err(RouterError::QueuesFull) => {
                self.metrics.publish_queue_full.increment(1);
                Err(PublishError::QueueFull(self.duplicate_cache_time))
            }
            Err(RouterError::Other(reason)) => {
                self.metrics.publish_refused.increment(1);
                Err(PublishError::Router(reason))
            }
        })
    }

    /// Tries again what waits for a peer on this topic, or on any.
    pub(super) fn retry_waiting(&mut self, topic: Option<&str>) {
        if self.waiting.len() == 0 {
            return;
        }
        for parked in self.waiting.take(topic) {
            match self.try_publish(&parked.topic, &parked.payload) {
                Some(result) => tell(parked.answer, result),
                None => self.waiting.put_back(parked),
            }
        }
    }

    /// Dials that are due, publishes whose wait is over. True when there was a dial.
    pub(super) fn on_time(&mut self, now: Instant) -> bool {
        while let Some(Parked { answer, .. }) = self.waiting.expired(now) {
            self.metrics.publish_no_peers.increment(1);
            tell(answer, Err(PublishError::NoPeers(self.waiting.wait())));
        }
        let mut dialled = false;
        while let Some((peer, address)) = self.dialler.due(now) {
            self.dial(peer, address, now);
            dialled = true;
        }
        dialled
    }

    /// A verdict, from a pipeline.
    pub(super) fn on_report(&mut self, report: &Report, now: Instant) {
        // A peer that was forgotten meanwhile: it excludes nobody from forwarding and takes no penalty, the router's other records stand.
        let source = self.peers.id(report.peer).unwrap_or(*self.swarm.local_peer_id());
        self.metrics.reported(report.outcome.verdict);
        let router = &mut self.swarm.behaviour_mut().router;
        let known = router.report(&report.id, &source, report.outcome.verdict);
        match (report.outcome.verdict, known) {
            (Verdict::Accept, true) => self.metrics.forwarded.increment(1),
            (Verdict::Accept, false) => self.metrics.forward_missed.increment(1),
            (_, true) => {}
            (_, false) => self.metrics.report_missed.increment(1),
        }
        if report.outcome.verdict == Verdict::Reject {
            self.observe(&source, now);
        }
    }

    fn view(&self) -> Vec<PeerView> {
        let router = &self.swarm.behaviour().router;
        let meshes: Vec<_> = self.sinks.values().map(|sink| (&sink.topic, router.mesh(&sink.topic).collect::<Vec<_>>())).collect();
        let view = self.peers.iter().map(|entry| {
            let score = router.score(&entry.id);
            let in_mesh = meshes.iter().filter(|(_, peers)| peers.contains(&entry.id));
            PeerView {
                peer: entry.peer,
                peer_id: entry.id.to_base58(),
                connected: entry.connected,
                transports: entry.transports(),
                score: score.unwrap_or_default(),
                graylisted: score.is_some_and(|score| score < self.graylist),
                graylisted_after: entry.graylisted_after,
                mesh: in_mesh.map(|(topic, _)| topic.name.clone()).collect(),
            }
        });
        view.collect()
    }
}
