//! The secret that a parent shows over TCP, where the system does not say who is there.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::{LinkError, secret};

/// Bytes of a token: too short ones can be guessed, and a message has a bound.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=255;

/// The secret that a parent shows over TCP: 16 to 255 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Arc<[u8]>);

impl Token {
    /// Takes a secret.
    ///
    /// # Errors
    /// [`LinkError::Token`] if it has less than 16 bytes or more than 255.
    pub fn new(secret: &[u8]) -> Result<Self, LinkError> {
        if !LENGTHS.contains(&secret.len()) {
            return Err(LinkError::Token {
                what: format!("it has {} bytes; take 16 to 255, such as `openssl rand -hex 32`", secret.len()),
            });
        }
        Ok(Self(secret.into()))
    }

    /// Reads a file that belongs to this process's user and that nobody else can read (0600). White space around the secret is left out.
    ///
    /// # Errors
    /// [`LinkError::Token`] for a file of others, one that others can read, a symlink or a secret of another length;
    /// [`LinkError::Io`] for one that cannot be read.
    pub fn from_file(path: &Path) -> Result<Self, LinkError> {
        let shown = path.display();
        // White space included; whatever is longer is no token.
        let secret = secret::read(path, "token file", 1024, |what| LinkError::Token { what })?;
        Self::new(secret.trim_ascii()).map_err(|error| match error {
            LinkError::Token { what } => LinkError::Token { what: format!("{shown} holds no token: {what}") },
            other => other,
        })
    }

    #[cfg(any(feature = "zeromq", feature = "grpc"))]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
