//! Where the router would be: messages in, reports out.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::parent::Parent;
use crate::rig::{Messages, Received, Rig};
use crate::{Latency, Nanos, Pace, cpu_time, now};
use pmq_pipeline::Report;
use pmq_protocol::wire::Verdict;

/// Messages that are made at once: as many as fit the caches, as a read of a socket holds.
const BURST: usize = 64;
/// Reports that are taken at once.
const REPORTS: usize = 256;
/// Bursts a second at most: as a router's reads of a busy socket bring messages. One timer for each message would cost the agent's thread more than the message.
const BURSTS_PER_S: f64 = 20_000.0;
/// From the order to the first message of an open loop.
const LEAD: Nanos = 5_000_000;

/// The source, and the agent behind it.
#[derive(Debug)]
pub(super) struct Source {
    rig: Rig,
    messages: Messages,
    made: Vec<Received>,
    reports: Vec<Report>,
    bound: u64,
    making: Duration,
    /// Messages that were reported Accept since the start: the parent gets done with so many.
    accepted: u64,
}

/// What came through in a closed loop. CPU in microseconds per message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// Messages a second.
    pub(super) per_s: f64,
    /// This process, without the source.
    pub(super) agent_us: f64,
    /// The parent's process.
    pub(super) parent_us: Option<f64>,
    /// Making messages.
    pub(super) source_us: f64,
    /// Messages that the consumer has missed.
    pub(super) lost: u64,
}

/// Latency at one rate.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    /// Messages a second that were due.
    pub(super) rate: f64,
    /// From due to report.
    pub(super) report: Latency,
    /// From due to delivery.
    pub(super) delivery: Latency,
    /// Messages that were not accepted, or that the consumer has missed.
    pub(super) lost: u64,
}

impl Source {
    pub(super) fn new(rig: Rig, size: usize, bound: u64) -> Self {
        let (made, reports) = (Vec::with_capacity(BURST), Vec::with_capacity(REPORTS));
        Self { rig, messages: Messages::new(size), made, reports, bound, making: Duration::ZERO, accepted: 0 }
    }

    /// Keeps `bound` messages in flight for so long, and waits until the last one is done.
    pub(super) async fn closed(&mut self, parent: &mut Parent, time: Duration) -> anyhow::Result<Round> {
        let first = self.messages.next();
        let before = parent.until(self.accepted).await?;
        let (agent, theirs, making) = (cpu_time(std::process::id())?, parent.cpu()?, self.making);
        let start = Instant::now();
        let mut in_flight = 0;
        let mut open = true;
        loop {
            while open && in_flight < self.bound {
                in_flight += self.burst(self.bound - in_flight)?;
            }
            if in_flight == 0 {
                break;
            }
            let count = self.rig.reports.recv_many(&mut self.reports, REPORTS).await;
            anyhow::ensure!(count > 0, "the driver has ended");
            in_flight -= count as u64;
            if let Some(bad) = self.reports.drain(..).find(|report| report.outcome.verdict != Verdict::Accept) {
                anyhow::bail!("a message was not accepted: {:?}", bad.outcome);
            }
            self.accepted += count as u64;
            open = start.elapsed() < time;
        }
        let count = self.messages.next() - first;
        let told = parent.until(self.accepted).await?;
        let took = start.elapsed();
        let making = self.making.saturating_sub(making);
        let agent = cpu_time(std::process::id())?.saturating_sub(agent).saturating_sub(making);
        let theirs = parent.cpu()?.zip(theirs).map(|(after, before)| after.saturating_sub(before));
        let done = told.done.saturating_sub(before.done);
        Ok(Round {
            per_s: done as f64 / took.as_secs_f64(),
            agent_us: micros(agent, count),
            parent_us: theirs.map(|time| micros(time, count)),
            source_us: micros(making, count),
            lost: told.lost.saturating_sub(before.lost),
        })
    }

    /// Makes and hands over a burst of at most `most`.
    fn burst(&mut self, most: u64) -> anyhow::Result<u64> {
        let count = usize::try_from(most).map_or(BURST, |most| most.min(BURST));
        let begun = thread_time();
        self.made.extend((0..count).map(|_| self.messages.make(0)));
        self.making += thread_time().saturating_sub(begun);
        for message in self.made.drain(..) {
            anyhow::ensure!(self.rig.inlet.offer(self.messages.hand_over(message)), "the driver has no room for what is in flight");
        }
        Ok(count as u64)
    }

    /// Sends `rate` messages a second for so long, behind a warm-up that is not recorded. Above 20,000 a second several are due at the same moment.
    pub(super) async fn open(&mut self, parent: &mut Parent, rate: f64, warm_up: Duration, time: Duration) -> anyhow::Result<Loaded> {
        let first = self.messages.next();
        let before = parent.until(self.accepted).await?;
        let burst = (rate / BURSTS_PER_S).ceil().max(1.0);
        let pace = Pace::new(now() + LEAD, rate / burst)?;
        let due = |index: u64| pace.due(index / burst as u64);
        let count = |time: Duration| (rate * time.as_secs_f64()).ceil() as u64;
        let (warm, all) = (count(warm_up), count(warm_up) + count(time));
        let (messages, arrivals) = (&mut self.messages, &self.rig.arrivals);
        let send = async {
            for index in 0..all {
                pace.wait(index / burst as u64).await?;
                let message = messages.make(if index < warm { 0 } else { due(index) });
                // Waits while the agent has no room; what it is late by then is counted, since it was due when it was due.
                arrivals.send(messages.hand_over(message)).await.context("the driver has ended")?;
            }
            anyhow::Ok(())
        };
        let (reports, taken) = (&mut self.rig.reports, &mut self.reports);
        let take = async {
            let (mut left, mut refused, mut latency) = (all, 0_u64, Latency::default());
            while left > 0 {
                let count = reports.recv_many(taken, REPORTS).await;
                anyhow::ensure!(count > 0, "the driver has ended");
                left -= count as u64;
                let now = now();
                for report in taken.drain(..) {
                    let index = number(&report)? - first;
                    if report.outcome.verdict != Verdict::Accept {
                        refused += 1;
                    } else if index >= warm {
                        latency.record(Duration::from_nanos(now.saturating_sub(due(index))));
                    }
                }
            }
            anyhow::Ok((refused, latency))
        };
        let ((), (refused, mut report)) = tokio::try_join!(send, take)?;
        // What was refused is never delivered.
        self.accepted += all - refused;
        let told = parent.until(self.accepted).await?;
        // What was lost is later than all that came.
        let missed = told.lost.saturating_sub(before.lost);
        let mut delivery = told.latency;
        report.lose(refused);
        delivery.lose(refused + missed);
        Ok(Loaded { rate, report, delivery, lost: refused + missed })
    }

    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.rig.end().await
    }
}

/// CPU time of this thread: the source's share of what the process has used, whoever else had the core meanwhile.
fn thread_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    // The clock starts at zero, and its nanoseconds are below one second.
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

/// The number of a report's message, which is its id.
fn number(report: &Report) -> anyhow::Result<u64> {
    let id = report.id.as_bytes().try_into().context("an id that was not given here")?;
    Ok(u64::from_be_bytes(id))
}

fn micros(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}
