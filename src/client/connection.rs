//! The connection's task: dials, attaches, and does so again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use super::outbox::Outbox;
use super::request::{Pending, repeats};
use super::session::Session;
use super::slot::Slot;
use super::{ClientError, RequestError, Status};
use pmq_protocol::session::{ParentTerms, Request};
use pmq_transports::{Address, Proof, connect_with};

/// A link that lasted so long was good: the next attempt comes soon. One that breaks right after its welcome is no reason to hurry.
const PROVEN: Duration = Duration::from_secs(1);

/// Owns everything that outlives a link.
pub(super) struct Connection {
    address: Address,
    proof: Proof,
    pub(super) software: String,
    pub(super) terms: ParentTerms,
    pub(super) slots: Vec<Slot>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) status: watch::Sender<Status>,
    backoff: Backoff,
    /// Links that were attached.
    pub(super) times: u64,
    /// Topics to join again, by network. Bounded: see [`super::session::SUBSCRIPTIONS`].
    pub(super) subscriptions: BTreeSet<(usize, Arc<str>)>,
}

impl Connection {
    pub(super) fn new(
        address: Address,
        proof: Proof,
        software: String,
        terms: ParentTerms,
        slots: Vec<Slot>,
        outbox: Arc<Outbox>,
        status: watch::Sender<Status>,
    ) -> Self {
        Self { address, proof, software, terms, slots, outbox, status, backoff: Backoff::new(), times: 0, subscriptions: BTreeSet::new() }
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
            self.status.send_replace(Status::Disconnected { reason: error });
            let pause = self.backoff.pause(rand::random());
            let outbox = self.outbox.clone();
            tokio::select! {
                () = sleep(pause) => {}
                () = closed(&outbox) => break Status::Closed,
            }
        };
        self.status.send_replace(end);
    }

    /// One link, from dialling to its end; answers what ended it.
    async fn attempt(&mut self) -> ClientError {
        let patience = self.terms.timing.dead;
        let outbox = self.outbox.clone();
        let dialled = tokio::select! {
            dialled = timeout(patience, connect_with(&self.address, self.terms.limits, &self.proof)) => dialled,
            () = closed(&outbox) => return ClientError::Closed,
        };
        let link = match dialled {
            Ok(Ok(link)) => link,
            Ok(Err(error)) => return error.into(),
            Err(_) => return ClientError::Timeout { after: patience, last: format!("{} does not accept", self.address) },
        };
        let mut session = Session::new(self);
        let error = session.run(link).await;
        let lasted = session.attached.is_some_and(|since| since.elapsed() >= PROVEN);
        let under_way = session.into_requests();
        if lasted {
            self.backoff.reset();
        }
        self.slots.iter().for_each(Slot::detached);
        self.take_back(under_way);
        error
    }

    /// Requests that the lost link left unanswered: what can be repeated goes first on the next one.
    fn take_back(&self, under_way: Vec<Pending>) {
        let (repeat, lost): (Vec<_>, Vec<_>) = under_way.into_iter().partition(|request| repeats(&request.what));
        // What the client asked for by itself is asked for again in any case.
        lost.into_iter().filter(|request| request.caller.is_some()).for_each(|request| request.finish(Err(RequestError::LinkLost)));
        let mut waiting = self.outbox.lock();
        repeat.into_iter().rev().filter(|request| !request.is_given_up()).for_each(|request| waiting.requests.push_front(request));
        // Verdicts are of no use on another link: their tickets belonged to this one.
        waiting.verdicts.clear();
        waiting.parked.clear();
    }

    /// What has to be asked anew on every link.
    pub(super) fn repeated(&self) -> impl Iterator<Item = Pending> {
        let again = |(slot, topic): &(usize, Arc<str>)| Pending { slot: *slot, what: Request::Subscribe(topic.clone()), caller: None };
        self.subscriptions.iter().map(again)
    }
}

/// However the task ends, with its runtime too: nothing can be queued any more, and nobody waits for what will not come.
impl Drop for Connection {
    fn drop(&mut self) {
        let reason = self.status.borrow().end().unwrap_or(ClientError::Closed);
        let left = self.outbox.change(|waiting| {
            waiting.closed = true;
            std::mem::take(&mut waiting.requests)
        });
        left.into_iter().for_each(|request| request.finish(Err(reason.clone().into())));
        for slot in &self.slots {
            slot.offers.close();
            slot.records.close();
        }
    }
}

/// Waits until the client is closed. Swallows other changes: a session looks at all of them when it begins.
async fn closed(outbox: &Outbox) {
    while !outbox.lock().closed {
        outbox.changed().await;
    }
}
