//! The head of every message, as the agents' codec reads it.

/// Who speaks, and the message's place in its numbering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    /// Who speaks.
    pub(crate) origin: [u8; 32],
    /// The numbering's epoch.
    pub(crate) epoch: u64,
    /// The sequence number.
    pub(crate) seq: u64,
    /// Digest of the content without its signatures.
    pub(crate) tag: u64,
}

impl Head {
    const LEN: usize = 56;

    /// Puts the head in front of a body.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.origin);
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.tag.to_le_bytes());
    }

    /// Takes the head off; `None` when the bytes have none.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = bytes.split_at_checked(Self::LEN)?;
        let (origin, head) = head.split_first_chunk::<32>()?;
        let (epoch, head) = head.split_first_chunk::<8>()?;
        let (seq, head) = head.split_first_chunk::<8>()?;
        let tag = head.first_chunk::<8>()?;
        Some((
            Self { origin: *origin, epoch: u64::from_le_bytes(*epoch), seq: u64::from_le_bytes(*seq), tag: u64::from_le_bytes(*tag) },
            rest,
        ))
    }
}
