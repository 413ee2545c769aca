//! Pauses, heartbeats, refusals and answers.

use super::{Bad, Item, NamesIn, NamesOut, PayloadsIn, Wire};
use crate::wire::heads::{
    ArchivedDoneHead, ArchivedPauseHead, ArchivedPingHead, ArchivedPongHead, ArchivedRefuseHead, ArchivedResumeHead, DoneHead, PauseHead,
    PingHead, PongHead, RefuseHead, ResumeHead,
};
use crate::wire::{Kind, RefuseCode};

/// No further messages to verify for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Index of the network in the welcome.
    pub network: u16,
}

impl Item<'_> for Pause {
    const KIND: Kind = Kind::Pause;
}

impl<'a> Wire<'a> for Pause {
    type Head = PauseHead;

    fn put(&self, _: &mut NamesOut<'_>) -> Result<PauseHead, Bad> {
        Ok(PauseHead { network: self.network })
    }

    fn get(head: &ArchivedPauseHead, _: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self { network: head.network.into() })
    }
}

/// Messages to verify again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// Index of the network in the welcome.
    pub network: u16,
}

impl Item<'_> for Resume {
    const KIND: Kind = Kind::Resume;
}

impl<'a> Wire<'a> for Resume {
    type Head = ResumeHead;

    fn put(&self, _: &mut NamesOut<'_>) -> Result<ResumeHead, Bad> {
        Ok(ResumeHead { network: self.network })
    }

    fn get(head: &ArchivedResumeHead, _: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self { network: head.network.into() })
    }
}

/// Are you there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ping {
    /// Comes back in the answer.
    pub nonce: u64,
}

impl Item<'_> for Ping {
    const KIND: Kind = Kind::Ping;
}

impl<'a> Wire<'a> for Ping {
    type Head = PingHead;

    fn put(&self, _: &mut NamesOut<'_>) -> Result<PingHead, Bad> {
        Ok(PingHead { nonce: self.nonce })
    }

    fn get(head: &ArchivedPingHead, _: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self { nonce: head.nonce.into() })
    }
}

/// Yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pong {
    /// As in the ping.
    pub nonce: u64,
}

impl Item<'_> for Pong {
    const KIND: Kind = Kind::Pong;
}

impl<'a> Wire<'a> for Pong {
    type Head = PongHead;

    fn put(&self, _: &mut NamesOut<'_>) -> Result<PongHead, Bad> {
        Ok(PongHead { nonce: self.nonce })
    }

    fn get(head: &ArchivedPongHead, _: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self { nonce: head.nonce.into() })
    }
}

/// No, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refuse<'a> {
    /// Index of the network in the welcome; 0 where none is concerned.
    pub network: u16,
    /// Why.
    pub code: RefuseCode,
    /// Whether the session ends with it.
    pub fatal: bool,
    /// The ticket or request that it is about; 0 = none.
    pub about: u64,
    /// What, where and the mend, for a person.
    pub text: &'a str,
}

impl<'a> Item<'a> for Refuse<'a> {
    const KIND: Kind = Kind::Refuse;
}

impl<'a> Wire<'a> for Refuse<'a> {
    type Head = RefuseHead;

    fn put(&self, names: &mut NamesOut<'_>) -> Result<RefuseHead, Bad> {
        Ok(RefuseHead {
            about: self.about,
            network: self.network,
            code: self.code as u16,
            text_len: names.text(self.text)?,
            fatal: self.fatal.into(),
        })
    }

    fn get(head: &ArchivedRefuseHead, names: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self {
            network: head.network.into(),
            code: RefuseCode::from_code(head.code.into()).ok_or("unknown refuse code")?,
            fatal: match head.fatal {
                0 => false,
                1 => true,
                _ => return Err("fatal is 0 or 1"),
            },
            about: head.about.into(),
            text: names.text(head.text_len.into())?,
        })
    }
}

/// A request was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Index of the network in the welcome.
    pub network: u16,
    /// The request's number.
    pub request: u64,
}

impl Item<'_> for Done {
    const KIND: Kind = Kind::Done;
}

impl<'a> Wire<'a> for Done {
    type Head = DoneHead;

    fn put(&self, _: &mut NamesOut<'_>) -> Result<DoneHead, Bad> {
        Ok(DoneHead { request: self.request, network: self.network })
    }

    fn get(head: &ArchivedDoneHead, _: &mut NamesIn<'a>, _: &mut PayloadsIn<'a>) -> Result<Self, Bad> {
        Ok(Self { network: head.network.into(), request: head.request.into() })
    }
}
