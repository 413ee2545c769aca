//! What a session tells those who use it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::wire::{AllowOp, Cursor, Frame, MarkOp, MessageId, Outstanding, PublishStatus, RefuseCode, Roles, Window};

use super::Want;

/// What a parent did, for the agent. Network indices are those of the hello's list.
#[derive(Debug, Clone)]
pub enum AgentEvent {
    /// A parent attaches; its roles were checked, its windows are capped. Answer with [`AgentEnd::welcome`](super::AgentEnd::welcome), or refuse.
    Hello {
        /// What it wants, in order.
        networks: Vec<Want>,
        /// Name and version of its software.
        software: String,
    },
    /// Verdicts. Every one of them is for that network and for a ticket that was open in this session.
    Verdicts {
        /// The network.
        network: u16,
        /// To be read as [`Judged`](crate::wire::message::Judged) items; the frame as it came wherever that is possible.
        frame: Frame,
        /// Credit that came back.
        released: Outstanding,
    },
    /// A consumer has processed everything up to a counter.
    Ack {
        /// The network.
        network: u16,
        /// The counter.
        counter: u64,
        /// Credit that came back.
        released: Outstanding,
    },
    /// A new window, capped.
    Window {
        /// The network.
        network: u16,
        /// Verify or consume.
        role: Roles,
        /// The window.
        window: Window,
    },
    /// No messages to verify for now, or again.
    Paused {
        /// The network.
        network: u16,
        /// Which of the two.
        paused: bool,
    },
    /// Something that wants an answer: [`published`](super::AgentEnd::published), [`done`](super::AgentEnd::done), or
    /// [`refuse`](super::AgentEnd::refuse) with its number.
    Request {
        /// The network.
        network: u16,
        /// The parent's number for it.
        request: u64,
        /// What is asked.
        what: Request,
    },
    /// The parent refused something. If fatal, the session is over.
    Refused {
        /// Why.
        code: RefuseCode,
        /// Whether the session is over.
        fatal: bool,
        /// Its words.
        text: String,
    },
}

/// What a producer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Send a message.
    Publish {
        /// Its topic.
        topic: Arc<str>,
        /// Its bytes.
        payload: Bytes,
    },
    /// Join a topic.
    Subscribe(Arc<str>),
    /// Leave a topic.
    Unsubscribe(Arc<str>),
    /// Set the sequence window's thresholds.
    Thresholds {
        /// The topic; empty = all topics of the network.
        topic: Arc<str>,
        /// Older than this many numbers: Ignore.
        skip: u64,
        /// Older than this many numbers: Reject.
        validity: u64,
    },
    /// Move a high mark.
    Mark {
        /// The topic.
        topic: Arc<str>,
        /// Who makes the messages, zero-padded.
        origin: [u8; 32],
        /// The numbering's epoch.
        epoch: u64,
        /// The mark; 0 where the action needs none.
        seq: u64,
        /// What to do with it.
        action: MarkOp,
    },
    /// Change who may be connected.
    AllowList {
        /// What to do with the list.
        action: AllowOp,
        /// Peer ids as text.
        peers: Vec<String>,
    },
}

/// What was refused in passing, without an end to the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Verdicts for tickets that are not open here: never handed to this session, or answered before.
    pub unknown_tickets: u64,
    /// Frames of another session.
    pub stale_frames: u64,
    /// Requests and verdicts without the role for them, or for a network that is not in the welcome.
    pub not_granted: u64,
    /// Requests beyond the bound.
    pub rate: u64,
}

/// A network as the agent serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Its name.
    pub network: Arc<str>,
    /// Its index in calls and items.
    pub index: u16,
    /// What was granted.
    pub roles: Roles,
    /// As of where records are served.
    pub cursor: Cursor,
    /// From a message's arrival to the fallback.
    pub deadline: Duration,
    /// Largest payload that may be published, in bytes.
    pub max_payload: u32,
    /// The largest window that has an effect.
    pub max_window: Window,
}

/// What the agent did, for the parent.
#[derive(Debug, Clone)]
pub enum ParentEvent {
    /// Attached.
    Welcomed(Vec<Served>),
    /// Messages for a verdict: read them as [`Offered`](crate::wire::message::Offered) items.
    Offers(Frame),
    /// Records in counter order: [`Delivered`](crate::wire::message::Delivered), [`Lost`](crate::wire::message::Lost) or
    /// [`Unjudged`](crate::wire::message::Unjudged) items, by the frame's kind.
    Records(Frame),
    /// What became of a publish.
    Published {
        /// Its number.
        request: u64,
        /// What became of it.
        status: PublishStatus,
        /// Its id in the overlay.
        id: MessageId,
        /// Peers that were eligible (an estimate).
        peers: u32,
        /// What is wrong, for a person.
        text: String,
    },
    /// A request was carried out.
    Done {
        /// Its number.
        request: u64,
    },
    /// The agent refused something. If fatal, the session is over.
    Refused {
        /// The network; 0 where none is concerned.
        network: u16,
        /// Why.
        code: RefuseCode,
        /// Whether the session is over.
        fatal: bool,
        /// The request or ticket that it is about; 0 = none.
        about: u64,
        /// Its words.
        text: String,
    },
}
