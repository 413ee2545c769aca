//! What crosses the room's face. Plain data; nothing here knows which router is behind it.

use std::sync::Arc;
use std::time::Duration;

use super::address::Transport;
use super::settings::{MessageIdFunction, NetworkSettings, TopicScore};
use pmq_pipeline::{Claims, Peer};
use pmq_protocol::wire::MessageId;

/// One network as the overlay sees it.
#[derive(Debug, Clone)]
pub struct NetworkOverlay {
    /// Its name, for logs.
    pub name: Arc<str>,
    /// Its topics. The first network in the list that claims a topic has it.
    pub claims: Claims,
    /// Time from arrival to fallback verdict; must fit the router's message cache.
    pub deadline: Duration,
    /// How ids are made.
    pub id: MessageIdFunction,
    /// Largest payload, in bytes.
    pub max_message: usize,
    /// Whether messages that name an author without a signature are taken.
    pub predecessor: bool,
    /// Scores of its topics.
    pub score: TopicScore,
}

impl NetworkOverlay {
    /// A network with these settings.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, claims: Claims, deadline: Duration, settings: &NetworkSettings) -> Self {
        Self {
            name: name.into(),
            claims,
            deadline,
            id: settings.message_id,
            max_message: usize::try_from(settings.max_message.as_u64()).unwrap_or(usize::MAX),
            predecessor: settings.predecessor,
            score: settings.score.clone(),
        }
    }
}

/// A message went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its id.
    pub id: MessageId,
    /// Peers to which it could be sent at that moment; an estimate.
    pub eligible: usize,
    /// It was known already, and nothing was sent.
    pub duplicate: bool,
}

/// A neighbour as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerView {
    /// Its handle.
    pub peer: Peer,
    /// Its id, in base58.
    pub peer_id: String,
    /// Whether it is connected; one that is not is remembered for a while.
    pub connected: bool,
    /// What its connections run over, each once; empty when it is not connected.
    pub transports: Vec<Transport>,
    /// Its score; 0 without scoring.
    pub score: f64,
    /// Whether the score is below the graylist threshold now, so that nothing from the peer is read.
    pub graylisted: bool,
    /// Time from its first connection until its score was first seen below the graylist threshold.
    pub graylisted_after: Option<Duration>,
    /// Topics in whose mesh it is.
    pub mesh: Vec<Arc<str>>,
}

/// A change of the list of peers that may connect. Peers that are not on it any more are disconnected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowChange<Id = String> {
    /// Everybody may.
    Open,
    /// These may, nobody else; an empty list lets nobody in.
    Replace(Vec<Id>),
    /// These may, too. On an open list: these alone.
    Add(Vec<Id>),
    /// These may not any more. On an open list: nobody may, since nobody is named.
    Remove(Vec<Id>),
}

impl<Id> AllowChange<Id> {
    /// The same change with other ids, or the first error.
    pub(super) fn try_map<T, E>(self, mut f: impl FnMut(Id) -> Result<T, E>) -> Result<AllowChange<T>, E> {
        let mut all = |ids: Vec<Id>| ids.into_iter().map(&mut f).collect::<Result<Vec<T>, E>>();
        Ok(match self {
            Self::Open => AllowChange::Open,
            Self::Replace(ids) => AllowChange::Replace(all(ids)?),
            Self::Add(ids) => AllowChange::Add(all(ids)?),
            Self::Remove(ids) => AllowChange::Remove(all(ids)?),
        })
    }
}
