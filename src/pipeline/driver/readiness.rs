//! When a driver may make its next pass, and what goes on while it may not.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{Driver, Step};
use crate::{PipelineError, TICK};
use pmq_protocol::wire::Reason;

impl Driver {
    /// Waits until the stages take a pass; to be awaited before each one. A stack that is not ready holds up the pipeline, but neither a deadline nor the
    /// shutdown, nor the other networks.
    pub(super) async fn ready(&mut self) -> Result<(), Step> {
        let first = poll_fn(|cx| Poll::Ready(self.pipeline.poll_ready(cx))).await;
        if let Poll::Ready(ready) = first {
            return Ok(ready.map_err(PipelineError::from)?);
        }
        let mut ticks = tokio::time::interval(TICK * 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let end = self.end;
        loop {
            // CORRECTNESS: every future below is cancel-safe.
            tokio::select! {
                biased;
                ready = poll_fn(|cx| self.pipeline.poll_ready(cx)) => return Ok(ready.map_err(PipelineError::from)?),
                () = over(end, &self.channels.shutdown) => return Err(Step::Down),
                _ = ticks.tick() => {
                    self.missed(Reason::QueueFull)?;
                    self.pipeline.overdue(Instant::now());
                    self.report().await?;
                    self.show();
                }
            }
        }
    }

    pub(super) async fn settle(&mut self) -> Result<(), Step> {
        while self.pipeline.unsettled() {
            self.ready().await?;
            self.pipeline.settle(Instant::now())?;
        }
        Ok(())
    }

    /// What parents have ordered before a fault holds on the pipeline after it.
    pub(super) async fn remind(&mut self) -> Result<(), Step> {
        for order in self.replay.orders() {
            self.ready().await?;
            if let Err(error) = self.pipeline.command(order, Instant::now())? {
                tracing::warn!(network = %self.network, %error, "an order that held before the pipeline failed is refused after it");
            }
        }
        Ok(())
    }

    /// Books what found no room in the channel of arrivals.
    pub(super) fn missed(&mut self, reason: Reason) -> Result<(), PipelineError> {
        self.channels.overflowed.take().into_values().try_for_each(|(topic, count)| {
            self.show_missed(&topic, reason, count);
            self.pipeline.missed(&topic, reason, count)
        })
    }
}

/// Returns when the drain is over, or, as long as there is none, when the agent shuts down.
async fn over(end: Option<tokio::time::Instant>, shutdown: &CancellationToken) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => shutdown.cancelled().await,
    }
}
