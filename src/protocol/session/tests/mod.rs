//! Both ends against each other and against bad peers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod agent;
mod garbage;
mod heartbeat;
mod judges;
mod parent;
mod schedule;
mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::*;
use crate::wire::{Cursor, Frame, Limits, MessageId, Offer, Roles, SessionId, Ticket, Window};

const WINDOW: Window = Window { messages: 4, bytes: 100 };

fn terms() -> Arc<AgentTerms> {
    let network = |name: &str| NetworkTerms { name: name.into(), deadline: Duration::from_secs(4), max_payload: 1000, groups: Vec::new() };
    let limits = Limits { head: 8192, payloads: 8192 };
    Arc::new(AgentTerms {
        limits,
        networks: vec![network("quakes"), network("weather")],
        max_window: Window { messages: 64, bytes: 4096 },
        max_answers: 32,
        max_requests: 4,
        ..AgentTerms::default()
    })
}

fn want(network: &str, roles: Roles) -> Want {
    Want {
        network: network.into(),
        roles,
        verify: WINDOW,
        consume: WINDOW,
        consumer: "c".into(),
        group: "".into(),
        cursor: Cursor::default(),
        policy: None,
    }
}

fn grant(network: &str, roles: Roles) -> Grant {
    Grant { network: network.into(), roles }
}

fn offer(ticket: u64, size: usize, now: Instant) -> Offer {
    let id = MessageId::new(&ticket.to_be_bytes()).unwrap();
    Offer { ticket: Ticket(ticket), topic: "t".into(), id, payload: vec![7; size].into(), deadline: now + Duration::from_secs(4) }
}

/// The frame as a stream transport hands it over: payloads in one piece.
fn streamed(frame: Frame) -> Frame {
    let payloads = vec![Bytes::from(frame.payloads.concat())];
    Frame { payloads, ..frame }
}

/// Two ends that are attached to each other.
struct Pair {
    agent: AgentEnd,
    parent: ParentEnd,
    now: Instant,
}

impl Pair {
    fn attached(wants: Vec<Want>) -> Self {
        let mut pair = Self::open(vec![grant("*", Roles::ALL)], wants);
        let networks = pair.agent.networks_of_hello();
        pair.agent.welcome(&vec![Cursor { stream: 5, counter: 0 }; networks], pair.now).unwrap();
        pair.settle();
        assert!(matches!(pair.parent.poll_event(), Some(ParentEvent::Welcomed(_))));
        pair
    }

    /// The hello has been delivered; whether it was accepted shows.
    fn open(grants: Vec<Grant>, wants: Vec<Want>) -> Self {
        let now = Instant::now();
        let agent = AgentEnd::new(grants, terms(), SessionId(77), now);
        let parent = ParentEnd::new(wants, "test/1", ParentTerms::default(), now).unwrap();
        let mut pair = Self { agent, parent, now };
        pair.settle();
        pair
    }

    /// Carries frames until both are quiet.
    fn settle(&mut self) {
        loop {
            if let Some(frame) = self.parent.poll_frame() {
                let _ = self.agent.receive(streamed(frame), self.now);
            } else if let Some(frame) = self.agent.poll_frame() {
                let _ = self.parent.receive(streamed(frame), self.now);
            } else {
                return;
            }
        }
    }

    fn parent_events(&mut self) -> Vec<ParentEvent> {
        std::iter::from_fn(|| self.parent.poll_event()).collect()
    }

    fn agent_events(&mut self) -> Vec<AgentEvent> {
        std::iter::from_fn(|| self.agent.poll_event()).collect()
    }
}

impl AgentEnd {
    fn networks_of_hello(&mut self) -> usize {
        match self.poll_event() {
            Some(AgentEvent::Hello { networks, .. }) => networks.len(),
            other => panic!("a hello was due, not {other:?}"),
        }
    }
}
