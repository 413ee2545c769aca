//! What the settings cost in memory.

use super::Config;
use pmq_agent::settings::Network;
use pmq_gossip::{QUEUE_OVERHEAD, Quic};

/// What an agent takes that has a neighbour, a parent and nothing to do, in bytes: program, libraries' own state, a connection, the allocator's slack.
const AGENT: u64 = 16 << 20;

/// One thing that takes memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What.
    pub what: String,
    /// Bytes.
    pub bytes: u64,
    /// Whether that is a bound, which only a flood reaches, and not an estimate at the expected rate.
    pub bound: bool,
    /// What the figure rests on.
    pub basis: String,
}

/// What takes memory, by network; the agent's own part is the first, without a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// The network; empty for the agent as a whole.
    pub network: String,
    /// Its items.
    pub items: Vec<Item>,
}

impl Estimate {
    /// All estimates at the expected rate together (`bound` false), or all bounds, in bytes.
    #[must_use]
    pub fn total(&self, bound: bool) -> u64 {
        self.items.iter().filter(|item| item.bound == bound).fold(0, |sum, item| sum.saturating_add(item.bytes))
    }
}

impl Config {
    /// Estimates the memory of every bounded room. Overheads of the allocator are guessed; `pmq bench memory` compares
    /// it with a real agent.
    #[must_use]
    pub fn memory(&self) -> Vec<Estimate> {
        let sessions = u64::from(self.settings.attach.max_sessions);
        let window = self.settings.attach.max_window_bytes.as_u64();
        let largest = self.settings.networks.iter().map(|network| network.max_message).max().unwrap_or_default();
        let queue = self.settings.gossip.mesh.send_queue_len(largest) as u64;
        let peers = u64::from(self.settings.gossip.connections.total);
        // What waits for a peer is shared with no other room.
        let (rate, size) = self
            .settings
            .networks
            .iter()
            .fold((0.0, 0), |(rate, size), network| (rate + network.expected_rate, network.expected_size.max(size)));
        let waiting = bytes(rate.min(queue as f64) * (size + QUEUE_OVERHEAD) as f64).saturating_mul(peers);
        // A window for each network and each of two roles; a frame being read, and what a link's sink holds.
        let windows = sessions.saturating_mul(window).saturating_mul(2 * self.settings.networks.len() as u64);
        let buffers =
            sessions.saturating_mul(self.settings.attach.max_frame_payload.as_u64().saturating_add(pmq_transports::SEND_BYTES as u64));
        let zeromq = &self.settings.attach.zeromq;
        let inboxes = sessions.saturating_mul(zeromq.inbox_bytes);
        let arrivals = self
            .settings
            .networks
            .iter()
            .fold(0_u64, |sum, network| sum.saturating_add(network.max_message.saturating_mul(pmq_agent::ARRIVALS as u64)));
        let taps = (self.settings.networks.len() as u64)
            .saturating_mul(pmq_pipeline::TAP_RECORDS as u64 * size_of::<pmq_pipeline::TapRecord>() as u64);
        let clients = if self.settings.control.enabled { pmq_agent::admin::memory(self.settings.control.max_clients, largest) } else { 0 };
        let mut agent = Estimate {
            network: String::new(),
            items: vec![
                expected("the agent itself", AGENT, "program, libraries, one connection and one parent, idle".to_owned()),
                bound(
                    "windows of parents",
                    windows,
                    &format!("{sessions} sessions x networks x 2 roles x {window} bytes; shares payloads with the queue and the ring"),
                ),
                bound(
                    "frames of parents",
                    buffers,
                    &format!("{sessions} sessions, each with a largest frame coming and a sink full going"),
                ),
                bound(
                    "arrivals",
                    arrivals,
                    &format!("{} largest messages between the router and each network's pipeline", pmq_agent::ARRIVALS),
                ),
                bound("taps", taps, &format!("{} outcomes of each network, while somebody looks; no payloads", pmq_pipeline::TAP_RECORDS)),
                bound(
                    "clients of the control socket",
                    clients,
                    &format!("{} clients, each with a longest line coming and messages under way", self.settings.control.max_clients),
                ),
                expected(
                    "send queues of peers",
                    waiting,
                    format!("one second of traffic for each of {peers} connections; {queue} messages each at most"),
                ),
            ],
        };
        if !zeromq.bind.is_empty() {
            let basis = format!("{sessions} sessions x {} bytes that a session has not read yet", zeromq.inbox_bytes);
            agent.items.push(bound("inboxes of zeromq", inboxes, &basis));
        }
        if !self.settings.attach.grpc.bind.is_empty() {
            let (each, places) = (pmq_transports::grpc::LINK_BYTES, self.settings.attach.grpc.bind.len() as u64);
            let connections = places.saturating_mul(pmq_transports::grpc::CONNECTIONS as u64);
            let basis = format!(
                "{connections} connections x {each} bytes that HTTP/2 has on its way, and a message being read in each of {sessions} sessions"
            );
            let reading = sessions.saturating_mul(self.settings.attach.max_frame_payload.as_u64());
            agent.items.push(bound("windows of parents over gRPC", connections.saturating_mul(each).saturating_add(reading), &basis));
            let (calls, callers) = (pmq_agent::P2PMQ_CALLS as u64, self.settings.attach.grant.len() as u64);
            let longest =
                self.settings.networks.iter().map(|network| network.max_message).max().unwrap_or_default().saturating_add(64 * 1024);
            let held = format!("{places} addresses x {callers} grants x {calls} calls x {longest} bytes");
            let bytes = places.saturating_mul(callers).saturating_mul(calls).saturating_mul(longest);
            agent.items.push(bound("messages in calls of p2pmq's parents", bytes, &held));
        }
        if !self.settings.attach.quic.bind.is_empty() {
            let each = pmq_transports::quic::LINK_BYTES;
            let basis = format!("{sessions} sessions x {each} bytes unread and unacknowledged");
            agent.items.push(bound("windows of parents over QUIC", sessions.saturating_mul(each), &basis));
        }
        let quic = self.settings.gossip.quic_connections();
        if quic > 0 {
            let basis = format!(
                "{quic} connections x {} unread and {} unacknowledged",
                self.settings.gossip.quic.max_connection_data,
                Quic::SEND_WINDOW
            );
            agent.items.push(bound("windows of peers over QUIC", self.settings.gossip.quic.memory(quic), &basis));
        }
        std::iter::once(agent).chain(self.settings.networks.iter().map(|network| self.network_memory(network))).collect()
    }

