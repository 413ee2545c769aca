//! The content tag: 64 bits that tell an equivocation from a duplicate.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Digests a message's content into its tag.
///
/// SipHash-1-3 under a key drawn at random when the codec is made. The tag never leaves the process and is never stored, so a keyed
/// function serves: whoever wants two contents with one tag (to pass an equivocation off as a duplicate) would have to know the key, and no
/// answer on the network depends on it. A plain digest cut to 64 bits costs several times as much and can be collided at leisure.
#[derive(Debug, Clone, Default)]
pub struct ContentTag {
    key: RandomState,
}

impl ContentTag {
    /// With a key of its own. Tags of different keys do not compare: keep one for the codec's life.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tag of some content.
    #[must_use]
    pub fn of(&self, content: &[u8]) -> u64 {
        self.of_parts([content])
    }

    /// The tag of content that lies in pieces: where it is cut makes no difference.
    #[must_use]
    pub fn of_parts<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
        let mut hasher = self.key.build_hasher();
        parts.into_iter().for_each(|part| hasher.write(part));
        hasher.finish()
    }
}
