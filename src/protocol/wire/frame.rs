//! The frame: a prefix of fixed size, one archive of headers, the names, the payloads.
//!
//! ```text
//! 0        4      5       6        8              12            16               20           28
//! | "PMQ1" | kind | flags | count | archive bytes | names bytes | payloads bytes | session id | archive | names | payloads
//! ```
//! All integers are little-endian. `count` is the number of headers in the archive. `docs/wire.md` gives every offset.

use bytes::Bytes;

use super::SessionId;

/// Bytes of the prefix.
pub const PREFIX: usize = 28;

/// The protocol's version, in the first two bytes of every hello's and welcome's first head.
pub const VERSION: u16 = 1;

/// First bytes of every frame. The digit is the framing's version, which changes only if the prefix does.
pub(super) const MAGIC: [u8; 4] = *b"PMQ1";

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// What a frame is.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Kind { $($(#[$doc])* $name = $code,)* }

        impl Kind {
            /// All kinds, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Reads the number used on the wire.
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// Parent: who I am, what I want.
    Hello = 1;
    /// Agent: granted.
    Welcome = 2;
    /// Agent: messages for a verdict.
    Validate = 3;
    /// Parent: verdicts.
    Verdict = 4;
    /// Agent: accepted messages.
    Deliver = 5;
    /// Agent: records that were dropped.
    Gap = 6;
    /// Agent: messages that never had a verdict.
    Unverified = 7;
    /// Parent: processed up to a counter.
    Ack = 8;
    /// Parent: a new window.
    Credit = 9;
    /// Parent: send this.
    Publish = 10;
    /// Agent: what became of a publish.
    Published = 11;
    /// Parent: join a topic.
    Subscribe = 12;
    /// Parent: leave a topic.
    Unsubscribe = 13;
    /// Parent: the window's thresholds.
    Thresholds = 14;
    /// Parent: move a high mark.
    Mark = 15;
    /// Parent: who may be connected.
    AllowList = 16;
    /// Parent: no further messages to verify for now.
    Pause = 17;
    /// Parent: go on.
    Resume = 18;
    /// Either: are you there.
    Ping = 19;
    /// Either: yes.
    Pong = 20;
    /// Either: no, and why.
    Refuse = 21;
    /// Agent: a request was carried out.
    Done = 22;
}

/// The fixed head of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefix {
    /// What it is.
    pub kind: Kind,
    /// Headers in the archive.
    pub count: u16,
    /// Bytes of the archive.
    pub archive: u32,
    /// Bytes of the names (topics, ids, texts) behind it.
    pub names: u32,
    /// Bytes of the payloads behind the names.
    pub payloads: u32,
    /// The session; 0 in a hello.
    pub session: SessionId,
}

/// The most that is accepted, checked before anything is allocated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Archive and names together, in bytes.
    pub head: usize,
    /// Payloads of one frame, in bytes.
    pub payloads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: 256 * 1024, payloads: 16 * 1024 * 1024 }
    }
}

/// Bytes that are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Not our protocol.
    #[error("the frame starts with {0:02x?}, not with \"PMQ1\": is the other end a PMQ peer?")]
    Magic([u8; 4]),
    /// A kind that this version does not know.
    #[error("unknown frame kind {0}")]
    Kind(u8),
    /// Flags are reserved.
    #[error("frame flags {0:#04x}, must be 0 in this version")]
    Flags(u8),
    /// Longer than allowed.
    #[error("{part} of {bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Which part.
        part: &'static str,
        /// As announced.
        bytes: u64,
        /// As allowed.
        limit: usize,
    },
    /// The bytes end early.
    #[error("the frame ends after {have} of {need} bytes")]
    Truncated {
        /// Bytes there.
        have: usize,
        /// Bytes announced.
        need: usize,
    },
    /// A hello of another version of the protocol.
    #[error("protocol version {theirs}, this end speaks version {VERSION}: update the older of the two")]
    Version {
        /// The version in the hello.
        theirs: u16,
    },
    /// What came in protobuf's place of a frame.
    #[error("not the protobuf of a frame: {0}")]
    Protobuf(String),
    /// The archive does not hold what the prefix says.
    #[error("bad {kind:?} frame: {what}")]
    Content {
        /// The frame's kind.
        kind: Kind,
        /// What is wrong.
        what: String,
    },
}

impl Prefix {
    /// Reads a prefix.
    ///
    /// # Errors
    /// [`FrameError`] for foreign bytes, unknown kinds and lengths beyond `limits`.
    pub fn read(bytes: &[u8; PREFIX], limits: Limits) -> Result<Self, FrameError> {
        let [m0, m1, m2, m3, kind, flags, c0, c1, rest @ ..] = *bytes;
        let magic = [m0, m1, m2, m3];
        if magic != MAGIC {
            return Err(FrameError::Magic(magic));
        }
        if flags != 0 {
            return Err(FrameError::Flags(flags));
        }
        let [a0, a1, a2, a3, n0, n1, n2, n3, p0, p1, p2, p3, session @ ..] = rest;
        let prefix = Self {
            kind: Kind::from_code(kind).ok_or(FrameError::Kind(kind))?,
            count: u16::from_le_bytes([c0, c1]),
            archive: u32::from_le_bytes([a0, a1, a2, a3]),
            names: u32::from_le_bytes([n0, n1, n2, n3]),
            payloads: u32::from_le_bytes([p0, p1, p2, p3]),
            session: SessionId(u64::from_le_bytes(session)),
        };
        let head = u64::from(prefix.archive) + u64::from(prefix.names);
        if head > limits.head as u64 {
            return Err(FrameError::TooLarge { part: "headers", bytes: head, limit: limits.head });
        }
        if u64::from(prefix.payloads) > limits.payloads as u64 {
            return Err(FrameError::TooLarge { part: "payloads", bytes: prefix.payloads.into(), limit: limits.payloads });
        }
        Ok(prefix)
    }

    /// The bytes of the prefix.
    #[must_use]
    pub fn write(&self) -> [u8; PREFIX] {
        let mut out = [0; PREFIX];
        out[..4].copy_from_slice(&MAGIC);
        out[4] = self.kind as u8;
        out[6..8].copy_from_slice(&self.count.to_le_bytes());
        out[8..12].copy_from_slice(&self.archive.to_le_bytes());
        out[12..16].copy_from_slice(&self.names.to_le_bytes());
        out[16..20].copy_from_slice(&self.payloads.to_le_bytes());
        out[20..].copy_from_slice(&self.session.0.to_le_bytes());
        out
    }

    /// Archive and names, in bytes.
    #[must_use]
    pub fn head_len(&self) -> usize {
        // Both were checked against the limits when read, and are lengths of buffers when written.
        self.archive as usize + self.names as usize
    }

    /// The whole frame, in bytes. Cannot overflow: every part was a buffer in memory, or was checked against limits.
    #[must_use]
    pub fn frame_len(&self) -> usize {
        PREFIX + self.head_len() + self.payloads as usize
    }
}

/// A frame in memory: the same type coming and going, so that the memory transport hands it over as it is.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its fixed head.
    pub prefix: Prefix,
    /// Archive and names, [`Prefix::head_len`] bytes.
    pub head: Bytes,
    /// Payloads, in all [`Prefix::payloads`] bytes: one slice a message when sent, one contiguous slice when read from a stream.
    pub payloads: Vec<Bytes>,
}
