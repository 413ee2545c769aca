//! `[ops]`: where the operator looks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use pmq_protocol::{InvalidSetting, setting};

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

impl Settings {
    /// Checks what one value alone cannot tell.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        if !self.listen.ip().is_loopback() && !self.expose {
            let what = "it can be reached from other machines, without any authentication";
            return Err(InvalidSetting::new("listen", what, "take a loopback address or set expose = true").value(self.listen));
        }
        if self.max_connections == 0 {
            return Err(InvalidSetting::new("max_connections", "nobody could ask", "take at least 1, or enabled = false").value(0));
        }
        // Above it the system has no descriptors left, and far above it no counter of them.
        setting::at_most([("max_connections", self.max_connections as u64, 65_536)])?;
        setting::durations([("stalled_after", self.stalled_after)])?;
        if self.stalled_after < Duration::from_secs(1) {
            let what = "it is shorter than the main loop's beat";
            return Err(InvalidSetting::new("stalled_after", what, "take at least 1s").value(format!("{:?}", self.stalled_after)));
        }
        Ok(())
    }
}
