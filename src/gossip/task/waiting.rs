//! Own messages that wait for a first peer on their topic.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::error::PublishError;
use crate::face::Published;
use pmq_pipeline::Topic;

/// One of them.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) topic: Topic,
    pub(super) payload: Bytes,
    pub(super) answer: oneshot::Sender<Result<Published, PublishError>>,
    pub(super) until: Instant,
}

/// In order of their deadlines, since all wait equally long. Bounded: one too many is answered with an error at once.
#[derive(Debug)]
pub(super) struct Waiting {
    queue: VecDeque<Parked>,
    wait: Duration,
    bound: usize,
}

impl Waiting {
    pub(super) fn new(wait: Duration, bound: usize) -> Self {
        Self { queue: VecDeque::new(), wait, bound }
    }

    pub(super) fn wait(&self) -> Duration {
        self.wait
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Parks a message, or answers it.
    pub(super) fn park(&mut self, topic: Topic, payload: Bytes, answer: oneshot::Sender<Result<Published, PublishError>>, now: Instant) {
        self.queue.retain(|parked| !parked.answer.is_closed());
        let refusal = if self.wait.is_zero() {
            PublishError::NoPeers(self.wait)
        } else if self.queue.len() >= self.bound {
            PublishError::TooManyWaiting(self.bound)
        } else {
            self.queue.push_back(Parked { topic, payload, answer, until: now + self.wait });
            return;
        };
        // Nobody waiting for the answer any more is no error.
        drop(answer.send(Err(refusal)));
    }

    /// When the first one's wait is over.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.front().map(|parked| parked.until)
    }

    /// Takes out one whose wait is over.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Parked> {
        if self.next()? <= now { self.queue.pop_front() } else { None }
    }

    /// Takes out all of a topic, or all, that somebody still waits for.
    pub(super) fn take(&mut self, topic: Option<&str>) -> Vec<Parked> {
        let mut out = Vec::new();
        for _ in 0..self.queue.len() {
            let Some(parked) = self.queue.pop_front() else { break };
            if parked.answer.is_closed() {
                continue;
            }
            if topic.is_none_or(|topic| *parked.topic.name == *topic) { out.push(parked) } else { self.queue.push_back(parked) }
        }
        out
    }

    /// Puts one back that still finds no peer, with its deadline as it was.
    pub(super) fn put_back(&mut self, parked: Parked) {
        let place = self.queue.partition_point(|other| other.until <= parked.until);
        self.queue.insert(place, parked);
    }
}

#[cfg(test)]
mod tests;
