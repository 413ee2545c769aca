//! Codecs by the names that a network's file gives them.

use std::collections::BTreeMap;
use std::fmt;

use toml::Spanned;
use toml::de::DeValue;

use super::{CodecSettings, FixedSettings, JsonSettings, PmqSettings, ProtobufSettings, RawSettings};
use crate::InvalidSetting;
use crate::registry::{SharedCodec, StageError, settle};

type Parser = Box<dyn Fn(Spanned<DeValue<'_>>) -> Result<SharedCodec, StageError> + Send + Sync>;

/// The key in a `decode` table that names the codec.
const KEY: &str = "codec";

/// Codecs by name.
pub struct Codecs {
    parsers: BTreeMap<String, Parser>,
}

impl Codecs {
    /// Without any codec.
    #[must_use]
    pub fn empty() -> Self {
        Self { parsers: BTreeMap::new() }
    }

    /// The codecs of this library.
    #[must_use]
    pub fn standard() -> Self {
        Self::empty()
            .with::<RawSettings>("raw")
            .with::<FixedSettings>("fixed")
            .with::<PmqSettings>("pmq")
            .with::<ProtobufSettings>("protobuf")
            .with::<JsonSettings>("json")
    }

    /// Adds a codec. A name that is taken is replaced.
    #[must_use]
    pub fn with<S: CodecSettings + 'static>(mut self, name: &str) -> Self {
        self.parsers.insert(name.to_owned(), Box::new(|table| settle(table, S::into_codec)));
        self
    }

    /// The codecs' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parsers.keys().map(String::as_str)
    }

    /// Reads a `decode` table: the key `codec` and that codec's settings beside it.
    ///
    /// # Errors
    /// [`StageError`].
    pub fn parse_selected(&self, table: Spanned<DeValue<'_>>) -> Result<SharedCodec, StageError> {
        let span = table.span();
        let DeValue::Table(mut settings) = table.into_inner() else {
            return Err(InvalidSetting::new(KEY, "decode wants a table of settings", self.known()).into());
        };
        let Some(name) = settings.remove(KEY) else {
            return Err(InvalidSetting::new(KEY, "decode needs a codec", self.known()).into());
        };
        let DeValue::String(name) = name.into_inner() else {
            return Err(InvalidSetting::new(KEY, "a codec is named by a string", self.known()).into());
        };
        match self.parsers.get(name.as_ref()) {
            Some(parser) => parser(Spanned::new(span, DeValue::Table(settings))),
            None => {
                let known = self.names().map(str::to_owned).collect();
                Err(StageError::Unknown { key: KEY, what: KEY, name: name.into_owned(), known })
            }
        }
    }

    fn known(&self) -> String {
        format!("codec = {}", self.names().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" | "))
    }
}

impl fmt::Debug for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.parsers.keys()).finish()
    }
}
