//! Counters and gauges, made once when gossip starts. A peer's id is never a label.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

use pmq_protocol::wire::Verdict;

/// Handles of all metrics of the swarm's task.
pub(super) struct Metrics {
    pub(super) received: Counter,
    pub(super) forwarded: Counter,
    pub(super) forward_missed: Counter,
    pub(super) report_missed: Counter,
    pub(super) ingress_dropped: Counter,
    reports: [Counter; 3],
    pub(super) published: Counter,
    pub(super) publish_duplicate: Counter,
    pub(super) publish_no_peers: Counter,
    pub(super) publish_too_large: Counter,
    pub(super) publish_queue_full: Counter,
    pub(super) publish_refused: Counter,
    pub(super) send_dropped: Counter,
    pub(super) dial_failed: Counter,
    pub(super) incoming_failed: Counter,
    pub(super) peers: Gauge,
    pub(super) mesh: Gauge,
    pub(super) graylisted: Gauge,
    pub(super) waiting: Gauge,
}

impl Metrics {
    pub(super) fn new() -> Self {
        describe_counter!("pmq_gossip_messages_received_total", "Messages that the router handed over, each once");
        describe_counter!("pmq_gossip_messages_forwarded_total", "Accepted messages that the router forwarded");
        describe_counter!("pmq_gossip_forward_missed_total", "Accepted messages that the router had let go already");
        describe_counter!("pmq_gossip_report_missed_total", "Ignored or rejected messages that the router had let go already");
        describe_counter!("pmq_gossip_ingress_dropped_total", "Messages ignored at once because the network's road was full or gone");
        describe_counter!("pmq_gossip_authored_refused_total", "Messages refused because they were signed or named an author");
        describe_counter!("pmq_gossip_topic_refused_total", "Messages refused because their topic's name was empty or too long");
        describe_counter!("pmq_gossip_reports_total", "Verdicts given to the router");
        describe_counter!("pmq_gossip_publishes_total", "Own messages by result");
        describe_counter!("pmq_gossip_send_dropped_total", "Messages not sent to a peer whose queue was full");
        describe_counter!("pmq_gossip_dial_failed_total", "Dials that failed");
        describe_counter!("pmq_gossip_incoming_failed_total", "Others' connections that were refused or failed");
        describe_gauge!("pmq_gossip_peers_connected", "Peers connected");
        describe_gauge!("pmq_gossip_mesh_peers", "Peers in the meshes, summed over topics");
        describe_gauge!("pmq_gossip_peers_graylisted", "Connected peers below the graylist threshold");
        describe_gauge!("pmq_gossip_publishes_waiting", "Own messages that wait for a first peer");
        let result = |result: &'static str| counter!("pmq_gossip_publishes_total", "result" => result);
        Self {
            received: counter!("pmq_gossip_messages_received_total"),
            forwarded: counter!("pmq_gossip_messages_forwarded_total"),
            forward_missed: counter!("pmq_gossip_forward_missed_total"),
            report_missed: counter!("pmq_gossip_report_missed_total"),
            ingress_dropped: counter!("pmq_gossip_ingress_dropped_total"),
            reports: Verdict::ALL.map(|verdict| counter!("pmq_gossip_reports_total", "verdict" => verdict.as_str())),
            published: result("published"),
            publish_duplicate: result("duplicate"),
            publish_no_peers: result("no-peers"),
            publish_too_large: result("too-large"),
            publish_queue_full: result("queue-full"),
            publish_refused: result("refused"),
            send_dropped: counter!("pmq_gossip_send_dropped_total"),
            dial_failed: counter!("pmq_gossip_dial_failed_total"),
            incoming_failed: counter!("pmq_gossip_incoming_failed_total"),
            peers: gauge!("pmq_gossip_peers_connected"),
            mesh: gauge!("pmq_gossip_mesh_peers"),
            graylisted: gauge!("pmq_gossip_peers_graylisted"),
            waiting: gauge!("pmq_gossip_publishes_waiting"),
        }
    }

    pub(super) fn reported(&self, verdict: Verdict) {
        // The verdicts' numbers run from 1 in the order of `Verdict::ALL`.
        if let Some(counter) = self.reports.get(verdict as usize - 1) {
            counter.increment(1);
        }
    }
}
