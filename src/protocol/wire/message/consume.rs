//! Records to consumers, and what they answer.

use bytes::Bytes;

use super::{Bad, Item, NamesIn, NamesOut, PayloadsIn, Wire};
use crate::wire::heads::{
    AckHead, ArchivedAckHead, ArchivedCreditHead, ArchivedDeliverHead, ArchivedGapHead, ArchivedUnverifiedHead, CreditHead, DeliverHead,
    GapHead, UnverifiedHead,
};
use crate::wire::{GapReason, Kind, MessageId, Reason, Roles, Window};

/// An accepted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered<'a> {
    /// Index of its network in the welcome.
    pub network: u16,
    /// Its place in the consumer's stream.
    pub counter: u64,
    /// Its topic.
    pub topic: &'a str,
    /// Its id in the overlay.
    pub id: MessageId,
    /// Its bytes.
    pub payload: Bytes,
}

impl<'a> Item<'a> for Delivered<'a> {
    const KIND: Kind = Kind::Deliver;
}

impl<'a> Wire<'a> for Delivered<'a> {
    type Head = DeliverHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<DeliverHead, Bad> {
        Ok(DeliverHead {
            counter: self.counter,
            payload_len: u32::try_from(self.payload.len()).map_err(|_| "a payload is longer than 4 GiB")?,
            network: self.network,
            topic_len: names.topic(self.topic)?,
            id_len: names.id(&self.id),
        })
    }

    fn get(head: &ArchivedDeliverHead, names: &mut NamesIn<'a>, payloads: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self {
            network: head.network.into(),
            counter: head.counter.into(),
            topic: names.topic(head.topic_len.into())?,
            id: names.id(head.id_len)?,
            payload: payloads.take(head.payload_len.into())?,
        })
    }

    fn payload(&self) -> Option<&Bytes> {
        Some(&self.payload)
    }
}

/// Records that were dropped: a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Index of the network in the welcome.
    pub network: u16,
    /// First counter that is missing.
    pub from: u64,
    /// Last counter that is missing.
    pub to: u64,
    /// How many messages were lost.
    pub count: u64,
    /// Why.
    pub reason: GapReason,
}

impl Item<'_> for Lost {
    const KIND: Kind = Kind::Gap;
}

impl<'a> Wire<'a> for Lost {
    type Head = GapHead;

    fn put(&self, _: &mut NamesOut<'_>) -> Result<GapHead, Bad> {
        Ok(GapHead { from: self.from, to: self.to, count: self.count, network: self.network, reason: self.reason as u8 })
    }

    fn get(head: &ArchivedGapHead, _: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self {
            network: head.network.into(),
            from: head.from.into(),
            to: head.to.into(),
            count: head.count.into(),
            reason: GapReason::from_code(head.reason).ok_or("unknown gap reason")?,
        })
    }
}

/// Messages that never had a verdict for a cause of the agent's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unjudged<'a> {
    /// Index of the network in the welcome.
    pub network: u16,
    /// Its place in the consumer's stream.
    pub counter: u64,
    /// Their topic.
    pub topic: &'a str,
    /// The cause.
    pub cause: Reason,
    /// How many.
    pub count: u64,
}

impl<'a> Item<'a> for Unjudged<'a> {
    const KIND: Kind = Kind::Unverified;
}

impl<'a> Wire<'a> for Unjudged<'a> {
    type Head = UnverifiedHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<UnverifiedHead, Bad> {
        Ok(UnverifiedHead {
            counter: self.counter,
            count: self.count,
            network: self.network,
            topic_len: names.text(self.topic)?,
            cause: self.cause as u8,
        })
    }

    fn get(head: &ArchivedUnverifiedHead, names: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self {
            network: head.network.into(),
            counter: head.counter.into(),
            topic: names.text(head.topic_len.into())?,
            cause: Reason::from_code(head.cause).ok_or("unknown cause")?,
            count: head.count.into(),
        })
    }
}

/// Everything up to a counter has been processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Index of the network in the welcome.
    pub network: u16,
    /// The last record processed.
    pub counter: u64,
}

impl Item<'_> for Ack {
    const KIND: Kind = Kind::Ack;
}

impl<'a> Wire<'a> for Ack {
    type Head = AckHead;

    fn put(&self, _: &mut NamesOut<'_>) -> Result<AckHead, Bad> {
        Ok(AckHead { counter: self.counter, network: self.network })
    }

    fn get(head: &ArchivedAckHead, _: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self { network: head.network.into(), counter: head.counter.into() })
    }
}

/// A new window, in place of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// Index of the network in the welcome.
    pub network: u16,
    /// Whose window: [`Roles::VERIFY`] (also a shadow's) or [`Roles::CONSUME`], never both.
    pub role: Roles,
    /// The window, absolute.
    pub window: Window,
}

impl Item<'_> for Credit {
    const KIND: Kind = Kind::Credit;
}

impl<'a> Wire<'a> for Credit {
    type Head = CreditHead;

    fn put(&self, _: &mut NamesOut<'_>) -> Result<CreditHead, Bad> {
        Ok(CreditHead { bytes: self.window.bytes, messages: self.window.messages, network: self.network, role: self.role.bits() })
    }

    fn get(head: &ArchivedCreditHead, _: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        let role = Roles::from_bits(head.role).filter(|role| matches!(*role, Roles::VERIFY | Roles::CONSUME));
        Ok(Self {
            network: head.network.into(),
            role: role.ok_or("credit is for verify (1) or for consume (2)")?,
            window: Window { messages: head.messages.into(), bytes: head.bytes.into() },
        })
    }
}
