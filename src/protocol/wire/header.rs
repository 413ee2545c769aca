//! The header that the codec `pmq` reads: a parent writes it in front of what it publishes.
//!
//! ```text
//! 0       3         4       5            8       16      24          28       48 or 60
//! | "PMQ" | version | flags | reserved 0 | epoch | seq   | content   | origin | content bytes | signatures up to the end
//! | 3     | u8 = 1  | u8    | 3          | u64   | u64   | u32       | 20/32  |
//! ```
//! All integers are little-endian. Flag bit 0: the origin has 32 bytes, not 20; all other flags are reserved and 0.
//! `content` is the number of bytes behind the header that make up the content; what follows them are signatures, which the content tag
//! leaves out.

/// First bytes.
const MAGIC: [u8; 3] = *b"PMQ";
/// The version written and read.
const VERSION: u8 = 1;
/// The origin has 32 bytes.
const LONG: u8 = 1;
/// Where the origin starts.
const ORIGIN: usize = 28;

/// Longest header, in bytes.
pub const MAX_HEADER: usize = ORIGIN + 32;

/// Who made a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HeaderOrigin {
    /// An address.
    Short([u8; 20]),
    /// A public key or its digest.
    Long([u8; 32]),
}

impl HeaderOrigin {
    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(bytes) => bytes,
            Self::Long(bytes) => bytes,
        }
    }
}

/// The header of one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PmqHeader {
    /// Who made it.
    pub origin: HeaderOrigin,
    /// The numbering's epoch; 0 if it never restarts.
    pub epoch: u64,
    /// The sequence number within the epoch.
    pub seq: u64,
    /// Bytes behind the header that are content; the rest are signatures.
    pub content: u32,
}

/// Bytes that are no such header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The payload ends early.
    #[error("{have} bytes, header and content need {need}")]
    Short {
        /// Bytes there.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// Another format.
    #[error("the payload does not start with \"PMQ\"")]
    Magic,
    /// A version that is not known here.
    #[error("header version {0}, this build reads {VERSION}")]
    Version(u8),
    /// Reserved bits must be 0.
    #[error("reserved bits of the header are set")]
    Reserved,
}

impl PmqHeader {
    /// Bytes that it takes: 48 or 60.
    #[must_use]
    pub fn len(&self) -> usize {
        ORIGIN + self.origin.as_bytes().len()
    }

    /// Never: a header has bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Appends it to `out`; append the content next, then the signatures.
    pub fn write(&self, out: &mut Vec<u8>) {
        let flags = match self.origin {
            HeaderOrigin::Short(_) => 0,
            HeaderOrigin::Long(_) => LONG,
        };
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, flags, 0, 0, 0]);
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.content.to_le_bytes());
        out.extend_from_slice(self.origin.as_bytes());
    }

    /// Reads a payload: its header, its content, its signatures.
    ///
    /// # Errors
    /// [`HeaderError`] for anything that [`PmqHeader::write`] and a content of the announced length do not make.
    pub fn split(payload: &[u8]) -> Result<(Self, &[u8], &[u8]), HeaderError> {
        let have = payload.len();
        let Some((fixed, rest)) = payload.split_first_chunk::<ORIGIN>() else {
            return Err(HeaderError::Short { have, need: ORIGIN + 20 });
        };
        let [m0, m1, m2, version, flags, r0, r1, r2, numbers @ ..] = *fixed;
        if [m0, m1, m2] != MAGIC {
            return Err(HeaderError::Magic);
        }
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        if flags & !LONG != 0 || [r0, r1, r2] != [0; 3] {
            return Err(HeaderError::Reserved);
        }
        let [e0, e1, e2, e3, e4, e5, e6, e7, s0, s1, s2, s3, s4, s5, s6, s7, content @ ..] = numbers;
        let (origin, rest) = if flags & LONG == 0 {
            let (origin, rest) = rest.split_first_chunk().ok_or(HeaderError::Short { have, need: ORIGIN + 20 })?;
            (HeaderOrigin::Short(*origin), rest)
        } else {
            let (origin, rest) = rest.split_first_chunk().ok_or(HeaderError::Short { have, need: MAX_HEADER })?;
            (HeaderOrigin::Long(*origin), rest)
        };
        let header = Self {
            origin,
            epoch: u64::from_le_bytes([e0, e1, e2, e3, e4, e5, e6, e7]),
            seq: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
            content: u32::from_le_bytes(content),
        };
        let need = header.len().saturating_add(header.content as usize);
        let (content, signatures) = rest.split_at_checked(header.content as usize).ok_or(HeaderError::Short { have, need })?;
        Ok((header, content, signatures))
    }
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
