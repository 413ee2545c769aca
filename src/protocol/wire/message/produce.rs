//! What a producer asks for, and what became of it.

use bytes::Bytes;

use super::{Bad, Item, NamesIn, NamesOut, PayloadsIn, Wire};
use crate::wire::heads::{
    AllowListHead, ArchivedAllowListHead, ArchivedMarkHead, ArchivedPublishHead, ArchivedPublishedHead, ArchivedSubscribeHead,
    ArchivedThresholdsHead, ArchivedUnsubscribeHead, MarkHead, PublishHead, PublishedHead, SubscribeHead, ThresholdsHead, UnsubscribeHead,
};
use crate::wire::{AllowOp, Kind, MarkOp, MessageId, PublishStatus};

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Index of the network in the welcome.
    pub network: u16,
    /// The parent's number for the request, named in its answer.
    pub request: u64,
    /// Its topic.
    pub topic: &'a str,
    /// Its bytes.
    pub payload: Bytes,
}

impl<'a> Item<'a> for Publish<'a> {
    const KIND: Kind = Kind::Publish;
}

impl<'a> Wire<'a> for Publish<'a> {
    type Head = PublishHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<PublishHead, Bad> {
        Ok(PublishHead {
            request: self.request,
            payload_len: u32::try_from(self.payload.len()).map_err(|_| "a payload is longer than 4 GiB")?,
            network: self.network,
            topic_len: names.text(self.topic)?,
        })
    }

    fn get(head: &ArchivedPublishHead, names: &mut NamesIn<'a>, payloads: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self {
            network: head.network.into(),
            request: head.request.into(),
            topic: names.text(head.topic_len.into())?,
            payload: payloads.take(head.payload_len.into())?,
        })
    }

    fn payload(&self) -> Option<&Bytes> {
        Some(&self.payload)
    }
}

/// What became of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published<'a> {
    /// Index of the network in the welcome.
    pub network: u16,
    /// The publish's number.
    pub request: u64,
    /// What became of it.
    pub status: PublishStatus,
    /// The message's id in the overlay; empty where none was computed.
    pub id: MessageId,
    /// Peers that were eligible at that moment (an estimate).
    pub peers: u32,
    /// What is wrong, for a person; empty if nothing is.
    pub text: &'a str,
}

impl<'a> Item<'a> for Published<'a> {
    const KIND: Kind = Kind::Published;
}

impl<'a> Wire<'a> for Published<'a> {
    type Head = PublishedHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<PublishedHead, Bad> {
        Ok(PublishedHead {
            request: self.request,
            peers: self.peers,
            network: self.network,
            status: self.status as u8,
            id_len: names.id(&self.id),
            text_len: names.text(self.text)?,
        })
    }

    fn get(head: &ArchivedPublishedHead, names: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self {
            network: head.network.into(),
            request: head.request.into(),
            status: PublishStatus::from_code(head.status).ok_or("unknown publish status")?,
            id: names.id(head.id_len)?,
            peers: head.peers.into(),
            text: names.text(head.text_len.into())?,
        })
    }
}

/// A topic to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Index of the network in the welcome.
    pub network: u16,
    /// The parent's number for the request, named in its answer.
    pub request: u64,
    /// The topic.
    pub topic: &'a str,
}

impl<'a> Item<'a> for Subscribe<'a> {
    const KIND: Kind = Kind::Subscribe;
}

impl<'a> Wire<'a> for Subscribe<'a> {
    type Head = SubscribeHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<SubscribeHead, Bad> {
        Ok(SubscribeHead { request: self.request, network: self.network, topic_len: names.text(self.topic)? })
    }

    fn get(head: &ArchivedSubscribeHead, names: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self { network: head.network.into(), request: head.request.into(), topic: names.text(head.topic_len.into())? })
    }
}

/// A topic to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Index of the network in the welcome.
    pub network: u16,
    /// The parent's number for the request, named in its answer.
    pub request: u64,
    /// The topic.
    pub topic: &'a str,
}

