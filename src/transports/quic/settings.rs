//! Settings of the QUIC listeners.

use std::collections::HashSet;
use std::net::SocketAddr;

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

/// A setting of the QUIC listeners that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuicError {
    /// Twice the same.
    #[error("`bind.{0}` is there twice; delete one of them")]
    Twice(usize),
    /// Out of range.
    #[error("`accept_rate` is {0}; take 1 to 10000 links a second")]
    AcceptRate(u32),
}

impl QuicSettings {
    /// Checks what can be checked without touching the network.
    ///
    /// # Errors
    /// [`QuicError`] names the first setting that cannot work.
    pub fn check(&self) -> Result<(), QuicError> {
        let mut seen = HashSet::new();
        if let Some(index) = self.bind.iter().position(|address| !seen.insert(address)) {
            return Err(QuicError::Twice(index));
        }
        if !(1..=10_000).contains(&self.accept_rate) {
            return Err(QuicError::AcceptRate(self.accept_rate));
        }
        Ok(())
    }
}
