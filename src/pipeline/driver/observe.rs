//! What can be seen of a driver from outside: its figures, each outcome, and how the links stand.

use std::time::Instant;

use super::Driver;
use crate::{LinkView, Outcome, Snapshot, Tap, TapRecord, TapSubject, Topic};
use pmq_protocol::wire::{Reason, Verdict};

impl Driver {
    /// Shows outcomes at `tap`.
    #[must_use]
    pub fn tapped(self, tap: Tap) -> Self {
        Self { tap, ..self }
    }

    /// Shows messages that never came onto the pipeline. Those that are reported without it are counted by their topics, too, so each is seen once.
    pub(super) fn show_missed(&self, topic: &Topic, reason: Reason, count: u64) {
        if let Some(tap) = self.tap.open() {
            tap.show(TapRecord {
                topic: topic.clone(),
                outcome: Outcome::ignore(reason),
                ended: Instant::now(),
                what: TapSubject::Missed(count),
            });
        }
    }

    /// How every link stands, in the order of their names.
    pub(super) fn inspect(&self) -> Vec<LinkView> {
        let views = self.links.iter().map(|(&link, attached)| LinkView {
            link,
            verify: self.pipeline.queue.view(link),
            consume: self.pipeline.delivery.view(link),
            refused: attached.refused,
            dropped: attached.dropped,
        });
        let mut views: Vec<_> = views.collect();
        views.sort_unstable_by_key(|view| view.link);
        views
    }

    /// Brings metrics and snapshot up to the pipeline.
    pub(super) fn show(&mut self) {
        self.metrics.flush(&self.pipeline);
        let tally = self.pipeline.tally();
        let census = self.pipeline.queue.census();
        let lost = Reason::ALL.iter().filter(|reason| reason.lost_by_us()).map(|&reason| tally.count(Verdict::Ignore, reason)).sum();
        self.channels.snapshot.send_replace(Snapshot {
            network: self.network.clone(),
            came_in: tally.came_in(),
            verdicts: Verdict::ALL.map(|verdict| tally.verdicts(verdict)),
            verified: Verdict::ALL.map(|verdict| tally.count(verdict, Reason::Verified)),
            pending: (self.pipeline.in_flight(), self.pipeline.queue.bytes()),
            verifiers: self.pipeline.queue.verifiers(),
            groups: census.groups,
            paused: census.paused,
            shadows: census.shadows,
            consumers: self.pipeline.delivery.consumers(),
            lost_by_us: lost,
            delivered: self.delivered,
            hop_us: [0.5, 0.99, 0.999].map(|quantile| self.hops.value_at_quantile(quantile)),
            restarts: self.restarts,
        });
    }
}
