//! Who may attach: grants by credential, and bounds on sessions.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::settings::{Attach, Role, Who};
use pmq_protocol::session::Grant;
use pmq_protocol::wire::{RefuseCode, Roles};
use pmq_transports::Credential;

/// What every credential may do, and how many sessions there may be.
#[derive(Debug)]
pub struct Admission {
    own_uid: u32,
    grants: Vec<Granted>,
    sessions: Places,
}

#[derive(Debug)]
struct Granted {
    who: Who,
    grants: Vec<Grant>,
    sessions: Places,
}

/// A bound on sessions, and what sets it.
#[derive(Debug)]
struct Places {
    free: Arc<Semaphore>,
    bound: u32,
    key: &'static str,
}

impl Places {
    fn new(bound: u32, key: &'static str) -> Self {
        Self { free: Arc::new(Semaphore::new(bound as usize)), bound, key }
    }

    fn take(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.free.clone().try_acquire_owned().map_err(|_| Refusal::Full(self.bound, self.key))
    }
}

/// A session that may begin. Its places are free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) grants: Vec<Grant>,
    _all: OwnedSemaphorePermit,
    _own: Vec<OwnedSemaphorePermit>,
}

impl Place {
    /// Whether its credential may produce on that network.
    pub(super) fn may_produce(&self, network: &str) -> bool {
        self.grants.iter().any(|grant| covers(grant, network) && grant.roles.contains(Roles::PRODUCE))
    }
}

/// Why a credential gets no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No grant names it.
    #[error("{0} is granted nothing: add an [[attach.grant]] with its uid, token, peer id or certificate")]
    Stranger(String),
    /// No valid token.
    #[error("{0} has not proven who it is: give the parent the content of a token file that [[attach.zeromq.token]] names")]
    Unproven(String),
    /// Every place is taken.
    #[error("{0} sessions are attached, which is the bound of {1}: end one, or raise it")]
    Full(u32, &'static str),
}

impl Refusal {
    /// What it is called in the metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stranger(_) => "stranger",
            Self::Unproven(_) => "unproven",
            Self::Full(..) => "too-many-sessions",
        }
    }

    /// What it is called on the wire.
    #[must_use]
    pub fn code(&self) -> RefuseCode {
        match self {
            Self::Stranger(_) | Self::Unproven(_) => RefuseCode::RoleNotGranted,
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
                who: grant.who(),
                grants: grant.networks.iter().map(|name| Grant { network: name.as_str().into(), roles }).collect(),
                sessions: Places::new(grant.max_sessions, "its grant's max_sessions"),
            }
        });
        Self { own_uid, grants: grants.collect(), sessions: Places::new(settings.max_sessions, "attach.max_sessions") }
    }

    /// What `credential` may do on that network.
    pub(crate) fn grants(&self, credential: &Credential, network: &str) -> Roles {
        let matching = self.grants.iter().filter(|granted| self.is(&granted.who, credential)).flat_map(|granted| &granted.grants);
        matching.filter(|grant| covers(grant, network)).fold(Roles::NONE, |all, grant| all | grant.roles)
    }

    /// A place for a session of `credential`, with everything that it is granted.
    pub(crate) fn admit(&self, credential: &Credential) -> Result<Place, Refusal> {
        if let Credential::Unproven(_) = credential {
            return Err(Refusal::Unproven(credential.to_string()));
        }
        let matching: Vec<&Granted> = self.grants.iter().filter(|granted| self.is(&granted.who, credential)).collect();
        if matching.is_empty() {
            return Err(Refusal::Stranger(credential.to_string()));
        }
        // A user of several grants takes a place of each; what was taken before one was full is free again at once.
        let all = self.sessions.take()?;
        let own = matching.iter().map(|granted| granted.sessions.take()).collect::<Result<_, _>>()?;
        let grants = matching.into_iter().flat_map(|granted| granted.grants.iter().cloned()).collect();
        Ok(Place { grants, _all: all, _own: own })
    }

    fn is(&self, who: &Who, credential: &Credential) -> bool {
        match (who, credential) {
            (Who::Uid(uid), Credential::Uid { uid: theirs, .. }) => uid == theirs,
            (Who::OwnUser, Credential::Uid { uid: theirs, .. }) => self.own_uid == *theirs,
            // The memory transport ends in this very process.
            (Who::OwnUser, Credential::Memory(_)) => true,
            (Who::OwnUser, Credential::Token(name)) => **name == *Credential::OWN,
            (Who::Token(name), Credential::Token(theirs)) => **name == **theirs,
            (Who::Peer(id), Credential::Peer(theirs)) => **id == **theirs,
            (Who::Certificate(name), Credential::Certificate(theirs)) => **name == **theirs,
            (Who::Uid(_) | Who::Token(_) | Who::Peer(_) | Who::Certificate(_), _)
            | (Who::OwnUser, Credential::Unproven(_) | Credential::Peer(_) | Credential::Certificate(_)) => false,
        }
    }
}

fn covers(grant: &Grant, network: &str) -> bool {
    ["*", network].contains(&&*grant.network)
}

fn role_bits(role: Role) -> Roles {
    match role {
        Role::Verify => Roles::VERIFY,
        Role::Consume => Roles::CONSUME,
        Role::Produce => Roles::PRODUCE,
        Role::Shadow => Roles::SHADOW,
    }
}

#[cfg(test)]
#[path = "admit_tests.rs"]
mod tests;
