//! Score parameters for libp2p-gossipsub out of ours. Its `TopicScoreParams::default()` is never used: with it some forty invalid messages a second go unpunished.

use std::collections::HashMap;
use std::time::Duration;

use libp2p::gossipsub::{PeerScoreParams, PeerScoreThresholds, TopicScoreParams, score_parameter_decay_with_base};

use crate::settings::{Score, TopicScore};

/// The factor by which a counter shrinks at each decay so that it is gone after `time`.
fn decay(score: &Score, time: Duration) -> f64 {
    // Within one interval it is gone at once; a factor of 0 is refused by the library.
    score_parameter_decay_with_base(time.max(score.decay_interval), score.decay_interval, score.decay_to_zero)
}

/// Parameters of all peers; those of topics follow when the topics are known.
pub(crate) fn peer_params(score: &Score) -> PeerScoreParams {
    PeerScoreParams {
        topics: HashMap::new(),
        topic_score_cap: score.topic_cap,
        app_specific_weight: score.application_weight,
        ip_colocation_factor_weight: score.address.weight,
        ip_colocation_factor_threshold: score.address.threshold,
        ip_colocation_factor_whitelist: score.address.exempt.iter().copied().collect(),
        behaviour_penalty_weight: score.behaviour.weight,
        behaviour_penalty_threshold: score.behaviour.threshold,
        behaviour_penalty_decay: decay(score, score.behaviour.decay),
        decay_interval: score.decay_interval,
        decay_to_zero: score.decay_to_zero,
        retain_score: score.retain,
        slow_peer_weight: score.slow_peer.weight,
        slow_peer_threshold: score.slow_peer.threshold,
        slow_peer_decay: decay(score, score.slow_peer.decay),
    }
}

/// Thresholds.
pub(crate) fn thresholds(score: &Score) -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: score.thresholds.gossip,
        publish_threshold: score.thresholds.publish,
        graylist_threshold: score.thresholds.graylist,
        // Peers are not exchanged, so nobody's score is ever compared with this.
        accept_px_threshold: f64::MAX,
        opportunistic_graft_threshold: score.thresholds.opportunistic_graft,
    }
}

/// Parameters of one topic.
pub(crate) fn topic_params(score: &Score, topic: &TopicScore) -> TopicScoreParams {
    TopicScoreParams {
        topic_weight: topic.weight,
        time_in_mesh_weight: topic.time_in_mesh.weight,
        time_in_mesh_quantum: topic.time_in_mesh.quantum,
        time_in_mesh_cap: topic.time_in_mesh.cap,
        first_message_deliveries_weight: topic.first_deliveries.weight,
        first_message_deliveries_decay: decay(score, topic.first_deliveries.decay),
        first_message_deliveries_cap: topic.first_deliveries.cap,
        mesh_message_deliveries_weight: topic.mesh_deliveries.weight,
        mesh_message_deliveries_decay: decay(score, topic.mesh_deliveries.decay),
        mesh_message_deliveries_cap: topic.mesh_deliveries.cap,
        mesh_message_deliveries_threshold: topic.mesh_deliveries.threshold,
        mesh_message_deliveries_window: topic.mesh_deliveries.window,
        mesh_message_deliveries_activation: topic.mesh_deliveries.activation,
        mesh_failure_penalty_weight: topic.mesh_deliveries.failure_weight,
        mesh_failure_penalty_decay: decay(score, topic.mesh_deliveries.decay),
        invalid_message_deliveries_weight: topic.invalid.weight,
        invalid_message_deliveries_decay: decay(score, topic.invalid.decay),
    }
}
