//! libp2p-gossipsub's settings, every one set on purpose; its default stands beside.

use std::time::Duration;

use libp2p::gossipsub::{Config, ConfigBuilder, Message, MessageId, ValidationMode};

use super::networks::Networks;
use crate::error::GossipError;
use crate::settings::Settings;

/// A size as the library wants it. Checked settings fit on every platform that libp2p runs on.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Who forwards a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forward {
    /// The router, when it is told the verdict.
    Judged,
    /// The router by itself, at once.
    AtOnce,
}

/// The configuration for these networks.
pub(crate) fn config(settings: &Settings, networks: &Networks, forward: Forward) -> Result<Config, GossipError> {
    let mesh = &settings.mesh;
    let deadline = networks.longest_deadline();
    mesh.fits(deadline)?;
    let (history_gossip, history_length) = mesh.history(deadline);
    let frame = mesh.transmit_size(networks.largest_message());
    let ids = networks.clone();
    let mode = if networks.any_predecessor() { ValidationMode::Permissive } else { ValidationMode::Anonymous };

    let mut builder = ConfigBuilder::default();
    if forward == Forward::Judged {
        // off: without it messages are forwarded before their verdict.
        builder.validate_messages();
    }
    builder
        // Strict. Anonymous refuses any author; Permissive lets the predecessor's unsigned authors pass, the rest is refused in `Inbound`.
        .validation_mode(mode)
        // source and sequence number: equal for all anonymous messages.
        .message_id_fn(move |message: &Message| MessageId(ids.message_id(message.topic.as_str(), &message.data)))
        // 64 KiB. The check sees the whole read buffer, hence the margin.
        .max_transmit_size(size(frame))
        // 16 KiB, and the sender never splits.
        .max_control_message_size(size(mesh.max_control_size.as_u64()))
        // 5000 as documented, 500 in effect until it is set.
        .max_publish_messages(5000)
        // 5000 identifiers in an announcement.
        .max_control_messages_sent(5000)
        // 10 announcements taken of a peer in a heartbeat.
        .max_ihave_messages_heartbeat(10)
        // 1 s.
        .heartbeat_interval(mesh.heartbeat)
        // 5 s, added to the first heartbeat.
        .heartbeat_initial_delay(Duration::ZERO)
        // 3 and 5: shorter than most verdict deadlines.
        .history_gossip(history_gossip)
        .history_length(history_length)
        // 1 min; Go has 2.
        .duplicate_cache_time(mesh.duplicate_cache_time)
        // 6, 5 (the specification has 4), 12, 2.
        .mesh_n(mesh.n)
        .mesh_n_low(mesh.n_low)
        .mesh_n_high(mesh.n_high)
        .mesh_outbound_min(mesh.outbound_min)
        // 6 and 0.25.
        .gossip_lazy(mesh.gossip_lazy)
        .gossip_factor(mesh.gossip_factor)
        // 4 peers kept by score when a mesh is cut.
        .retain_scores(4)
        // 1 min.
        .fanout_ttl(mesh.fanout_ttl)
        // true.
        .flood_publish(mesh.flood_publish)
        // 1 min, 10 s, 1 heartbeat.
        .prune_backoff(Duration::from_secs(60))
        .unsubscribe_backoff(Duration::from_secs(10))
        .backoff_slack(1)
        // 10 s.
        .graft_flood_threshold(Duration::from_secs(10))
        // 60 heartbeats, 2 peers.
        .opportunistic_graft_ticks(60)
        .opportunistic_graft_peers(2)
        // 0: peers are not exchanged when pruning (`do_px` stays off, too): nothing vouches for them.
        .prune_peers(0)
        // 3 answers to one peer for one message.
        .gossip_retransimission(3)
        // 3 s until an announcement counts as broken.
        .iwant_followup_time(Duration::from_secs(3))
        // 300 heartbeats; there are no explicit peers.
        .check_explicit_peers_ticks(300)
        // 5000 messages, whatever their size.
        .connection_handler_queue_len(mesh.send_queue_len(networks.largest_message()))
        // 5 s and 1 s, after which a message that still waits is dropped.
        .publish_queue_duration(Duration::from_secs(5))
        .forward_queue_duration(Duration::from_secs(1))
        // 1000 bytes, from which on IDONTWANT pays.
        .idontwant_message_size_threshold(1000)
        // false.
        .idontwant_on_publish(false)
        // false: our own message coming back from another source is invalid by default only for authored ones.
        .allow_self_origin(false);
    // Not set on purpose: `protocol_id_prefix`, `protocol_id` (they drop versions 1.2 and 1.3), `support_floodsub`, `do_px`.
    builder.build().map_err(|error| GossipError::Router(error.to_string()))
}
