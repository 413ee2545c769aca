//! Verdicts and the reasons behind outcomes. The numbers are part of the wire format: never reuse one.

/// What is to become of a message (gossipsub 1.1, "Extended validators").
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Verdict {
    /// Forward and deliver.
    Accept = 1,
    /// Drop; nobody is penalised.
    Ignore = 2,
    /// Drop and penalise whoever sent it.
    Reject = 3,
}

impl Verdict {
    /// All verdicts, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Accept, Self::Ignore, Self::Reject];

    /// Reads the number used on the wire.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|v| *v as u8 == code)
    }

    /// Name in metrics, logs and files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Ignore => "ignore",
            Self::Reject => "reject",
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal, $blame:literal;)*) => {
        /// Why a message ended as it did.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Reason { $($(#[$doc])* $name = $code,)* }

        impl Reason {
            /// All reasons, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Reads the number used on the wire.
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// Name in metrics, logs and files.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether the sender can answer for it. Only such a reason may stand behind a Reject.
            #[must_use]
            pub fn sender_at_fault(self) -> bool {
                match self { $(Self::$name => $blame,)* }
            }
        }
    };
}

reasons! {
    /// The parent's own verdict.
    Verified = 1, "verified", true;
    /// Published by this agent's own parent.
    Own = 2, "own", false;
    /// A stage of the library's user decided.
    Stage = 3, "stage", true;
    /// No network of this agent claims the topic.
    TopicUnknown = 10, "topic-unknown", false;
    /// Larger than the network allows.
    TooLarge = 11, "too-large", true;
    /// The peer's message rate.
    RatePeer = 12, "rate-peer", false;
    /// The peer's byte rate.
    RatePeerBytes = 13, "rate-peer-bytes", false;
    /// The origin's message rate.
    RateOrigin = 14, "rate-origin", false;
    /// The origin's byte rate.
    RateOriginBytes = 15, "rate-origin-bytes", false;
    /// Too many of this peer's messages are in flight.
    QuotaPeer = 16, "quota-peer", false;
    /// Too many of this origin's messages are in flight.
    QuotaOrigin = 17, "quota-origin", false;
    /// Too many messages are in flight in all.
    QuotaTotal = 18, "quota-total", false;
    /// The codec could not read it.
    Malformed = 20, "malformed", true;
    /// Already accepted, with the same content.
    Duplicate = 30, "duplicate", false;
    /// Already accepted, with another content (equivocation).
    Conflict = 31, "conflict", false;
    /// Older than the skip threshold.
    Stale = 32, "stale", false;
    /// Older than the validity threshold.
    Expired = 33, "expired", true;
    /// Overtaken while the parent was thinking.
    Late = 34, "late", false;
    /// No verifier was attached by the deadline.
    NoVerifier = 40, "no-verifier", false;
    /// The validation queue was full.
    QueueFull = 41, "queue-full", false;
    /// A verifier had it and did not answer by the deadline.
    Timeout = 42, "timeout", false;
    /// The parent paused verification.
    Paused = 43, "paused", false;
    /// The verifier that had it went away and no other one came in time.
    VerifierLost = 44, "verifier-lost", false;
    /// Verifiers contradict each other: one group accepted it, a later one rejected it.
    VerifierConflict = 45, "verifier-conflict", false;
    /// The agent was shutting down.
    Shutdown = 50, "shutdown", false;
    /// The network's pipeline failed and was restarted.
    Fault = 51, "fault", false;
}

impl Reason {
    /// Whether a message that ended so was lost to our own consumers without anybody's fault but ours: such losses are reported to them.
    /// Our limits are among the causes: whoever relays a message cannot answer for a rate or quota that was spent.
    #[must_use]
    pub fn lost_by_us(self) -> bool {
        matches!(
            self,
            Self::RatePeer
                | Self::RatePeerBytes
                | Self::RateOrigin
                | Self::RateOriginBytes
                | Self::QuotaPeer
                | Self::QuotaOrigin
                | Self::QuotaTotal
                | Self::Late
                | Self::NoVerifier
                | Self::QueueFull
                | Self::Timeout
                | Self::Paused
                | Self::VerifierLost
                | Self::Shutdown
                | Self::Fault
        )
    }
}
