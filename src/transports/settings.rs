//! Settings of the Unix listener.

use std::path::{Path, PathBuf};

use super::address::MAX_PATH;

/// Settings of the Unix listener.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UnixSettings {
    /// The socket's file, an absolute path. Its directory is created with mode 0700 if missing.
    /// Default: `$XDG_RUNTIME_DIR/pmq/agent.sock`, without that variable `/run/pmq/agent.sock`.
    pub path: PathBuf,
    /// Who may connect.
    pub mode: SocketMode,
    /// Links accepted a second, with a burst of one second's worth (1 to 10,000).
    pub accept_rate: u32,
}

/// Permissions of the socket's file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize)]
pub enum SocketMode {
    /// 0600: the agent's own user.
    #[serde(rename = "0600")]
    Owner,
    /// 0660: its group too. The directory must let the group in: create it beforehand with mode 0750.
    #[serde(rename = "0660")]
    Group,
}

impl SocketMode {
    /// The permission bits.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Group => 0o660,
        }
    }
}

impl Default for UnixSettings {
    fn default() -> Self {
        // Never /tmp: whoever comes first owns a name there.
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
        let path = runtime.unwrap_or_else(|| PathBuf::from("/run")).join("pmq/agent.sock");
        Self { path, mode: SocketMode::Owner, accept_rate: 50 }
    }
}

/// A setting of the Unix listener that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The path is relative, or names no file in a directory.
    #[error("path = \"{}\": must be absolute and name a file in a directory of its own, such as /run/pmq/agent.sock", .0.display())]
    Path(PathBuf),
    /// The path does not fit in a socket's address.
    #[error("path = \"{}\" has {} bytes, at most 107 are possible", .0.display(), .0.as_os_str().len())]
    PathTooLong(PathBuf),
    /// Out of range.
    #[error("accept_rate = {0}: must be 1 to 10000 links a second")]
    AcceptRate(u32),
}

impl UnixSettings {
    /// Checks what can be checked without touching the disk.
    ///
    /// # Errors
    /// [`SettingsError`] names the first setting that cannot work.
    pub fn check(&self) -> Result<(), SettingsError> {
        let in_directory = self.path.parent().is_some_and(|dir| dir != Path::new("/"));
        if !self.path.is_absolute() || self.path.file_name().is_none() || !in_directory {
            return Err(SettingsError::Path(self.path.clone()));
        }
        if self.path.as_os_str().len() > MAX_PATH {
            return Err(SettingsError::PathTooLong(self.path.clone()));
        }
        if !(1..=10_000).contains(&self.accept_rate) {
            return Err(SettingsError::AcceptRate(self.accept_rate));
        }
        Ok(())
    }
}
