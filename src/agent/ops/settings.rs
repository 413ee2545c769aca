//! `[ops]`: where the operator looks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

/// Settings of the operator's HTTP address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether there is one at all.
    pub enabled: bool,
    /// Address and port. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Allows an address beyond loopback. There is neither encryption nor authentication.
    pub expose: bool,
    /// Connections at a time; further ones wait to be accepted.
    pub max_connections: usize,
    /// Without a beat of the main loop for this long, `/livez` says 503.
    #[serde(with = "humantime_serde")]
    pub stalled_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464),
            expose: false,
            max_connections: 32,
            stalled_after: Duration::from_secs(10),
        }
    }
}

/// Settings that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Beyond loopback without saying so.
    #[error("`listen` {0} can be reached from other machines without any authentication; take a loopback address or set expose = true")]
    Exposed(SocketAddr),
    /// Nobody could connect.
    #[error("`max_connections` is 0, so nobody could ask; take at least 1, or enabled = false")]
    NoConnections,
    /// Always stalled.
    #[error("`stalled_after` {0:?} is shorter than the main loop's beat; take at least 1s")]
    Stalled(Duration),
}

impl Settings {
    /// Checks what one value alone cannot tell.
    ///
    /// # Errors
    /// [`SettingsError`], whose text names the key in backticks.
    pub fn check(&self) -> Result<(), SettingsError> {
        if !self.listen.ip().is_loopback() && !self.expose {
            return Err(SettingsError::Exposed(self.listen));
        }
        if self.max_connections == 0 {
            return Err(SettingsError::NoConnections);
        }
        if self.stalled_after < Duration::from_secs(1) {
            return Err(SettingsError::Stalled(self.stalled_after));
        }
        Ok(())
    }
}
