//! Who may attach: grants by credential, and bounds on sessions.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::agent::settings::{Attach, Role, Who};
use crate::session::Grant;
use crate::transports::Credential;
use crate::wire::{RefuseCode, Roles};

/// What every credential may do, and how many sessions there may be.
#[derive(Debug)]
pub struct Admission {
    own_uid: u32,
    grants: Vec<Granted>,
    sessions: Arc<Semaphore>,
}

#[derive(Debug)]
struct Granted {
    who: Who,
    grants: Vec<Grant>,
    sessions: Arc<Semaphore>,
}

/// A session that may begin. Its places are free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) grants: Vec<Grant>,
    _all: OwnedSemaphorePermit,
    _own: Vec<OwnedSemaphorePermit>,
}

/// Why a credential gets no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No grant names it.
    #[error("{0} is granted nothing: add an [[attach.grant]] with its uid")]
    Stranger(String),
    /// Every place is taken.
    #[error("{0} sessions are attached, which is the bound of {1}: end one, or raise it")]
    Full(usize, &'static str),
}

impl Refusal {
    /// What it is called on the wire.
    #[must_use]
    pub fn code(&self) -> RefuseCode {
        match self {
            Self::Stranger(_) => RefuseCode::RoleNotGranted,
            Self::Full(..) => RefuseCode::TooManySessions,
        }
    }
}

impl Admission {
    /// Grants as the settings say; `own_uid` is what `"self"` stands for.
    #[must_use]
    pub fn new(settings: &Attach, own_uid: u32) -> Self {
        let grants = settings.grant.iter().map(|grant| {
            let roles = grant.roles.iter().fold(Roles::NONE, |roles, role| roles | role_bits(*role));
            Granted {
                who: grant.uid,
                grants: grant.networks.iter().map(|name| Grant { network: name.as_str().into(), roles }).collect(),
                sessions: Arc::new(Semaphore::new(grant.max_sessions as usize)),
            }
        });
        Self { own_uid, grants: grants.collect(), sessions: Arc::new(Semaphore::new(settings.max_sessions as usize)) }
    }

    /// A place for a session of `credential`, with everything that it is granted.
    pub(super) fn admit(&self, credential: &Credential, bound: u32) -> Result<Place, Refusal> {
        let matching: Vec<&Granted> = self.grants.iter().filter(|granted| self.is(granted.who, credential)).collect();
        if matching.is_empty() {
            return Err(Refusal::Stranger(credential.to_string()));
        }
        let all = self.sessions.clone().try_acquire_owned().map_err(|_| Refusal::Full(bound as usize, "attach.max_sessions"))?;
        let own: Vec<_> = matching.iter().filter_map(|granted| granted.sessions.clone().try_acquire_owned().ok()).collect();
        if own.len() < matching.len() {
            return Err(Refusal::Full(own.len(), "its grant's max_sessions"));
        }
        let grants = matching.into_iter().flat_map(|granted| granted.grants.iter().cloned()).collect();
        Ok(Place { grants, _all: all, _own: own })
    }

    fn is(&self, who: Who, credential: &Credential) -> bool {
        match (who, credential) {
            (Who::Uid(uid), Credential::Uid { uid: theirs, .. }) => uid == *theirs,
            (Who::OwnUser, Credential::Uid { uid: theirs, .. }) => self.own_uid == *theirs,
            // The memory transport ends in this very process.
            (Who::OwnUser, Credential::Memory(_)) => true,
            (Who::Uid(_), Credential::Memory(_)) => false,
        }
    }
}

fn role_bits(role: Role) -> Roles {
    match role {
        Role::Verify => Roles::VERIFY,
        Role::Consume => Roles::CONSUME,
        Role::Produce => Roles::PRODUCE,
    }
}
