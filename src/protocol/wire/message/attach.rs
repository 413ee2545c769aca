//! Hello and welcome.

use std::time::Duration;

use super::{Bad, Item, NamesIn, NamesOut, PayloadsIn, Wire};
use crate::wire::frame::VERSION;
use crate::wire::heads::{ArchivedHelloHead, ArchivedWelcomeHead, HelloHead, WelcomeHead};
use crate::wire::{Cursor, Kind, Overflow, Roles, Window};

/// A network that a parent wants, and what for: one entry of a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The network's name in the agent's configuration.
    pub network: &'a str,
    /// What for.
    pub roles: Roles,
    /// Credit for messages to verify, as a verifier or as a shadow.
    pub verify: Window,
    /// Credit for records.
    pub consume: Window,
    /// The consumer's name; empty = its stream ends with the session.
    pub consumer: &'a str,
    /// The group of verifiers that it joins; empty = the network's first or only one.
    pub group: &'a str,
    /// Where the consumer stands.
    pub cursor: Cursor,
    /// What happens when it is slow; `None` = as the network's file says.
    pub policy: Option<Overflow>,
    /// Name and version of the parent's software, for the agent's log; empty in all entries but the first.
    pub software: &'a str,
}

impl<'a> Item<'a> for Wanted<'a> {
    const KIND: Kind = Kind::Hello;
}

impl<'a> Wire<'a> for Wanted<'a> {
    type Head = HelloHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<HelloHead, Bad> {
        Ok(HelloHead {
            version: VERSION,
            roles: self.roles.bits(),
            policy: self.policy.map_or(0, |policy| policy as u8),
            verify_messages: self.verify.messages,
            verify_bytes: self.verify.bytes,
            consume_messages: self.consume.messages,
            consume_bytes: self.consume.bytes,
            stream: self.cursor.stream,
            counter: self.cursor.counter,
            network_len: names.text(self.network)?,
            consumer_len: names.text(self.consumer)?,
            group_len: names.text(self.group)?,
            software_len: names.text(self.software)?,
        })
    }

    fn get(head: &ArchivedHelloHead, names: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        if head.version != VERSION {
            return Err("its version differs from the first entry's");
        }
        let policy = match head.policy {
            0 => None,
            code => Some(Overflow::from_code(code).ok_or("unknown overflow policy")?),
        };
        Ok(Self {
            network: names.text(head.network_len.into())?,
            roles: Roles::from_bits(head.roles).ok_or("unknown roles")?,
            verify: Window { messages: head.verify_messages.into(), bytes: head.verify_bytes.into() },
            consume: Window { messages: head.consume_messages.into(), bytes: head.consume_bytes.into() },
            consumer: names.text(head.consumer_len.into())?,
            group: names.text(head.group_len.into())?,
            cursor: Cursor { stream: head.stream.into(), counter: head.counter.into() },
            policy,
            software: names.text(head.software_len.into())?,
        })
    }
}

/// A network that the agent grants: one entry of a welcome, in the order of the hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted<'a> {
    /// The network's name.
    pub network: &'a str,
    /// What it is called in every later head of this session.
    pub index: u16,
    /// What was granted.
    pub roles: Roles,
    /// The cursor as of which a consumer is served; the first record has the next counter.
    pub cursor: Cursor,
    /// From a message's arrival to the fallback; whole microseconds on the wire.
    pub deadline: Duration,
    /// Largest payload that may be published, in bytes.
    pub max_payload: u32,
    /// The largest window that has an effect; a larger one counts as this one.
    pub max_window: Window,
}

impl<'a> Item<'a> for Granted<'a> {
    const KIND: Kind = Kind::Welcome;
}

impl<'a> Wire<'a> for Granted<'a> {
    type Head = WelcomeHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<WelcomeHead, Bad> {
        Ok(WelcomeHead {
            version: VERSION,
            index: self.index,
            roles: self.roles.bits(),
            stream: self.cursor.stream,
            counter: self.cursor.counter,
            deadline_us: u64::try_from(self.deadline.as_micros()).unwrap_or(u64::MAX),
            max_payload: self.max_payload,
            max_messages: self.max_window.messages,
            max_bytes: self.max_window.bytes,
            network_len: names.text(self.network)?,
        })
    }

    fn get(head: &ArchivedWelcomeHead, names: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        if head.version != VERSION {
            return Err("its version differs from the first entry's");
        }
        Ok(Self {
            network: names.text(head.network_len.into())?,
            index: head.index.into(),
            roles: Roles::from_bits(head.roles).ok_or("unknown roles")?,
            cursor: Cursor { stream: head.stream.into(), counter: head.counter.into() },
            deadline: Duration::from_micros(head.deadline_us.into()),
            max_payload: head.max_payload.into(),
            max_window: Window { messages: head.max_messages.into(), bytes: head.max_bytes.into() },
        })
    }
}
