//! The connection's task: dials, attaches, and does so again.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::attachment::Attachment;
use super::backoff::Backoff;
use super::outbox::Outbox;
use super::request::{Pending, repeats};
use super::session::Session;
use super::slot::Slot;
use super::{ClientError, RequestError, Status};
use pmq_transports::{Address, Proof, connect_with};

/// A link that lasted so long was good: the next attempt comes soon. One that breaks right after its welcome is no reason to hurry.
const PROVEN: Duration = Duration::from_secs(1);

/// Dials, and holds what outlives a link.
pub(super) struct Connection {
    address: Address,
    proof: Proof,
    backoff: Backoff,
    kept: Attachment,
}

impl Connection {
    pub(super) fn new(address: Address, proof: Proof, kept: Attachment) -> Self {
        Self { address, proof, backoff: Backoff::new(), kept }
    }

    /// Runs until the client is closed or refused for good.
    pub(super) async fn run(mut self) {
        let end = loop {
            let error = match self.attempt().await {
                ClientError::Closed => break Status::Closed,
                error if error.is_final() => break Status::Refused(error),
                error => error,
            };
            tracing::debug!(address = %self.address, %error, "not attached");
            self.kept.status.send_replace(Status::Disconnected { reason: error });
            let pause = self.backoff.pause(rand::random());
            let outbox = self.kept.outbox.clone();
            tokio::select! {
                () = sleep(pause) => {}
                () = closed(&outbox) => break Status::Closed,
            }
        };
        self.kept.status.send_replace(end);
    }

    /// One link, from dialling to its end; answers what ended it.
    async fn attempt(&mut self) -> ClientError {
        let patience = self.kept.terms.timing.dead;
        let outbox = self.kept.outbox.clone();
        let dialled = tokio::select! {
            dialled = timeout(patience, connect_with(&self.address, self.kept.terms.limits, &self.proof)) => dialled,
            () = closed(&outbox) => return ClientError::Closed,
        };
        let link = match dialled {
            Ok(Ok(link)) => link,
            Ok(Err(error)) => return error.into(),
            Err(_) => return ClientError::Timeout { after: patience, last: format!("{} does not accept", self.address) },
        };
        let mut session = Session::new(&mut self.kept);
        let error = session.run(link).await;
        let lasted = session.attached.is_some_and(|since| since.elapsed() >= PROVEN);
        let under_way = session.into_requests();
        if lasted {
            self.backoff.reset();
        }
        self.kept.slots.iter().for_each(Slot::detached);
        self.take_back(under_way);
        error
    }

    /// Requests that the lost link left unanswered: what can be repeated goes first on the next one.
    fn take_back(&self, under_way: Vec<Pending>) {
        let (repeat, lost): (Vec<_>, Vec<_>) = under_way.into_iter().partition(|request| repeats(&request.what));
        // What the client asked for by itself is asked for again in any case.
        lost.into_iter().filter(|request| request.caller.is_some()).for_each(|request| request.finish(Err(RequestError::LinkLost)));
        let mut waiting = self.kept.outbox.lock();
        repeat.into_iter().rev().filter(|request| !request.is_given_up()).for_each(|request| waiting.requests.push_front(request));
        // Verdicts are of no use on another link: their tickets belonged to this one.
        waiting.verdicts.clear();
        waiting.parked.clear();
    }
}

/// Waits until the client is closed. Swallows other changes: a session looks at all of them when it begins.
async fn closed(outbox: &Outbox) {
    while !outbox.lock().closed {
        outbox.changed().await;
    }
}
