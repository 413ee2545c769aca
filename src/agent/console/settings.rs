//! `[control]`: where the operator asks.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use pmq_transports::UnixSettings;

/// The socket's name beside the parents' socket.
const NAME: &str = "control.sock";

/// Settings of the control socket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether there is one at all.
    pub enabled: bool,
    /// The socket's file, an absolute path. `None`: `control.sock` in the directory of the parents' socket.
    pub path: Option<PathBuf>,
    /// Clients at a time; one more is answered so and closed.
    pub max_clients: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true, path: None, max_clients: 8 }
    }
}

/// Settings that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Nobody could ask.
    #[error("`max_clients` is 0, so nobody could ask; take at least 1, or enabled = false")]
    NoClients,
    /// The path cannot be a socket's.
    #[error(transparent)]
    Path(#[from] pmq_transports::SettingsError),
}

impl Settings {
    /// Checks what can be checked without touching the disk.
    ///
    /// # Errors
    /// [`SettingsError`], whose text names the key.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.max_clients == 0 {
            return Err(SettingsError::NoClients);
        }
        if let Some(path) = &self.path {
            UnixSettings { path: path.clone(), ..UnixSettings::default() }.check()?;
        }
        Ok(())
    }

    /// Where the socket is, beside the parents' socket `attach` unless it is set.
    #[must_use]
    pub fn place(&self, attach: &Path) -> PathBuf {
        self.path.clone().unwrap_or_else(|| attach.with_file_name(NAME))
    }
}
