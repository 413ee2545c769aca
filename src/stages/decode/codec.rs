//! The face of a codec.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::InvalidSetting;
use pmq_pipeline::Header;

/// Reads a message's header out of its payload. Pure: no IO, no state that a message changes.
pub trait Codec: Send + Sync + std::fmt::Debug {
    /// The header of a message; `None` where the format has none.
    ///
    /// A message without a header passes the stages that judge headers unjudged.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not of the format; the sender is penalised for them.
    fn read(&self, topic: &str, payload: &[u8]) -> Result<Option<Header>, Malformed>;

    /// Whether messages get a header at all; what needs one cannot stand behind a codec that says no.
    fn reads_header(&self) -> bool {
        true
    }
}

/// Bytes that are not of the codec's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The payload ends before a field does.
    #[error("{have} bytes, the codec needs at least {need}")]
    Short {
        /// Bytes there.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// Something else, in the codec's words.
    #[error("{0}")]
    Content(&'static str),
}

/// A codec's settings: what one line in [`Codecs`](super::Codecs) needs.
pub trait CodecSettings: DeserializeOwned {
    /// Checks the settings and makes the codec.
    ///
    /// # Errors
    /// [`InvalidSetting`] for values that make no sense.
    fn into_codec(self) -> Result<Arc<dyn Codec>, InvalidSetting>;
}
