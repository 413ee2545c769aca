//! From the hello to the welcome.

use std::time::Instant;

use super::{AgentEnd, Network, State};
use crate::session::ledger::{Tickets, Unacked};
use crate::session::terms::{capped, granted};
use crate::session::{AgentEvent, SendError, Violation, Want};
use crate::wire::message::{Granted, Wanted};
use crate::wire::{Cursor, Frame, Roles};

impl AgentEnd {
    /// Reads a hello: every network must exist, every role must be granted. All or nothing, so that a parent never runs with less than it asked for.
    pub(super) fn hello(&mut self, frame: &Frame) -> Result<(), Violation> {
        let kind = frame.prefix.kind;
        if self.state != State::AwaitHello {
            return Err(Violation::OutOfOrder { kind, when: "came twice: one hello a session" });
        }
        let items = frame.items::<Wanted<'_>>()?;
        let mut software = String::new();
        let mut wants: Vec<Want> = Vec::new();
        for item in items {
            let terms = self.admit(&item)?;
            if wants.iter().any(|want| *want.network == *item.network) {
                return Err(Violation::OutOfOrder { kind, when: "names a network twice" });
            }
            if software.is_empty() {
                item.software.clone_into(&mut software);
            }
            let max = self.terms.max_window;
            let want = Want {
                network: self.terms.networks.get(terms).map_or_else(|| item.network.into(), |terms| terms.name.clone()),
                roles: item.roles,
                verify: capped(item.verify, max),
                consume: capped(item.consume, max),
                consumer: item.consumer.into(),
                group: item.group.into(),
                cursor: item.cursor,
                policy: item.policy,
            };
            self.networks.push(Network {
                name: want.network.clone(),
                roles: want.roles,
                terms,
                verify: Tickets::new(want.verify),
                consume: Unacked::new(want.consume, 0),
            });
            wants.push(want);
        }
        self.state = State::AwaitWelcome;
        self.events.push_back(AgentEvent::Hello { networks: wants, software });
        Ok(())
    }

    /// The place in the terms of a network that may be had with those roles.
    fn admit(&self, item: &Wanted<'_>) -> Result<usize, Violation> {
        let network = item.network.to_owned();
        let allowed = granted(&self.grants, item.network);
        let place = self.terms.networks.iter().position(|terms| *terms.name == *item.network);
        // What the credential may not see does not exist for it: only granted networks are named, and whoever asks for no role learns nothing.
        let Some(place) = place.filter(|_| !(allowed.is_empty() && item.roles.is_empty())) else {
            let visible = self.terms.networks.iter().filter(|terms| !granted(&self.grants, &terms.name).is_empty());
            let known: Vec<&str> = visible.map(|terms| &*terms.name).collect();
            let known = if known.is_empty() { "none for this credential".to_owned() } else { known.join(", ") };
            return Err(Violation::NetworkUnknown { network, known });
        };
        let missing = item.roles.without(allowed);
        if !missing.is_empty() {
            return Err(Violation::RoleNotGranted { network, roles: missing });
        }
        if item.roles.contains(Roles::VERIFY | Roles::SHADOW) {
            return Err(Violation::BothJudges(network));
        }
        self.group(place, item)?;
        Ok(place)
    }

    /// A group that is named must be one of the network's.
    fn group(&self, place: usize, item: &Wanted<'_>) -> Result<(), Violation> {
        let groups = self.terms.networks.get(place).map(|terms| &terms.groups[..]).unwrap_or_default();
        if item.group.is_empty() || groups.iter().any(|group| **group == *item.group) {
            return Ok(());
        }
        let known = if groups.is_empty() { "one without a name: leave it empty".to_owned() } else { groups.join(", ") };
        Err(Violation::GroupUnknown { network: item.network.to_owned(), group: item.group.to_owned(), known })
    }

    /// Answers the hello. `cursors`: as of where each network's consumer is served, in the hello's order (anything for networks without the consume role).
    ///
    /// # Errors
    /// [`SendError::NotAttached`] if no hello waits for an answer, [`SendError::Network`] if a cursor is missing, [`SendError::Frame`] if the welcome fits no frame.
    pub fn welcome(&mut self, cursors: &[Cursor], now: Instant) -> Result<(), SendError> {
        if self.state != State::AwaitWelcome {
            return Err(SendError::NotAttached);
        }
        if cursors.len() < self.networks.len() {
            return Err(SendError::Network(cursors.len() as u16));
        }
        let terms = &self.terms;
        // A hello's count is a u16, so an index is one too.
        let items = self.networks.iter().zip(cursors).zip(0_u16..).map(|((network, &cursor), index)| {
            let of = terms.networks.get(network.terms);
            Granted {
                network: &network.name,
                index,
                roles: network.roles,
                cursor: if network.roles.contains(Roles::CONSUME) { cursor } else { Cursor::default() },
                deadline: of.map(|of| of.deadline).unwrap_or_default(),
                max_payload: of.map(|of| of.max_payload).unwrap_or_default(),
                max_window: terms.max_window,
            }
        });
        let frame = self.encoder.frame(self.session, items)?;
        for (network, cursor) in self.networks.iter_mut().zip(cursors) {
            network.consume.start(cursor.counter);
        }
        self.outbox.push_back(frame);
        self.state = State::Attached;
        // The agent took its time, not the parent.
        self.pulse.heard(now);
        Ok(())
    }
}
