//! Verdicts on their way in, and what the operator hears of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Driver;
use crate::{Compared, Conflict, LinkId, LinkMessage, QueueEvent, VerdictEffect, VerdictRecord};
use pmq_protocol::wire::message::Judged;
use pmq_protocol::wire::{Frame, Verdict};

/// At most one line of a kind in this time; how many were left out stands in the next one.
const PAUSE: Duration = Duration::from_secs(1);

/// Lets one of a kind through at a time.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    last: Option<Instant>,
    suppressed: u64,
}

impl Sampler {
    /// Whether this one is to be told; if so, how many were not since the last one.
    pub(super) fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// What is told of verdicts, and how often.
#[derive(Debug, Default)]
pub(super) struct Teller {
    conflicts: Sampler,
    disagreements: Sampler,
    reasons: Sampler,
    /// The last text of a verdict: a parent that repeats itself costs no allocation.
    text: Option<Arc<str>>,
}

impl Teller {
    fn said(&mut self, judged: &Judged<'_>) -> VerdictRecord {
        let text = match &self.text {
            _ if judged.text.is_empty() => None,
            Some(last) if **last == *judged.text => Some(last.clone()),
            _ => {
                self.text = Some(judged.text.into());
                self.text.clone()
            }
        };
        VerdictRecord { verdict: judged.verdict, code: judged.reason, text, took: Duration::ZERO }
    }
}

impl Driver {
    pub(super) fn verdicts(&mut self, link: LinkId, index: u16, frame: &Frame, now: Instant) {
        let verdicts = match frame.items::<Judged<'_>>() {
            Ok(verdicts) => verdicts,
            Err(error) => {
                // The session has read the same bytes before it passed them on.
                tracing::error!(network = %self.network, %error, "invalid verdict frame");
                return;
            }
        };
        let shadow = self.links.get(&link).is_some_and(|attached| attached.shadow);
        for judged in verdicts.filter(|judged| judged.network == index) {
            let said = self.teller.said(&judged);
            match self.pipeline.verdict(link, judged.ticket, said, now) {
                Ok(VerdictEffect::Counted(took)) => {
                    self.metrics.round_trip.record(took.as_secs_f64());
                    if judged.reason != 0 || !judged.text.is_empty() {
                        self.reason(&judged, now);
                    }
                }
                Ok(VerdictEffect::Shadow) => {}
                Err(why) => {
                    self.metrics.refused(why, shadow);
                    if let Some(attached) = self.links.get_mut(&link) {
                        attached.refused.add(why);
                    }
                    self.send(link, LinkMessage::VerdictRefused(judged.ticket, why));
                }
            }
        }
    }

    /// A verdict that came with a reason.
    fn reason(&mut self, judged: &Judged<'_>, now: Instant) {
        self.metrics.reason(judged.verdict, judged.reason);
        if judged.verdict != Verdict::Accept
            && let Some(suppressed) = self.teller.reasons.admit(now)
        {
            let (network, verdict) = (&self.network, judged.verdict.as_str());
            tracing::info!(%network, verdict, code = judged.reason, text = ?judged.text, suppressed, "a parent gave a reason");
        }
    }

    /// Conflicts and shadows' verdicts since the last step.
    pub(super) fn news(&mut self) {
        if self.pipeline.queue.news().is_empty() {
            return;
        }
        let now = Instant::now();
        for news in self.pipeline.queue.news().drain(..) {
            match news {
                QueueEvent::Conflict(conflict) => {
                    self.metrics.conflict(&conflict.topic);
                    if let Some(suppressed) = self.teller.conflicts.admit(now) {
                        alarm(&self.network, &conflict, suppressed);
                    }
                }
                QueueEvent::Compared(compared) => {
                    self.metrics.compared(&compared);
                    // A fallback is nobody's judgement, so that nobody is contradicted by it.
                    let contradicted = compared.said.as_ref().is_some_and(|_| compared.outcome.verdict != compared.shadow.verdict);
                    if let (true, Some(said)) = (contradicted, &compared.said)
                        && let Some(suppressed) = self.teller.disagreements.admit(now)
                    {
                        disagreement(&self.network, &compared, said, suppressed);
                    }
                }
            }
        }
    }
}

fn alarm(network: &str, conflict: &Conflict, suppressed: u64) {
    let Conflict { ticket, topic, id, accepted, rejected } = conflict;
    tracing::warn!(
        network,
        topic = &*topic.name,
        %id,
        ticket = ticket.0,
        accepted_by = &*accepted.0,
        accepted = %accepted.1,
        rejected_by = &*rejected.0,
        rejected = %rejected.1,
        suppressed,
        "verifiers contradict each other: the message is ignored, and nobody is penalised"
    );
}

fn disagreement(network: &str, compared: &Compared, said: &VerdictRecord, suppressed: u64) {
    let Compared { topic, id, outcome, shadow, .. } = compared;
    let topic = &*topic.name;
    tracing::info!(network, topic, %id, outcome = outcome.verdict.as_str(), said = %said, shadow = %shadow, suppressed, "a shadow disagrees");
}

#[cfg(test)]
#[path = "verdicts_tests.rs"]
mod tests;
