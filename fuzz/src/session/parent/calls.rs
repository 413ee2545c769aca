//! What the parent asks of its end.

use pmq_protocol::session::{Request, SendError};
use pmq_protocol::wire::message::Judged;
use pmq_protocol::wire::{AllowOp, MarkOp, Roles};

use super::super::super::input::Input;
use super::super::said::{code, index, judged, payload, topic, window};
use super::World;

impl World {
    /// Whether a call for that network and role may do anything, as far as frames that wait allow.
    fn open(&self, network: u16, role: Roles) -> bool {
        self.attached && !self.over && self.networks.get(usize::from(network)).is_some_and(|of| of.may(role))
    }

    /// A call that changed nothing was one that could not.
    fn refused(&self, error: &SendError, open: bool) {
        match error {
            SendError::NotAttached => assert!(!self.attached || self.over),
            SendError::Full(_) => assert!(!self.reading, "full, and all is read"),
            SendError::Network(_) | SendError::Role { .. } => assert!(!open),
            SendError::NotReceived(_) | SendError::Frame(_) => {}
            SendError::Overrun { .. } | SendError::Counter { .. } => panic!("{error}"),
        }
    }

    pub(super) fn verdicts(&mut self, input: &mut Input<'_>) {
        let judged: Vec<Judged<'_>> = (0..=input.below(4)).map(|_| judged(input)).collect();
        match self.end.verdicts(&judged) {
            Ok(sent) => {
                let open = |judged: &&Judged<'_>| {
                    self.networks.get_mut(usize::from(judged.network)).is_some_and(|of| of.judge(judged.ticket.0).is_some())
                };
                assert_eq!(sent, judged.iter().filter(open).count(), "{judged:?}");
                self.judged += sent;
            }
            Err(error) => self.refused(&error, true),
        }
    }

    pub(super) fn ack(&mut self, input: &mut Input<'_>) {
        let network = index(input);
        let back = input.number();
        let sent = self.networks.get(usize::from(network)).map_or(0, |of| of.sent);
        let counter = if input.flag() { sent.saturating_sub(back) } else { back };
        let open = self.open(network, Roles::CONSUME);
        match self.end.ack(network, counter) {
            Ok(()) => {
                assert!(open);
                let (of, want) = (&mut self.networks[usize::from(network)], &mut self.wants[usize::from(network)]);
                if counter > want.cursor.counter {
                    assert!(of.ack(counter).is_some(), "an ack of what never came");
                    want.cursor.counter = counter;
                }
            }
            Err(error) => {
                self.refused(&error, open);
                assert!(error != SendError::NotReceived(counter) || counter > sent);
            }
        }
    }

    pub(super) fn credit(&mut self, input: &mut Input<'_>) {
        let (network, role, window) =
            (index(input), code(input, &[Roles::VERIFY, Roles::CONSUME, Roles::PRODUCE, Roles::ALL]), window(input));
        let one = matches!(role, Roles::VERIFY | Roles::CONSUME);
        let open = one && self.open(network, role);
        match self.end.credit(network, role, window) {
            Ok(()) => {
                assert!(open);
                self.networks[usize::from(network)].widen(role, window);
                let want = &mut self.wants[usize::from(network)];
                *(if role == Roles::VERIFY { &mut want.verify } else { &mut want.consume }) = window;
            }
            Err(error) => self.refused(&error, open),
        }
    }

    pub(super) fn ask(&mut self, input: &mut Input<'_>) {
        let (network, what, topic) = (index(input), input.below(8), topic(input));
        let role = if what == 0 { Roles::VERIFY } else { Roles::PRODUCE };
        let open = self.open(network, role);
        let result = match what {
            0 => self.end.pause(network, input.flag()).map(|()| None),
            1 => self.end.publish(network, topic, payload(input)).map(Some),
            2 => self.end.request(network, &Request::Publish { topic: topic.into(), payload: payload(input) }).map(Some),
            3 => self.end.request(network, &Request::Subscribe(topic.into())).map(Some),
            4 => self.end.request(network, &Request::Unsubscribe(topic.into())).map(Some),
            5 => self
                .end
                .request(network, &Request::Thresholds { topic: topic.into(), skip: input.number(), validity: input.number() })
                .map(Some),
            6 => {
                let (epoch, seq, action) = (input.number(), input.number(), code(input, MarkOp::ALL));
                self.end.request(network, &Request::Mark { topic: topic.into(), origin: [3; 32], epoch, seq, action }).map(Some)
            }
            _ => {
                let peers = (0..input.below(4)).map(|_| topic.to_owned()).collect();
                self.end.request(network, &Request::AllowList { action: code(input, AllowOp::ALL), peers }).map(Some)
            }
        };
        match result {
            Ok(number) => {
                assert!(open);
                if let Some(number) = number {
                    assert!(number > self.requests, "a request's number twice");
                    self.requests = number;
                }
            }
            Err(error) => self.refused(&error, open),
        }
    }
}
