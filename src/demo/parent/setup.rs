//! What a parent process is told: one JSON file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::oracle::{Ages, Network, Node};

/// What the process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    /// A member of a network.
    Member,
    /// Sends invalid reports.
    Dishonest,
    /// Writes down what it gets, and accepts nothing.
    Witness,
}

/// Everything that a parent process knows at its start. Of keys, only where its own is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Name in output.
    pub(crate) name: String,
    /// What it is there for.
    pub(crate) part: Part,
    /// Its network.
    pub(crate) network: Option<Network>,
    /// Its number within the network.
    pub(crate) node: Node,
    /// Networks whose reports it reads.
    pub(crate) networks: Vec<Network>,
    /// Nodes per network.
    pub(crate) nodes: Node,
    /// Where its agent is.
    pub(crate) attach: String,
    /// The file with the token that its agent asks for.
    pub(crate) token: Option<PathBuf>,
    /// The file with the key by which its agent knows it, where it goes by keys.
    pub(crate) identity: Option<PathBuf>,
    /// Its private key; members alone have one.
    pub(crate) key: Option<PathBuf>,
    /// Everybody's public keys.
    pub(crate) roster: PathBuf,
    /// Where it writes down what happens.
    pub(crate) facts: PathBuf,
    /// Observations; else those in the program.
    pub(crate) input: Option<PathBuf>,
    /// The run's seed.
    pub(crate) seed: u64,
    /// Rounds per second.
    pub(crate) rate: f64,
    /// How long rounds go on, in seconds.
    pub(crate) seconds: f64,
    /// The numbering's epoch.
    pub(crate) epoch: u64,
    /// The window's thresholds for reports.
    pub(crate) ages: Ages,
}

impl Setup {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no setup of a demo's parent", path.display()))
    }
}
