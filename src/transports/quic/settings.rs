//! Settings of the QUIC listeners.

use std::collections::HashSet;
use std::net::SocketAddr;

use super::super::settings;
use pmq_protocol::InvalidSetting;

/// Settings of the QUIC listeners.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "listen", derive(serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct QuicSettings {
    /// Where to listen, UDP: `"0.0.0.0:5580"`. None = no QUIC. Both ends prove who they are by their keys and everything is encrypted, so any address
    /// is fine. Parents are let in by grants that name their peer ids.
    pub bind: Vec<SocketAddr>,
    /// Links accepted a second at each address, with a burst of one second's worth (1 to 10,000).
    pub accept_rate: u32,
}

impl Default for QuicSettings {
    fn default() -> Self {
        Self { bind: Vec::new(), accept_rate: 50 }
    }
}

impl QuicSettings {
    /// Checks what can be checked without touching the network.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let mut seen = HashSet::new();
        if let Some(index) = self.bind.iter().position(|address| !seen.insert(address)) {
            return Err(settings::twice(index));
        }
        settings::accept_rate(self.accept_rate)
    }
}
