//! What a parent wants of a network.

use pmq_protocol::wire::{Cursor, Overflow, Window};

/// How a network's messages are to be offered for verdicts.
///
/// ```
/// use pmq_client::{VerifyOptions, Window};
///
/// let few_at_a_time = VerifyOptions { window: Window { messages: 16, bytes: 1 << 20 }, ..VerifyOptions::default() };
/// assert!(few_at_a_time.window.messages < VerifyOptions::default().window.messages);
/// let second_of_a_chain = VerifyOptions::in_group("content");
/// let canary = VerifyOptions::shadow();
/// assert!(canary.shadow && !second_of_a_chain.shadow);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyOptions {
    /// How much may be offered without a verdict yet. Bounds the client's queue. Default: 1,024 messages, 16 MiB.
    pub window: Window,
    /// The group of verifiers to join, where the network's file names some; empty = the first one. No group for a shadow.
    pub group: String,
    /// Only look on: the same messages as a verifier, verdicts without effect. The agent counts where they differ from the outcome.
    pub shadow: bool,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { window: Window { messages: 1024, bytes: 16 * 1024 * 1024 }, group: String::new(), shadow: false }
    }
}

impl VerifyOptions {
    /// The defaults, in a group of verifiers.
    #[must_use]
    pub fn in_group(group: impl Into<String>) -> Self {
        Self { group: group.into(), ..Self::default() }
    }

    /// The defaults, as a shadow.
    #[must_use]
    pub fn shadow() -> Self {
        Self { shadow: true, ..Self::default() }
    }
}

/// How a network's accepted messages are to be delivered.
///
/// ```
/// use pmq_client::{ConsumeOptions, Cursor, Overflow};
///
/// let options = ConsumeOptions { policy: Some(Overflow::DropOldest), ..ConsumeOptions::named("archive") };
/// assert_eq!(options.cursor, Cursor::default());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumeOptions {
    /// A name under which the agent remembers this consumer's place for a later process of the same user; empty = only a cursor brings it
    /// back. Within one process the client resumes by itself either way.
    pub name: String,
    /// Where to go on, as [`Consumer::cursor`](super::Consumer::cursor) told an earlier process. Default: wherever the agent stands.
    pub cursor: Cursor,
    /// How much may be delivered without an ack yet. Bounds the client's queue. Default: 1,024 records, 16 MiB.
    pub window: Window,
    /// What happens when this consumer is slow; `None` = as the agent's configuration says.
    pub policy: Option<Overflow>,
}

impl Default for ConsumeOptions {
    fn default() -> Self {
        Self { name: String::new(), cursor: Cursor::default(), window: VerifyOptions::default().window, policy: None }
    }
}

impl ConsumeOptions {
    /// The defaults, under a name that outlives the link.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}
