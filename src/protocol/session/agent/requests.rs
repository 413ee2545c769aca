//! What a producer asks for.

use std::sync::Arc;

use super::AgentEnd;
use crate::session::event::Request;
use crate::session::{AgentEvent, Violation};
use crate::wire::message::{AllowList, Mark, Publish, Published, Refuse, Subscribe, Thresholds, Unsubscribe};
use crate::wire::{Frame, Kind, MessageId, PublishStatus, RefuseCode, Roles};

impl AgentEnd {
    pub(super) fn requested(&mut self, frame: &Frame) -> Result<(), Violation> {
        match frame.prefix.kind {
            Kind::Publish => frame.items::<Publish<'_>>()?.try_for_each(|item| self.publish(item)),
            Kind::Subscribe => frame.items::<Subscribe<'_>>()?.try_for_each(|item| {
                let what = Request::Subscribe(self.topic(item.topic));
                self.request(item.network, item.request, what)
            }),
            Kind::Unsubscribe => frame.items::<Unsubscribe<'_>>()?.try_for_each(|item| {
                let what = Request::Unsubscribe(self.topic(item.topic));
                self.request(item.network, item.request, what)
            }),
            Kind::Thresholds => frame.items::<Thresholds<'_>>()?.try_for_each(|item| {
                let what = Request::Thresholds { topic: self.topic(item.topic), skip: item.skip, validity: item.validity };
                self.request(item.network, item.request, what)
            }),
            Kind::Mark => frame.items::<Mark<'_>>()?.try_for_each(|item| {
                let Mark { network, request, topic, origin, epoch, seq, action } = item;
                let what = Request::Mark { topic: self.topic(topic), origin, epoch, seq, action };
                self.request(network, request, what)
            }),
            _ => self.allow_list(frame),
        }
    }

    fn publish(&mut self, item: Publish<'_>) -> Result<(), Violation> {
        let Publish { network, request, topic, payload } = item;
        if !self.allowed(network, Roles::PRODUCE, request)? {
            return Ok(());
        }
        let of = self.networks.get(usize::from(network)).and_then(|of| self.terms.networks.get(of.terms));
        let max = of.map(|of| of.max_payload).unwrap_or_default();
        if payload.len() > max as usize {
            let text = format!("the payload has {} bytes, the network allows {max}", payload.len());
            let id = MessageId::EMPTY;
            return self.answer(Published { network, request, status: PublishStatus::TooLarge, id, peers: 0, text: &text });
        }
        let topic = self.topic(topic);
        self.request(network, request, Request::Publish { topic, payload })
    }

    /// One request, however many peers it names: the entries of a frame agree in all but the peer.
    fn allow_list(&mut self, frame: &Frame) -> Result<(), Violation> {
        let mut items = frame.items::<AllowList<'_>>()?.peekable();
        let Some(&AllowList { network, request, action, .. }) = items.peek() else {
            return Ok(());
        };
        let mut peers = Vec::with_capacity(items.len());
        for item in items {
            if (item.network, item.request, item.action) != (network, request, action) {
                return Err(Violation::OutOfOrder { kind: Kind::AllowList, when: "holds entries of different requests" });
            }
            if !item.peer.is_empty() {
                peers.push(item.peer.to_owned());
            }
        }
        self.request(network, request, Request::AllowList { action, peers })
    }

    fn request(&mut self, network: u16, request: u64, what: Request) -> Result<(), Violation> {
        if !self.allowed(network, Roles::PRODUCE, request)? {
            return Ok(());
        }
        if self.requests >= self.terms.max_requests {
            self.counts.rate += 1;
            let text = format!("{} requests wait for their answers already: wait for some", self.requests);
            return self.answer(Refuse { network, code: RefuseCode::Rate, fatal: false, about: request, text: &text });
        }
        self.requests += 1;
        self.events.push_back(AgentEvent::Request { network, request, what });
        Ok(())
    }

    /// The topic's name, shared with the request before if that was the same.
    fn topic(&mut self, name: &str) -> Arc<str> {
        if *self.topic != *name {
            self.topic = name.into();
        }
        self.topic.clone()
    }
}
