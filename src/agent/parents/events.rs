//! What a parent did, passed on to whom it concerns.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::unconstrained;

use super::registry::Place;
use super::session::{Attached, Ended, Session};
use crate::PublishOrder;
use crate::requests::{Ask, Request, RequestError};
use pmq_gossip::AllowChange;
use pmq_pipeline::{DriverMessage, LinkId, LinkPort, MarkAction, VerifierRole, VerifierTerms};
use pmq_protocol::session::{self, AgentEvent, Want};
use pmq_protocol::wire::{AllowOp, ConsumerTerms, Cursor, MarkOp, RefuseCode, Roles};

/// Room in the channel from the drivers beyond the windows: for refused verdicts and cuts.
const SLACK: usize = 1024;

/// Names of links; never reused while the agent runs.
static LINKS: AtomicU32 = AtomicU32::new(1);

impl Session {
    /// Passes on everything that the last frame brought.
    pub(super) async fn events(&mut self) -> Result<(), Ended> {
        while let Some(event) = self.end.poll_event() {
            match event {
                AgentEvent::Hello { networks, software } => self.hello(networks, &software).await?,
                AgentEvent::Verdicts { network, frame, released } => {
                    self.tell(network, |link| DriverMessage::Verdicts(link, network, frame, released)).await?;
                }
                AgentEvent::Ack { network, counter, .. } => self.tell(network, |link| DriverMessage::Ack(link, counter)).await?,
                AgentEvent::Window { network, role, window } if role == Roles::VERIFY => {
                    self.tell(network, |link| DriverMessage::VerifyWindow(link, window)).await?;
                }
                AgentEvent::Window { network, window, .. } => self.tell(network, |link| DriverMessage::ConsumeWindow(link, window)).await?,
                AgentEvent::Paused { network, paused } => self.tell(network, |link| DriverMessage::Pause(link, paused)).await?,
                AgentEvent::Request { network, request, what } => self.request(network, request, what),
                // A goodbye.
                AgentEvent::Refused { fatal: true, code: RefuseCode::ShuttingDown, .. } => return Err(Ended::Left),
                AgentEvent::Refused { fatal: true, text, .. } => return Err(Ended::Refused(text)),
                AgentEvent::Refused { code, text, .. } => tracing::debug!(%code, text, "the parent refused something"),
            }
        }
        Ok(())
    }

    /// Attaches to the drivers of all networks that were granted, and says as of where the consumers are served.
    async fn hello(&mut self, wants: Vec<Want>, software: &str) -> Result<(), Ended> {
        tracing::info!(owner = %self.owner, via = %self.via, software, networks = ?wants.iter().map(|want| &*want.network).collect::<Vec<_>>(), "parent attached");
        let windows: usize = wants.iter().map(|want| want.verify.messages as usize + want.consume.messages as usize).sum();
        // Windows can be raised up to the bound later on.
        let bound = wants.len() * 2 * self.max_window.messages as usize;
        self.down = mpsc::channel(windows.max(bound) + SLACK);
        let (mut cursors, mut places) = (Vec::with_capacity(wants.len()), Vec::with_capacity(wants.len()));
        for (index, want) in wants.into_iter().enumerate() {
            // The hello has been checked against the networks of this directory; an index fits, since a frame counts its heads in 16 bits.
            let (position, _) = self.directory.network(&want.network).ok_or(Ended::Shutdown)?;
            let link = LinkId(LINKS.fetch_add(1, Ordering::Relaxed));
            self.attached.push(Attached { network: position, link });
            places.push(Place { network: position, link, roles: want.roles });
            let (opened, answer) = oneshot::channel();
            let attach = DriverMessage::Attach {
                port: LinkPort { link, index: index as u16, down: self.down.0.clone() },
                verify: want.roles.serves(Roles::VERIFY).then(|| VerifierTerms {
                    window: want.verify,
                    seat: if want.roles.contains(Roles::SHADOW) { VerifierRole::Shadow } else { VerifierRole::Group(want.group.clone()) },
                }),
                consume: want.roles.contains(Roles::CONSUME).then_some(ConsumerTerms {
                    name: self.owned(&want.consumer),
                    cursor: want.cursor,
                    window: want.consume,
                    policy: want.policy,
                }),
                opened,
            };
            let driver = self.driver(index as u16)?;
            driver.send(attach).await.map_err(|_| Ended::Shutdown)?;
            let opened = answer.await.map_err(|_| Ended::Shutdown)?;
            cursors.push(opened.map_or(Cursor::default(), |opened| opened.cursor));
        }
        self.seat.attached(software, places);
        self.end.welcome(&cursors, Instant::now())?;
        Ok(())
    }

