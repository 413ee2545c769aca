//! What a topic's name may be, wherever one is given: in files, by parents, by operators and by neighbours.

/// Longest name of a topic, in bytes. The shortest has one byte: in frames no name means the topic before, or all topics.
pub const MAX_TOPIC: usize = 1024;

/// A topic's name that is empty or longer than [`MAX_TOPIC`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a topic's name has 1 to {MAX_TOPIC} bytes, this one has {bytes}")]
pub struct TopicLength {
    /// Its length.
    pub bytes: usize,
}

/// Checks the length of a topic's name.
///
/// # Errors
/// [`TopicLength`], which does not repeat the name: it may be endless.
pub fn check_topic(name: &str) -> Result<(), TopicLength> {
    match name.len() {
        1..=MAX_TOPIC => Ok(()),
        bytes => Err(TopicLength { bytes }),
    }
}
