//! The ends of a network's pipeline: the shutdown's drain, and a fault.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::{Driver, PAUSE, RouterGone, Step, stream};
use crate::{BATCH_MESSAGES, Batch, DetachReason, Outcome, Pipeline, PipelineError, Report, TICK};
use pmq_protocol::wire::Reason;

impl Driver {
    /// Stops intake, waits for what is pending, within a bound, and settles the rest.
    pub(super) async fn drain(&mut self) -> Result<(), Step> {
        let end = tokio::time::Instant::now() + self.drain_within;
        self.end = Some(end);
        match self.pass_the_rest(end).await {
            Err(Step::Down) => self.close().await?,
            other => other?,
        }
        self.show();
        self.links.drain().for_each(|(_, attached)| attached.end(DetachReason::Shutdown));
        Ok(())
    }

    async fn pass_the_rest(&mut self, end: tokio::time::Instant) -> Result<(), Step> {
        let mut ticks = tokio::time::interval(TICK * 2);
        // What the router has handed over is ours to answer. Bounded by the channel.
        self.channels.arrivals.close();
        self.missed(Reason::QueueFull)?;
        let mut arrivals = Vec::with_capacity(BATCH_MESSAGES);
        loop {
            self.ready().await?;
            while arrivals.len() < BATCH_MESSAGES
                && let Ok(arrival) = self.channels.arrivals.try_recv()
            {
                arrivals.push(arrival);
            }
            if arrivals.is_empty() {
                break;
            }
            self.pipeline.arrive(&mut arrivals, Instant::now())?;
            self.settle().await?;
            self.answer().await?;
        }
        // So is what links and the requests of parents have handed over, own messages above all; later ones only while something is pending.
        self.take_ups().await?;
        let mut queued = self.channels.ups.len();
        while queued > 0 || (self.pipeline.in_flight() > 0 && self.pipeline.queue.verifiers() > 0) {
            self.ready().await?;
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(end) => break,
                _ = ticks.tick() => self.pipeline.tick(Instant::now())?,
                Some(up) = self.channels.ups.recv() => {
                    queued = queued.saturating_sub(1);
                    self.ups.push(up);
                    self.take_ups().await?;
                }
            }
            self.settle().await?;
            self.answer().await?;
        }
        self.pipeline.flush(Reason::Shutdown);
        self.settle().await?;
        // What came after the intake was closed.
        self.missed(Reason::Shutdown)?;
        self.answer().await
    }

    /// The stack was not ready until the end: what is left is settled without it.
    async fn close(&mut self) -> Result<(), Step> {
        tracing::warn!(network = %self.network, "a layer around the stages was not ready until the end of the drain; what is pending is settled without it");
        while let Ok(arrival) = self.channels.arrivals.try_recv() {
            self.channels.overflowed.note(&arrival.topic);
            self.channels.reports.send(Report::of(&arrival, Outcome::ignore(Reason::Shutdown))).await.map_err(|_| Step::Router)?;
        }
        self.missed(Reason::Shutdown)?;
        self.pipeline.close(Reason::Shutdown)?;
        self.answer().await
    }

    /// The pipeline failed while it drained: what was never on it is reported without it. Bounded by the channel.
    pub(super) async fn abandon(&mut self) -> Result<(), RouterGone> {
        self.channels.arrivals.close();
        while let Ok(arrival) = self.channels.arrivals.try_recv() {
            self.channels.overflowed.note(&arrival.topic);
            let report = Report::of(&arrival, Outcome::ignore(Reason::Fault));
            self.channels.reports.send(report).await.map_err(|_| RouterGone(self.network.clone()))?;
        }
        if let Err(error) = self.missed(Reason::Fault) {
            tracing::error!(network = %self.network, %error, "the log failed while the pipeline was left");
        }
        self.show();
        Ok(())
    }

    /// A new pipeline, as soon as its stages and layers can be built; `None` when the agent shuts down before.
    async fn rebuild(&mut self) -> Option<Pipeline> {
        loop {
            if let Ok(built) = catch_unwind(AssertUnwindSafe(|| (self.build)(stream()))) {
                return Some(built);
            }
            tracing::error!(network = %self.network, "a stage or a layer panicked while it was built; trying again");
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.channels.shutdown.cancelled() => return None,
            }
        }
    }

    /// The pipeline failed: what it held is settled, the links are cut, and a new one takes its place.
    pub(super) async fn restart(&mut self, error: &PipelineError) -> Result<(), RouterGone> {
        tracing::error!(network = %self.network, %error, "the pipeline failed and is restarted");
        self.restarts += 1;
        self.metrics.restarts.increment(1);
        // The stages are broken, so what the store still holds is reported without them.
        let mut rest = Batch::default();
        // A queue that has panicked itself may do so again; what it then still holds has no report, and its neighbours' caches forget it.
        let flushed = catch_unwind(AssertUnwindSafe(|| {
            self.news();
            self.pipeline.queue.flush(Reason::Fault, &mut rest);
        }));
        if flushed.is_err() {
            tracing::error!(network = %self.network, "the validation queue failed; what it held is not reported to the router");
        }
        if let Some(next) = self.rebuild().await {
            let old = std::mem::replace(&mut self.pipeline, next);
            // What a stage's or a layer's end panics with comes when all is booked.
            if catch_unwind(AssertUnwindSafe(|| self.pipeline.inherit(old, rest))).is_err() {
                tracing::error!(network = %self.network, "a stage or a layer panicked while it was dropped");
            }
        } else {
            self.pipeline.settle_without_stages(rest);
        }
        self.links.drain().for_each(|(_, attached)| attached.end(DetachReason::Fault));
        self.report().await.map_err(|_| RouterGone(self.network.clone()))?;
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = self.channels.shutdown.cancelled() => {}
        }
        Ok(())
    }
}
