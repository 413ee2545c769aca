//! What outlives a link: what the client serves, asks for, and has been told.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use super::outbox::Outbox;
use super::request::Pending;
use super::slot::Slot;
use super::{ClientError, Status};
use pmq_protocol::session::{ParentTerms, Request};

/// Topics of one client that are joined again on every new link.
pub(super) const SUBSCRIPTIONS: usize = 4096;

/// Handed from link to link.
pub(super) struct Attachment {
    pub(super) software: String,
    pub(super) terms: ParentTerms,
    pub(super) slots: Vec<Slot>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) status: watch::Sender<Status>,
    /// Links that were attached.
    pub(super) times: u64,
    /// Topics to join again, by network. Bounded by [`SUBSCRIPTIONS`].
    pub(super) subscriptions: BTreeSet<(usize, Arc<str>)>,
}

impl Attachment {
    /// What has to be asked anew on every link.
    pub(super) fn repeated(&self) -> impl Iterator<Item = Pending> {
        let again = |(slot, topic): &(usize, Arc<str>)| Pending { slot: *slot, what: Request::Subscribe(topic.clone()), caller: None };
        self.subscriptions.iter().map(again)
    }
}

/// However the task ends, with its runtime too: nothing can be queued any more, and nobody waits for what will not come.
impl Drop for Attachment {
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
