//! Where a run keeps its sockets, keys and logs.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// A directory of this run's own, for this user alone. Removed when this is dropped.
#[derive(Debug)]
pub(crate) struct WorkDir(PathBuf);

impl WorkDir {
    /// A new one; `name` is the benchmark's.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn new(name: &str) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("pmq-{name}-{}-{:08x}", std::process::id(), rand::random::<u32>()));
        private(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the benchmark's directory stays behind");
        }
    }
}

/// Makes a directory for this user alone.
///
/// # Errors
/// When it cannot be made, or is there.
pub(crate) fn private(path: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(path).with_context(|| format!("cannot create {}", path.display()))
}
