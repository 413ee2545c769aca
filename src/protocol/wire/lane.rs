//! Lanes: which frames may overtake which, where a transport can carry more than one stream.

use std::ops::{BitOr, BitOrAssign};

use super::message::Refuse;
use super::{Frame, Kind};

/// A run of frames that keep their order among themselves. Frames of different lanes may overtake each other, within the bounds that [`Frame::waits`] sets.
///
/// A transport of one stream knows no lanes: whatever is written there keeps its order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Lane {
    /// Hello, welcome, verdicts, acks, credit, requests and their answers, heartbeats.
    Control = 0,
    /// Messages that somebody waits for: those for a verdict, and those to be published.
    Messages = 1,
    /// Accepted messages, gaps, and what was never verified.
    Records = 2,
}

impl Lane {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Control, Self::Messages, Self::Records];

    /// The lane of a kind of frame.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Validate | Kind::Publish => Self::Messages,
            Kind::Deliver | Kind::Gap | Kind::Unverified => Self::Records,
            Kind::Hello
            | Kind::Welcome
            | Kind::Verdict
            | Kind::Ack
            | Kind::Credit
            | Kind::Published
            | Kind::Subscribe
            | Kind::Unsubscribe
            | Kind::Thresholds
            | Kind::Mark
            | Kind::AllowList
            | Kind::Pause
            | Kind::Resume
            | Kind::Ping
            | Kind::Pong
            | Kind::Refuse
            | Kind::Done => Self::Control,
        }
    }

    /// Its number.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

impl Frame {
    /// Its lane.
    #[must_use]
    pub fn lane(&self) -> Lane {
        Lane::of(self.prefix.kind)
    }

    /// The lanes of which it overtakes nothing that was sent before it, its own included.
    ///
    /// - A message or a record never overtakes what was said before it: no record comes ahead of its welcome.
    /// - A fatal refusal ends the session, so it is the last to be heard.
    /// - Everything else on the control lane overtakes messages and records: a verdict, an ack, a heartbeat, a refusal in passing wait for no payload.
    #[must_use]
    pub fn waits(&self) -> Lanes {
        let last = || {
            self.prefix.kind == Kind::Refuse && self.items::<Refuse<'_>>().is_ok_and(|mut refusals| refusals.any(|refusal| refusal.fatal))
        };
        match self.lane() {
            Lane::Control if last() => Lanes::ALL,
            Lane::Control => Lane::Control.into(),
            own => Lanes::from(own) | Lane::Control.into(),
        }
    }
}

/// A set of lanes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Lanes(u8);

impl Lanes {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// Every lane.
    pub const ALL: Self = Self(0b111);

    /// Whether a lane is among them.
    #[must_use]
    pub fn contains(self, lane: Lane) -> bool {
        self.0 & (1 << lane as u8) != 0
    }

    /// Whether the two have a lane in common.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl From<Lane> for Lanes {
    fn from(lane: Lane) -> Self {
        Self(1 << lane as u8)
    }
}

impl BitOr for Lanes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Lanes {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}
