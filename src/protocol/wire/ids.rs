//! Names of things that cross the attach boundary.

use std::fmt;

/// Longest message id that can be carried, in bytes (sha256 as hex, the Go predecessor's longest choice).
pub const MAX_ID: usize = 64;

/// A message id as the overlay computes it: up to [`MAX_ID`] opaque bytes, held inline.
///
/// The bytes are those that travel in IHAVE and IWANT (gossipsub 1.0, "Message id").
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId {
    len: u8,
    bytes: [u8; MAX_ID],
}

/// The id was longer than [`MAX_ID`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("message id of {0} bytes, at most {MAX_ID} are allowed; choose a shorter message id function")]
pub struct IdTooLong(pub usize);

impl MessageId {
    /// The id of no message.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; MAX_ID] };

    /// Wraps `bytes`.
    ///
    /// # Errors
    /// [`IdTooLong`] above [`MAX_ID`] bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, IdTooLong> {
        let mut inline = [0; MAX_ID];
        let Some(room) = inline.get_mut(..bytes.len()) else {
            return Err(IdTooLong(bytes.len()));
        };
        room.copy_from_slice(bytes);
        // MAX_ID fits in a byte.
        Ok(Self { len: bytes.len() as u8, bytes: inline })
    }

    /// The id's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Printable ids (the Go predecessor's are ASCII hex) are shown as they are, others as hex.
impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.as_bytes();
        if !bytes.is_empty() && bytes.iter().all(u8::is_ascii_alphanumeric) {
            return f.write_str(&String::from_utf8_lossy(bytes));
        }
        bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

/// Names one message whose verdict is pending; a verdict carries it back instead of the message.
///
/// A slot of the ticket table and that slot's generation, so that a ticket is never mistaken for the slot's next owner.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Ticket(pub u64);

impl Ticket {
    /// Packs a slot and its generation.
    #[must_use]
    pub fn new(slot: u32, generation: u32) -> Self {
        Self(u64::from(generation) << 32 | u64::from(slot))
    }

    /// The slot in the ticket table.
    #[must_use]
    pub fn slot(self) -> u32 {
        self.0 as u32
    }

    /// The slot's generation.
    #[must_use]
    pub fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// One attach session: drawn at random by the agent for every accepted hello, so that a restart can be told from a loss.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SessionId(pub u64);

/// Where a consumer stands: the delivery stream that it read and the last counter that it has processed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Cursor {
    /// The delivery stream; a new one after every restart of the agent's pipeline. 0 = none yet.
    pub stream: u64,
    /// The last record processed; 0 = none.
    pub counter: u64,
}
