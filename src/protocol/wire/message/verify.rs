//! Messages for a verdict, and verdicts.

use std::time::Duration;

use bytes::Bytes;

use super::{Bad, Item, NamesIn, NamesOut, PayloadsIn, Wire};
use crate::wire::heads::{ArchivedValidateHead, ArchivedVerdictHead, ValidateHead, VerdictHead};
use crate::wire::{Kind, MessageId, Ticket, Verdict};

/// A message for a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered<'a> {
    /// Index of its network in the welcome.
    pub network: u16,
    /// To be named in the verdict.
    pub ticket: Ticket,
    /// Time that was left when it was written; in whole microseconds on the wire, at most 71 minutes.
    pub remaining: Duration,
    /// Its topic.
    pub topic: &'a str,
    /// Its id in the overlay.
    pub id: MessageId,
    /// Its bytes.
    pub payload: Bytes,
}

impl<'a> Item<'a> for Offered<'a> {
    const KIND: Kind = Kind::Validate;
}

impl<'a> Wire<'a> for Offered<'a> {
    type Head = ValidateHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<ValidateHead, Bad> {
        Ok(ValidateHead {
            ticket: self.ticket.0,
            deadline_us: u32::try_from(self.remaining.as_micros()).unwrap_or(u32::MAX),
            payload_len: u32::try_from(self.payload.len()).map_err(|_| "a payload is longer than 4 GiB")?,
            network: self.network,
            topic_len: names.topic(self.topic)?,
            id_len: names.id(&self.id),
        })
    }

    fn get(head: &ArchivedValidateHead, names: &mut NamesIn<'a>, payloads: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self {
            network: head.network.into(),
            ticket: Ticket(head.ticket.into()),
            remaining: Duration::from_micros(u32::from(head.deadline_us).into()),
            topic: names.topic(head.topic_len.into())?,
            id: names.id(head.id_len)?,
            payload: payloads.take(head.payload_len.into())?,
        })
    }

    fn payload(&self) -> Option<&Bytes> {
        Some(&self.payload)
    }
}

/// Longest text of a verdict, in bytes.
pub const MAX_REASON: usize = u8::MAX as usize;

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged<'a> {
    /// Index of the network in the welcome.
    pub network: u16,
    /// As in the offer.
    pub ticket: Ticket,
    /// What is to become of the message.
    pub verdict: Verdict,
    /// The parent's own code for its reason; 0 = none. Counted by the agent.
    pub reason: u16,
    /// The reason in the parent's own words, for the agent's log; at most [`MAX_REASON`] bytes, empty = none.
    pub text: &'a str,
}

impl<'a> Item<'a> for Judged<'a> {
    const KIND: Kind = Kind::Verdict;
}

impl<'a> Wire<'a> for Judged<'a> {
    type Head = VerdictHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<VerdictHead, Bad> {
        let text_len = u8::try_from(self.text.len()).map_err(|_| "a verdict's text is longer than 255 bytes")?;
        names.text(self.text)?;
        Ok(VerdictHead { ticket: self.ticket.0, network: self.network, reason: self.reason, verdict: self.verdict as u8, text_len })
    }

    fn get(head: &ArchivedVerdictHead, names: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self {
            network: head.network.into(),
            ticket: Ticket(head.ticket.into()),
            verdict: Verdict::from_code(head.verdict).ok_or("unknown verdict code")?,
            reason: head.reason.into(),
            text: names.text(head.text_len.into())?,
        })
    }
}
