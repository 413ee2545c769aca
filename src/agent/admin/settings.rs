//! `[control]`: where the operator asks.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use pmq_protocol::InvalidSetting;
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

impl Settings {
    /// Checks what can be checked without touching the disk.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        if self.max_clients == 0 {
            return Err(InvalidSetting::new("max_clients", "nobody could ask", "take at least 1, or enabled = false").value(0));
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
