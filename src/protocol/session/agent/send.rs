//! What goes to the parent.

use std::time::Instant;

use super::{AgentEnd, State};
use crate::session::SendError;
use crate::session::cut;
use crate::session::ledger::follows;
use crate::wire::message::{Done, Published, Refuse};
use crate::wire::{Item, MessageId, Offer, PublishStatus, Record, RefuseCode, Roles};

impl AgentEnd {
    /// Offers messages for a verdict. Takes verify credit: all of them are queued, or none.
    ///
    /// # Errors
    /// [`SendError`], and nothing has changed. [`SendError::Overrun`] also for a ticket that is open already.
    pub fn validate(&mut self, network: u16, offers: &[Offer], now: Instant) -> Result<(), SendError> {
        let session = self.session;
        let tickets = &mut self.network(network, Roles::VERIFY)?.verify;
        let taken = offers.iter().take_while(|offer| tickets.take(offer.ticket, offer.payload.len())).count();
        let mut result = if taken == offers.len() { Ok(()) } else { Err(SendError::Overrun { network, at: taken }) };
        if result.is_ok() {
            result = self.encoder.validate(session, network, offers, now, &mut self.batch).map_err(SendError::Frame);
        }
        if result.is_err() {
            self.batch.clear();
            let tickets = &mut self.network(network, Roles::VERIFY)?.verify;
            for offer in offers.iter().take(taken) {
                tickets.release(offer.ticket);
            }
        }
        self.outbox.extend(self.batch.drain(..));
        result
    }

    /// Sends records in their order. Each takes consume credit, one message and [`Record::bytes`]: all of them are queued, or none.
    ///
    /// # Errors
    /// [`SendError`], and nothing has changed. [`SendError::Counter`] when a record does not follow the one before.
    pub fn records(&mut self, network: u16, records: &[Record]) -> Result<(), SendError> {
        let session = self.session;
        let unacked = &self.network(network, Roles::CONSUME)?.consume;
        let mut last = unacked.sent();
        for record in records {
            let got = record.first();
            if !follows(last, got, record.last()) {
                return Err(SendError::Counter { network, expected: last.saturating_add(1), got });
            }
            last = record.last();
        }
        if let Some(at) = unacked.meter.first_without_room(records.iter().map(Record::bytes)) {
            return Err(SendError::Overrun { network, at });
        }
        if let Err(error) = self.encoder.records(session, network, records, &mut self.batch) {
            self.batch.clear();
            return Err(error.into());
        }
        let unacked = &mut self.network(network, Roles::CONSUME)?.consume;
        for record in records {
            unacked.take(record.last(), record.bytes());
        }
        self.outbox.extend(self.batch.drain(..));
        Ok(())
    }

    /// Answers a publish.
    ///
    /// # Errors
    /// [`SendError::NotAttached`] when the session is over; [`SendError::Full`] when the parent does not read: the session is over by that.
    pub fn published(
        &mut self,
        network: u16,
        request: u64,
        status: PublishStatus,
        id: MessageId,
        peers: u32,
        text: &str,
    ) -> Result<(), SendError> {
        self.answered(Published { network, request, status, id, peers, text: cut(text) })
    }

    /// Answers a request that was carried out.
    ///
    /// # Errors
    /// As [`AgentEnd::published`].
    pub fn done(&mut self, network: u16, request: u64) -> Result<(), SendError> {
        self.answered(Done { network, request })
    }

    /// Answers a request that failed.
    ///
    /// # Errors
    /// As [`AgentEnd::published`].
    pub fn failed(&mut self, network: u16, request: u64, text: &str) -> Result<(), SendError> {
        self.answered(Refuse { network, code: RefuseCode::RequestFailed, fatal: false, about: request, text: cut(text) })
    }

    /// Refuses what is not a request: a late verdict (`about` is its ticket) and the like.
    ///
    /// # Errors
    /// As [`AgentEnd::published`].
    pub fn refuse(&mut self, network: u16, code: RefuseCode, about: u64, text: &str) -> Result<(), SendError> {
        self.say(Refuse { network, code, fatal: false, about, text: cut(text) })
    }

    /// Ends the session by a fatal refusal behind everything that is queued: shutdown, replaced, too slow.
    pub fn close(&mut self, network: u16, code: RefuseCode, text: &str) {
        if self.state != State::Closed {
            self.push(Refuse { network, code, fatal: true, about: 0, text: cut(text) });
            self.state = State::Closed;
        }
    }

    /// Answers one of the requests that were handed on.
    fn answered<'a>(&mut self, item: impl Item<'a>) -> Result<(), SendError> {
        self.requests = self.requests.saturating_sub(1);
        self.say(item)
    }

    fn say<'a>(&mut self, item: impl Item<'a>) -> Result<(), SendError> {
        if self.state != State::Attached {
            return Err(SendError::NotAttached);
        }
        self.answer(item).map_err(|violation| {
            self.end(violation.code(), &violation.to_string());
            SendError::Full(self.terms.max_answers)
        })
    }
}
