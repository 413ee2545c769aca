//! Offers and records out of frames, on their way to the mailboxes: a burst of frames wakes each reader once.

use std::sync::Arc;
use std::time::Instant;

use super::outbox::Outbox;
use super::slot::Slot;
use super::verify::Origin;
use super::{Delivery, Incoming};
use pmq_protocol::wire::message::{Delivered, Lost, Offered, Unjudged};
use pmq_protocol::wire::{Cursor, Frame, FrameError, Kind};

/// What has been read and not handed over, per network. Bounded by the windows.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    offers: Vec<Vec<Incoming>>,
    records: Vec<Vec<Delivery>>,
}

/// The burst of a network, made when it is first met.
fn of<T>(bursts: &mut Vec<Vec<T>>, network: u16) -> &mut Vec<T> {
    let at = usize::from(network);
    if bursts.len() <= at {
        bursts.resize_with(at + 1, Vec::new);
    }
    &mut bursts[at]
}

impl Bursts {
    /// Reads offers. The session has checked that their networks are in the welcome.
    pub(super) fn offers(
        &mut self,
        frame: &Frame,
        slots: &mut [Slot],
        outbox: &Arc<Outbox>,
        times: u64,
        now: Instant,
    ) -> Result<(), FrameError> {
        for Offered { network, ticket, remaining, topic, id, payload } in frame.items::<Offered<'_>>()? {
            let slot = usize::from(network);
            let topic = slots[slot].topic(topic);
            let origin = Origin { times, slot, ticket, outbox: Some(outbox.clone()) };
            of(&mut self.offers, network).push(Incoming {
                topic,
                id,
                payload,
                deadline: now + remaining,
                verdict: None,
                because: (0, "".into()),
                origin,
            });
        }
        Ok(())
    }

    /// Reads records of whatever kind.
    pub(super) fn records(&mut self, frame: &Frame, slots: &mut [Slot]) -> Result<(), FrameError> {
        let place = |slot: &Slot, counter| Cursor { stream: slot.received.stream, counter };
        match frame.prefix.kind {
            Kind::Deliver => {
                for Delivered { network, counter, topic, id, payload } in frame.items::<Delivered<'_>>()? {
                    let slot = &mut slots[usize::from(network)];
                    let delivery = Delivery::Message { cursor: place(slot, counter), topic: slot.topic(topic), id, payload };
                    slot.show(delivery, of(&mut self.records, network));
                }
            }
            Kind::Gap => {
                for Lost { network, from, to, count, reason } in frame.items::<Lost>()? {
                    let slot = &mut slots[usize::from(network)];
                    let delivery = Delivery::Gap { cursor: place(slot, to), from, count, reason };
                    slot.show(delivery, of(&mut self.records, network));
                }
            }
            _ => {
                for Unjudged { network, counter, topic, cause, count } in frame.items::<Unjudged<'_>>()? {
                    let slot = &mut slots[usize::from(network)];
                    let delivery = Delivery::Unverified { cursor: place(slot, counter), topic: slot.topic(topic), cause, count };
                    slot.show(delivery, of(&mut self.records, network));
                }
            }
        }
        Ok(())
    }

    /// Hands everything over.
    pub(super) fn deliver(&mut self, slots: &mut [Slot]) {
        for (burst, slot) in self.offers.iter_mut().zip(slots.iter()) {
            if !burst.is_empty() {
                slot.offers.push_all(burst);
            }
        }
        for (burst, slot) in self.records.iter_mut().zip(slots.iter()) {
            if !burst.is_empty() {
                slot.records.push_all(burst);
            }
        }
    }
}
