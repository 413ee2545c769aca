//! What can be seen of a driver from outside: its figures, each outcome, and how the links stand.

use std::time::Instant;

use super::Driver;
use crate::{Ended, LinkView, Outcome, Seen, Snapshot, Tap, Topic};
use pmq_protocol::wire::{Reason, Verdict};

impl Driver {
    /// Shows outcomes at `tap`.
    #[must_use]
    pub fn tapped(self, tap: Tap) -> Self {
        Self { tap, ..self }
    }

    /// Shows messages that never came onto the road. Those that are reported without it are counted by their topics, too, so each is seen once.
    pub(super) fn show_missed(&self, topic: &Topic, reason: Reason, count: u64) {
        if let Some(tap) = self.tap.open() {
            tap.show(Seen { topic: topic.clone(), outcome: Outcome::ignore(reason), ended: Instant::now(), what: Ended::Missed(count) });
        }
    }

    /// How every link stands, in the order of their names.
    pub(super) fn inspect(&self) -> Vec<LinkView> {
        let views = self.links.iter().map(|(&link, attached)| LinkView {
            link,
            verify: self.road.store.view(link),
            consume: self.road.outlet.view(link),
            refused: attached.refused,
            dropped: attached.dropped,
        });
        let mut views: Vec<_> = views.collect();
        views.sort_unstable_by_key(|view| view.link);
        views
    }

    /// Brings metrics and snapshot up to the road.
    pub(super) fn show(&mut self) {
        self.metrics.flush(&self.road);
        let tally = self.road.tally();
        let census = self.road.store.census();
        let lost = Reason::ALL.iter().filter(|reason| reason.lost_by_us()).map(|&reason| tally.count(Verdict::Ignore, reason)).sum();
        self.channels.snapshot.send_replace(Snapshot {
            network: self.network.clone(),
            came_in: tally.came_in(),
            verdicts: Verdict::ALL.map(|verdict| tally.verdicts(verdict)),
            verified: Verdict::ALL.map(|verdict| tally.count(verdict, Reason::Verified)),
            pending: (self.road.in_flight(), self.road.store.bytes()),
            verifiers: self.road.store.verifiers(),
            groups: census.groups,
            paused: census.paused,
            shadows: census.shadows,
            consumers: self.road.outlet.consumers(),
            lost_by_us: lost,
            delivered: self.delivered,
            hop_us: [0.5, 0.99, 0.999].map(|quantile| self.hops.value_at_quantile(quantile)),
            restarts: self.restarts,
        });
    }
}
