//! `[agent]`.

use std::time::Duration;

use serde::Deserialize;

use pmq_protocol::{InvalidSetting, setting};

/// How the agent runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Agent {
    /// Threads that share roads and links, and the swarm if it is not apart. With 1 no thread has to be woken between them, which is fastest on few cores.
    pub threads: usize,
    /// Where the swarm and its connections run.
    pub placement: Placement,
    /// Topics that the agent knows at most, over all networks and for its whole life.
    pub max_topics: usize,
    /// From SIGTERM to exit at most: draining, flushing, leaving.
    #[serde(with = "humantime_serde")]
    pub shutdown_within: Duration,
}

/// Where the swarm and its connections run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// On the threads of roads and links: an idle message wakes nobody on its way through the agent.
    Together,
    /// On a thread of its own: roads and links no longer wait for the swarm's turns. Worth it where more cores are free than agents and parents need.
    Apart,
}

impl Default for Agent {
    fn default() -> Self {
        Self { threads: 1, placement: Placement::Together, max_topics: 1024, shutdown_within: Duration::from_secs(10) }
    }
}

impl Agent {
    /// Checks what one value alone cannot tell.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        if !(1..=1024).contains(&self.threads) {
            return Err(InvalidSetting::range("threads", self.threads, "take 1 to 1024"));
        }
        if !(1..=1_000_000).contains(&self.max_topics) {
            return Err(InvalidSetting::range("max_topics", self.max_topics, "take 1 to 1000000"));
        }
        setting::durations([("shutdown_within", self.shutdown_within)])?;
        if self.shutdown_within < Duration::from_secs(2) {
            let what = "it leaves no time to drain and to say goodbye";
            return Err(InvalidSetting::new("shutdown_within", what, "take at least 2s").value(format!("{:?}", self.shutdown_within)));
        }
        Ok(())
    }
}
