#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod fields;
mod keys;
mod mistakes;
mod precedence;
mod reference;
mod shipped;
mod start;
mod warnings;

use std::path::{Path, PathBuf};

use super::{Config, ConfigError, Request, load};

/// A directory with an agent's file and the networks' files.
pub(super) struct Files {
    pub dir: tempfile::TempDir,
}

/// A network that works.
pub(super) const NETWORK: &str = r#"version = 1
name = "weather"
topics = ["weather.*"]

[[stage]]
use = "validation-queue"

[[stage]]
use = "delivery"
"#;

/// An agent that works.
pub(super) const AGENT: &str = "version = 1\nnetworks = [\"weather.toml\"]\n";

impl Files {
    pub(super) fn new(agent: &str, networks: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("pmq.toml"), agent).unwrap();
        for (name, text) in networks {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        Self { dir }
    }

    pub(super) fn agent(&self) -> PathBuf {
        self.dir.path().join("pmq.toml")
    }

    pub(super) fn load(&self, environment: &[(&str, &str)], flags: &[&str]) -> Result<Config, ConfigError> {
        load(&request(&self.agent(), environment, flags))
    }
}

pub(super) fn request(file: &Path, environment: &[(&str, &str)], flags: &[&str]) -> Request {
    Request {
        file: Some(file.to_owned()),
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        environment: environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        ..Request::default()
    }
}