    fn network_memory(&self, network: &Network) -> Estimate {
        let (rate, size) = (network.expected_rate, network.expected_size);
        let deadline = network.plan.queue.deadline();
        let caches = self.settings.gossip.mesh.memory(rate, size, deadline);
        let (_, kept) = self.settings.gossip.mesh.history(deadline);
        let heartbeat = self.settings.gossip.mesh.heartbeat;
        let remembered = self.settings.gossip.mesh.duplicate_cache_time;
        let stage = |stage: &dyn pmq_pipeline::Blueprint| bound(stage.name(), stage.memory(rate), "its tables when full");
        let mut items = vec![
            expected("message cache", caches.messages, format!("{rate} messages/s x {size} bytes for {kept} heartbeats of {heartbeat:?}")),
            expected("duplicate cache", caches.ids, format!("{} ids in {remembered:?}", caches.id_count)),
        ];
        if self.settings.gossip.score.enabled {
            let (senders, kept) = (self.settings.gossip.mesh.n, pmq_gossip::SCORE_MEMORY);
            let records = self.settings.gossip.score.memory(rate, senders);
            items.push(expected("score records", records, format!("{rate} messages/s, each from {senders} neighbours, for {kept:?}")));
        }
        items.extend(network.plan.front.iter().map(|part| stage(&**part)));
        items.push(expected(
            network.plan.queue.name(),
            network.plan.queue.memory(rate, size),
            format!("{rate} messages/s x {size} bytes for {deadline:?}"),
        ));
        items.extend(network.plan.tail.iter().map(|part| stage(&**part)));
        items.push(bound(network.plan.delivery.name(), network.plan.delivery.memory(), "its ring when full"));
        Estimate { network: network.name.clone(), items }
    }
}

fn expected(what: &str, bytes: u64, basis: String) -> Item {
    Item { what: what.to_owned(), bytes, bound: false, basis }
}

fn bound(what: &str, bytes: u64, basis: &str) -> Item {
    Item { what: what.to_owned(), bytes, bound: true, basis: basis.to_owned() }
}

/// A float cast saturates; a negative estimate would be a mistake of the rooms.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, which is what an estimate wants")]
fn bytes(estimate: f64) -> u64 {
    estimate.ceil() as u64
}
