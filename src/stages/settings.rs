//! What every stage's settings have in common.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use pmq_pipeline::{Claims, Part};
use pmq_protocol::InvalidSetting;

/// What a stage's settings may need to know about the network that they belong to.
#[derive(Debug, Clone)]
pub struct NetworkContext {
    /// The network's name, for logs and as a label of metrics.
    pub name: Arc<str>,
    /// The topics that it claims.
    pub claims: Claims,
    /// Largest message that it allows, in bytes.
    pub max_message: usize,
    /// Most topics that the agent knows at a time (the bound of [`Topics`](pmq_pipeline::Topics)).
    pub max_topics: usize,
}

impl NetworkContext {
    /// Most topics on which this network can have messages, for estimates of memory.
    #[must_use]
    pub fn topics_at_most(&self) -> usize {
        let named = !self.claims.0.iter().any(|claim| claim.contains('*'));
        if named { self.claims.0.len().min(self.max_topics) } else { self.max_topics }
    }
}

/// Settings under a name of their own in a network's list of stages: what one line in the [`Registry`](super::Registry) needs.
pub trait StageSettings: DeserializeOwned {
    /// Checks the settings and makes the part that they describe.
    ///
    /// # Errors
    /// [`InvalidSetting`] for values that make no sense.
    fn into_part(self, network: &NetworkContext) -> Result<Part, InvalidSetting>;
}