    fn driver(&self, index: u16) -> Result<mpsc::Sender<DriverMessage>, Ended> {
        let attached = self.attached.get(usize::from(index)).ok_or(Ended::Shutdown)?;
        let network = self.directory.networks.get(attached.network).ok_or(Ended::Shutdown)?;
        Ok(network.ups.clone())
    }

    /// A consumer's name belongs to whoever gave it: another user's consumer of the same name is another one.
    fn owned(&self, name: &str) -> Arc<str> {
        if name.is_empty() { name.into() } else { format!("{}/{name}", self.owner).into() }
    }

    async fn tell(&mut self, index: u16, up: impl FnOnce(LinkId) -> DriverMessage) -> Result<(), Ended> {
        let link = self.attached.get(usize::from(index)).ok_or(Ended::Shutdown)?.link;
        let driver = self.driver(index)?;
        // CORRECTNESS: a driver never waits for a link, so waiting for the driver cannot end in a circle.
        if driver.send(up(link)).await.is_err() {
            // Its network has drained; the session's other networks may still wait for this parent, and all of them end it together.
            tracing::debug!(network = index, "nobody is left to hear a parent: its network has drained");
        }
        Ok(())
    }

    fn request(&mut self, index: u16, request: u64, what: session::Request) {
        let network = self.attached.get(usize::from(index)).map_or(usize::MAX, |attached| attached.network);
        let publish = matches!(what, session::Request::Publish { .. });
        self.answers.asked(!self.requests.is_empty());
        if matches!(what, session::Request::AllowList { .. }) && !self.steers {
            let refused = async move { (index, request, false, Err(RequestError::Steering)) };
            self.requests.push(refused.boxed());
            return;
        }
        let asked = self.service.ask(Request { holder: self.holder, network, ask: ask(what, &mut self.turns) });
        // Unconstrained: a turn of the session has bounds of its own, and tokio's would only have what it cuts off polled again behind what came later.
        let answer = unconstrained(async move { (index, request, publish, asked.await) });
        // Bounded by the session's bound on unanswered requests.
        self.requests.push(answer.boxed());
    }
}

fn ask(what: session::Request, turns: &mut PublishOrder) -> Ask {
    match what {
        session::Request::Publish { topic, payload } => Ask::Publish(topic.to_string(), payload, turns.take()),
        session::Request::Subscribe(topic) => Ask::Subscribe(topic.to_string()),
        session::Request::Unsubscribe(topic) => Ask::Unsubscribe(topic.to_string()),
        session::Request::Thresholds { topic, skip, validity } => Ask::Thresholds { topic: topic.to_string(), skip, validity },
        session::Request::Mark { topic, origin, epoch, seq, action } => {
            let action = match action {
                MarkOp::Seed => MarkAction::Seed(seq),
                MarkOp::Raise => MarkAction::Raise(seq),
                MarkOp::Reset => MarkAction::Reset(seq),
                MarkOp::Retire => MarkAction::Retire,
            };
            Ask::Mark { topic: topic.to_string(), origin, epoch, action }
        }
        session::Request::AllowList { action, peers } => Ask::Allow(match action {
            AllowOp::Replace => AllowChange::Replace(peers),
            AllowOp::Add => AllowChange::Add(peers),
            AllowOp::Remove => AllowChange::Remove(peers),
            AllowOp::Open => AllowChange::Open,
        }),
    }
}
