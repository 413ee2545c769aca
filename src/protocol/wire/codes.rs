//! Numbers in frames that are neither verdicts nor reasons. They are part of the wire format: never reuse one.

use std::fmt;
use std::ops::BitOr;

/// What a parent may do on a network, as a set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Roles(u8);

impl Roles {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// Give verdicts.
    pub const VERIFY: Self = Self(1);
    /// Receive accepted messages.
    pub const CONSUME: Self = Self(2);
    /// Publish, subscribe, set thresholds, marks and allow-lists.
    pub const PRODUCE: Self = Self(4);
    /// See what verifiers see and give verdicts that have no effect (promises 1.7).
    pub const SHADOW: Self = Self(8);
    /// All of them: what may be granted. No session claims all on one network, since it is a verifier or a shadow.
    pub const ALL: Self = Self(15);
    /// All but the shadow's: the most that one session may claim on one network.
    pub const PARENT: Self = Self(7);

    /// The set as bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Reads the bits; `None` for bits that this version does not know.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }

    /// Whether every role of `other` is in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether work of `role` falls to whoever has these: a shadow gets a verifier's work, too.
    #[must_use]
    pub const fn serves(self, role: Self) -> bool {
        self.contains(role) || role.0 == Self::VERIFY.0 && self.contains(Self::SHADOW)
    }

    /// The roles of `self` that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether no role is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Roles {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// `verify+consume`, or `none`.
impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (role, name) in [(Self::VERIFY, "verify"), (Self::CONSUME, "consume"), (Self::PRODUCE, "produce"), (Self::SHADOW, "shadow")] {
            if self.contains(role) {
                f.write_str(if first { "" } else { "+" })?;
                f.write_str(name)?;
                first = false;
            }
        }
        if first { f.write_str("none") } else { Ok(()) }
    }
}

macro_rules! codes {
    ($($(#[$enum_doc:meta])* $enum:ident: $int:ty { $($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)* })*) => {$(
        $(#[$enum_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr($int)]
        pub enum $enum { $($(#[$doc])* $name = $code,)* }

        impl $enum {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Reads the number used on the wire.
            #[must_use]
            pub fn from_code(code: $int) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// Name in metrics, logs and texts.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }

        impl fmt::Display for $enum {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

codes! {
    /// What became of a publish (promises 3.5).
    PublishStatus: u8 {
        /// Sent; `peers` were eligible.
        Ok = 1, "ok";
        /// The overlay has that message already: nothing was sent, nothing is wrong.
        Duplicate = 2, "duplicate";
        /// No peer of the topic came within `publish_wait`.
        NoPeers = 3, "no-peers";
        /// Larger than the network allows.
        TooLarge = 4, "too-large";
        /// The network's own rules do not let it pass (codec, window).
        Invalid = 5, "invalid";
        /// Every peer's queue was full. The id is in the duplicate cache by then: a retry is useless for `duplicate_cache_time`.
        QueueFull = 6, "queue-full";
        /// The session has no produce role on the network.
        NotGranted = 7, "not-granted";
        /// No network of this agent claims the topic, or another one does.
        TopicUnknown = 8, "topic-unknown";
        /// The network's pipeline is being restarted, or the agent shuts down.
        Unavailable = 9, "unavailable";
        /// The overlay refused it for another cause, which the text names.
        Failed = 10, "failed";
    }

    /// Why something was refused.
    RefuseCode: u16 {
        /// The hello's protocol version is not ours.
        Version = 1, "version";
        /// The credential may not claim that role on that network.
        RoleNotGranted = 2, "role-not-granted";
        /// This agent has no such network.
        NetworkUnknown = 3, "network-unknown";
        /// A frame that cannot be read, or that has no place here.
        Malformed = 4, "malformed";
        /// A verdict for a ticket that this session does not hold (never handed to it, or answered before).
        UnknownTicket = 5, "unknown-ticket";
        /// A second verdict for a ticket.
        DuplicateVerdict = 6, "duplicate-verdict";
        /// A verdict after the deadline.
        LateVerdict = 7, "late-verdict";
        /// The frame names another session.
        StaleSession = 8, "stale-session";
        /// More is on its way than the window allows, or an ack for what was never sent.
        CreditOverrun = 9, "credit-overrun";
        /// Too many requests.
        Rate = 10, "rate";
        /// Another session attached under the same consumer name.
        Replaced = 11, "replaced";
        /// The consumer was too slow and its policy is to disconnect.
        TooSlow = 12, "too-slow";
        /// The agent shuts down.
        ShuttingDown = 13, "shutting-down";
        /// Nothing was heard for too long.
        Heartbeat = 14, "heartbeat";
        /// A request was understood and could not be carried out; `about` is its id, the text says why.
        RequestFailed = 15, "request-failed";
        /// A frame before the hello, or a second hello.
        OutOfOrder = 16, "out-of-order";
        /// The agent has no room for another session.
        TooManySessions = 17, "too-many-sessions";
        /// The network has no such group of verifiers.
        GroupUnknown = 18, "group-unknown";
    }

    /// What to do with a high mark (promises 2.3).
    MarkOp: u8 {
        /// Set it if there is none yet.
        Seed = 1, "seed";
        /// Raise it if it is lower.
        Raise = 2, "raise";
        /// Set it, lower or higher, and forget what was seen.
        Reset = 3, "reset";
        /// Forget the epoch altogether; the sequence number is 0.
        Retire = 4, "retire";
    }

    /// What to do with the allow-list.
    AllowOp: u8 {
        /// Only these peers.
        Replace = 1, "replace";
        /// These too.
        Add = 2, "add";
        /// No longer these.
        Remove = 3, "remove";
        /// Everybody; no peer is named.
        Open = 4, "open";
    }
}

impl PublishStatus {
    /// Whether the message is on its way, or was before.
    #[must_use]
    pub fn is_ok(self) -> bool {
        matches!(self, Self::Ok | Self::Duplicate)
    }

    /// Whether the same message cannot pass if it is sent again soon.
    #[must_use]
    pub fn retry_useless(self) -> bool {
        matches!(self, Self::TooLarge | Self::Invalid | Self::QueueFull | Self::NotGranted | Self::TopicUnknown)
    }
}
