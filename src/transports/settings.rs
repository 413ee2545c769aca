//! Settings of the Unix listener.

use std::path::{Path, PathBuf};

use super::address::MAX_PATH;
use pmq_protocol::InvalidSetting;

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

impl UnixSettings {
    /// Checks what can be checked without touching the disk.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let path = || format!("{:?}", self.path);
        let in_directory = self.path.parent().is_some_and(|dir| dir != Path::new("/"));
        if !self.path.is_absolute() || self.path.file_name().is_none() || !in_directory {
            let help = "must be absolute and name a file in a directory of its own, such as /run/pmq/agent.sock";
            return Err(InvalidSetting::range("path", path(), help));
        }
        if self.path.as_os_str().len() > MAX_PATH {
            let what = format!("it has {} bytes, and a socket's path at most {MAX_PATH}", self.path.as_os_str().len());
            return Err(InvalidSetting::new("path", what, "choose a shorter one").value(path()));
        }
        accept_rate(self.accept_rate)
    }
}

/// Checks a listener's `accept_rate`.
pub(super) fn accept_rate(rate: u32) -> Result<(), InvalidSetting> {
    match rate {
        1..=10_000 => Ok(()),
        _ => Err(InvalidSetting::range("accept_rate", rate, "take 1 to 10000 links a second")),
    }
}

/// The complaint about an address that stands in `bind` twice.
pub(super) fn twice(index: usize) -> InvalidSetting {
    InvalidSetting::new("bind", "it is there twice", "delete one of them").item(index)
}
