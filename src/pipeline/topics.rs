//! Topic names: interned once, claimed by networks.

use std::collections::HashMap;
use std::sync::Arc;

use super::Topic;

/// Gives every topic name its index. Bounded: a name beyond the bound is refused.
#[derive(Debug)]
pub struct Topics {
    by_name: HashMap<Arc<str>, Topic>,
    bound: usize,
}

/// The agent already knows as many topics as its settings allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("topic {name:?} would be one more than the {bound} that `max_topics` allows")]
pub struct TooManyTopics {
    name: String,
    bound: usize,
}

impl Topics {
    /// An empty table for at most `bound` topics.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { by_name: HashMap::new(), bound }
    }

    /// The topic of that name, new or known.
    ///
    /// # Errors
    /// [`TooManyTopics`] when the name is new and the table full.
    pub fn intern(&mut self, name: &str) -> Result<Topic, TooManyTopics> {
        if let Some(topic) = self.by_name.get(name) {
            return Ok(topic.clone());
        }
        if self.by_name.len() >= self.bound {
            return Err(TooManyTopics { name: name.to_owned(), bound: self.bound });
        }
        // The table never shrinks and its bound is far below 2^32.
        let topic = Topic { index: self.by_name.len() as u32, name: name.into() };
        self.by_name.insert(topic.name.clone(), topic.clone());
        Ok(topic)
    }

    /// The topic of that name, if it is known.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }
}

/// The topics that a network claims: names, or patterns in which `*` stands for any run of characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims(pub Vec<String>);

impl Claims {
    /// These, and every topic that is left.
    #[must_use]
    pub fn and_the_rest(mut self) -> Self {
        if !self.0.iter().any(|pattern| pattern == "*") {
            self.0.push("*".to_owned());
        }
        self
    }

    /// Whether `topic` is claimed.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        self.0.iter().any(|pattern| glob(pattern.as_bytes(), topic.as_bytes()))
    }
}

/// Matches with one point of return, so the time is bounded by the product of the lengths.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == text.get(t) {
            p += 1;
            t += 1;
        } else if let Some((star_p, star_t)) = star {
            (p, t) = (star_p + 1, star_t + 1);
            star = Some((star_p, star_t + 1));
        } else {
            return false;
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|&b| b == b'*')
}