impl<'a> Item<'a> for Unsubscribe<'a> {
    const KIND: Kind = Kind::Unsubscribe;
}

impl<'a> Wire<'a> for Unsubscribe<'a> {
    type Head = UnsubscribeHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<UnsubscribeHead, Bad> {
        Ok(UnsubscribeHead { request: self.request, network: self.network, topic_len: names.text(self.topic)? })
    }

    fn get(head: &ArchivedUnsubscribeHead, names: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self { network: head.network.into(), request: head.request.into(), topic: names.text(head.topic_len.into())? })
    }
}

/// Thresholds of the sequence window (promises 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds<'a> {
    /// Index of the network in the welcome.
    pub network: u16,
    /// The parent's number for the request, named in its answer.
    pub request: u64,
    /// The topic; empty = all topics of the network.
    pub topic: &'a str,
    /// Older than this many numbers: Ignore.
    pub skip: u64,
    /// Older than this many numbers: Reject.
    pub validity: u64,
}

impl<'a> Item<'a> for Thresholds<'a> {
    const KIND: Kind = Kind::Thresholds;
}

impl<'a> Wire<'a> for Thresholds<'a> {
    type Head = ThresholdsHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<ThresholdsHead, Bad> {
        Ok(ThresholdsHead {
            request: self.request,
            skip: self.skip,
            validity: self.validity,
            network: self.network,
            topic_len: names.text(self.topic)?,
        })
    }

    fn get(head: &ArchivedThresholdsHead, names: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self {
            network: head.network.into(),
            request: head.request.into(),
            topic: names.text(head.topic_len.into())?,
            skip: head.skip.into(),
            validity: head.validity.into(),
        })
    }
}

/// One origin's high mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark<'a> {
    /// Index of the network in the welcome.
    pub network: u16,
    /// The parent's number for the request, named in its answer.
    pub request: u64,
    /// The topic.
    pub topic: &'a str,
    /// Who makes the messages, zero-padded.
    pub origin: [u8; 32],
    /// The numbering's epoch.
    pub epoch: u64,
    /// The mark; 0 where the action needs none.
    pub seq: u64,
    /// What to do with it.
    pub action: MarkOp,
}

impl<'a> Item<'a> for Mark<'a> {
    const KIND: Kind = Kind::Mark;
}

impl<'a> Wire<'a> for Mark<'a> {
    type Head = MarkHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<MarkHead, Bad> {
        Ok(MarkHead {
            request: self.request,
            epoch: self.epoch,
            seq: self.seq,
            origin: self.origin,
            network: self.network,
            topic_len: names.text(self.topic)?,
            action: self.action as u8,
        })
    }

    fn get(head: &ArchivedMarkHead, names: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self {
            network: head.network.into(),
            request: head.request.into(),
            topic: names.text(head.topic_len.into())?,
            origin: head.origin,
            epoch: head.epoch.into(),
            seq: head.seq.into(),
            action: MarkOp::from_code(head.action).ok_or("unknown mark action")?,
        })
    }
}

/// Who may be connected: one entry per peer. Every entry of a frame has the same network, request and action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowList<'a> {
    /// Index of the network in the welcome.
    pub network: u16,
    /// The parent's number for the request, named in its answer.
    pub request: u64,
    /// What to do with the list.
    pub action: AllowOp,
    /// The peer's id as text; empty = none (opening the list, or replacing it by an empty one).
    pub peer: &'a str,
}

impl<'a> Item<'a> for AllowList<'a> {
    const KIND: Kind = Kind::AllowList;
}

impl<'a> Wire<'a> for AllowList<'a> {
    type Head = AllowListHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<AllowListHead, Bad> {
        Ok(AllowListHead { request: self.request, network: self.network, peer_len: names.text(self.peer)?, action: self.action as u8 })
    }

    fn get(head: &ArchivedAllowListHead, names: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self {
            network: head.network.into(),
            request: head.request.into(),
            action: AllowOp::from_code(head.action).ok_or("unknown allow-list action")?,
            peer: names.text(head.peer_len.into())?,
        })
    }
}
