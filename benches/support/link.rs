//! The whole agent without an overlay, and a parent at the other end of a memory link that accepts, consumes and acknowledges everything.

#![allow(clippy::unwrap_used, reason = "a bench ends where its set-up is wrong")]

use pmq_bench::rig::{Messages, Parent, Received, Rig, Work};
use pmq_protocol::wire::Limits;
use pmq_transports::{Address, Listener};

pub(crate) struct Link {
    pub(crate) rig: Rig,
    pub(crate) parent: Parent,
    edge: Messages,
}

impl Link {
    /// `name` names the link, and is used once.
    pub(crate) async fn start(stages: &str, name: &str) -> Self {
        let listener = Listener::bind(&Address::Memory(name.into()), 1_000, Limits::default()).await.unwrap();
        let rig = Rig::start(stages, vec![listener]).await.unwrap();
        let parent = Parent::attach(&format!("memory:{name}"), Work::Consume).await.unwrap();
        // Makes none of the messages: those are made before the time runs.
        Self { rig, parent, edge: Messages::new(0) }
    }

    /// Hands messages over and waits until they are reported and consumed.
    pub(crate) async fn pass(&mut self, messages: Vec<Received>) {
        self.rig.pass(&self.parent, &mut self.edge, messages).await.unwrap();
    }
}
