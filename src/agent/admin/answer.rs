//! What a client is answered: one JSON object a line, named by its only key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A line of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A tap is open; what happens from now on is seen.
    Tapping(Tapping),
    /// A message's end.
    Message(Message),
    /// Messages of which only the number is known.
    Missed(Missed),
    /// Ends that the tap did not see, in their place.
    Lost(Lost),
    /// Messages may follow, a line each.
    Publishing(Publishing),
    /// What became of one of them.
    Published(Published),
    /// One session of a parent.
    Parent(Parent),
    /// The answer is complete.
    Done(Done),
    /// The request is over.
    Error(Problem),
}

/// See [`Answer::Tapping`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tapping {
    /// The networks.
    pub networks: Vec<String>,
}

/// See [`Answer::Message`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// When it ended (RFC 3339, UTC).
    pub at: String,
    /// Its network.
    pub network: String,
    /// Its topic.
    pub topic: String,
    /// Its id in the overlay.
    pub id: String,
    /// Id of the neighbour that sent it first; `None` if the neighbour is forgotten.
    pub peer: Option<String>,
    /// Payload bytes.
    pub size: u32,
    /// accept, ignore or reject.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// From arrival to its end, in microseconds.
    pub waited_us: u64,
    /// From the offer to the verdict that ended it, in microseconds; `None` if none did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verdict_us: Option<u64>,
    /// The parent's own reason, if it gave one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub said: Option<Said>,
}

/// A parent's own reason for its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Its code; 0 = none.
    pub code: u16,
    /// Its words; empty = none.
    pub text: String,
}

/// See [`Answer::Missed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// When they were counted (RFC 3339, UTC).
    pub at: String,
    /// Their network.
    pub network: String,
    /// Their topic.
    pub topic: String,
    /// How many.
    pub count: u64,
    /// accept, ignore or reject.
    pub outcome: String,
    /// Why.
    pub reason: String,
}

/// See [`Answer::Lost`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The network.
    pub network: String,
    /// Ends on any of its topics that were not seen.
    pub lost: u64,
}

/// See [`Answer::Publishing`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publishing {
    /// The network that claims the topic.
    pub network: String,
    /// Bytes of the largest message.
    pub max_message: u64,
}

/// See [`Answer::Published`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Which line, from 1.
    pub line: u64,
    /// ok, duplicate, or why not (docs/wire.md, "Publish status").
    pub status: String,
    /// Its id in the overlay, if it went out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// Peers to which it could be sent; an estimate.
    pub peers: u64,
    /// Why not, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
}

/// See [`Answer::Parent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    /// The session's id, in hex, as it stands in its frames.
    pub session: String,
    /// Its credential.
    pub who: String,
    /// The address that it came to.
    pub over: String,
    /// Name and version of its software; empty before its hello.
    pub software: String,
    /// Seconds since it came.
    pub since_s: f64,
    /// What its session refused in passing, by cause.
    pub refused: BTreeMap<String, u64>,
    /// Its networks; none before its hello.
    pub networks: Vec<OnNetwork>,
}

/// A parent on one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnNetwork {
    /// The network.
    pub network: String,
    /// verify, consume, produce, shadow.
    pub roles: Vec<String>,
    /// How it stands as a verifier.
    pub verify: Option<Verifying>,
    /// How it stands as a consumer.
    pub consume: Option<Consuming>,
    /// The network's driver did not answer in time, so how it stands is not known.
    pub silent: bool,
}

/// Credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Messages.
    pub messages: u32,
    /// Payload bytes.
    pub bytes: u64,
}

/// A verifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifying {
    /// Its group; empty where the network's file names none, and for a shadow.
    #[serde(default)]
    pub group: String,
    /// Whether its verdicts have no effect.
    #[serde(default)]
    pub shadow: bool,
    /// What it may hold at a time.
    pub window: Credit,
    /// What it holds.
    pub outstanding: Credit,
    /// Whether it wants none for now.
    pub paused: bool,
    /// Verdicts of its that changed nothing, by cause.
    pub refused: BTreeMap<String, u64>,
}

/// A consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consuming {
    /// Its name with its owner's in front; empty without one.
    pub name: String,
    /// What happens when it is slow.
    pub policy: String,
    /// What may be on its way to it at a time.
    pub window: Credit,
    /// What is.
    pub outstanding: Credit,
    /// The newest counter that it has acknowledged.
    pub acked: u64,
    /// The newest counter that it was sent.
    pub sent: u64,
    /// Records that wait for its credit.
    pub lag: u64,
    /// Records that it lost, by cause.
    pub dropped: BTreeMap<String, u64>,
}

/// See [`Answer::Done`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Messages, publishes or parents that were answered.
    pub count: u64,
    /// Ends that a tap did not see.
    #[serde(default)]
    pub lost: u64,
}

/// What kind of [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The request's version is another one.
    Version,
    /// The request, or a line behind it, cannot be read.
    BadRequest,
    /// A line is longer than is possible.
    TooLong,
    /// Nothing was asked for some time.
    TooSlow,
    /// There are as many clients as the agent serves.
    Busy,
    /// Another user's client.
    NotPermitted,
    /// There is no such network.
    UnknownNetwork,
    /// The topic is not the network's.
    UnknownTopic,
    /// The agent is about to end.
    ShuttingDown,
    /// A code of a later version.
    #[serde(other)]
    Other,
}

/// See [`Answer::Error`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// What is wrong, and the mend.
    pub text: String,
}

impl Problem {
    /// A problem in words.
    #[must_use]
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}
