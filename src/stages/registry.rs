//! Stages by the names that a network's file gives them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::ops::Range;

use serde::Deserializer;
use serde::de::Visitor;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::admission::AdmissionSettings;
use super::decode::{self, Codec, CodecSettings, Codecs};
use super::window::WindowSettings;
use super::{InvalidSetting, NetworkContext, StageSettings, delivery, validation};
use pmq_pipeline::Part;

type Parser = Box<dyn Fn(&Registry, Spanned<DeValue<'_>>, &NetworkContext) -> Result<Part, StageError> + Send + Sync>;

/// Why a table describes no stage.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// It cannot be read. With the span of the offending key or value.
    #[error(transparent)]
    Read(#[from] Error),
    /// A setting of it cannot work.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// Nothing is registered by that name.
    #[error("unknown {what} {name:?}; known are {known:?}")]
    Unknown {
        /// The key that names it.
        key: &'static str,
        /// What is registered.
        what: &'static str,
        /// The name.
        name: String,
        /// Those that are registered.
        known: Vec<String>,
    },
}

impl StageError {
    /// With the span of the key's value in `table`, or of the innermost table on the way to it that is there.
    fn within(self, table: &Spanned<DeValue<'_>>) -> Error {
        let text = self.to_string();
        match self {
            Self::Read(error) => error,
            Self::Setting(wrong) => complaint(span_of(table, &wrong.key), text),
            Self::Unknown { key, .. } => complaint(span_of(table, key), text),
        }
    }
}

/// Stages and codecs by name.
pub struct Registry {
    stages: BTreeMap<String, Parser>,
    codecs: Codecs,
}

impl Registry {
    /// Without any stage or codec.
    #[must_use]
    pub fn empty() -> Self {
        Self { stages: BTreeMap::new(), codecs: Codecs::empty() }
    }

    /// The stages and codecs of this library.
    #[must_use]
    pub fn standard() -> Self {
        let mut registry = Self::empty()
            .with::<AdmissionSettings>("admission")
            .with::<WindowSettings>("sequence-window")
            .with::<validation::Settings>(validation::NAME)
            .with::<delivery::Settings>(delivery::NAME);
        registry.stages.insert(
            "decode".to_owned(),
            Box::new(|registry, table, _| Ok(Part::Stage(Box::new(decode::Decode::new(registry.codecs.parse_selected(table)?))))),
        );
        registry.codecs = Codecs::standard();
        registry
    }

    /// Adds a stage by its settings. A name that is taken is replaced.
    #[must_use]
    pub fn with<S: StageSettings + 'static>(self, name: &str) -> Self {
        self.with_stage(name, |table, network| settle(table, |settings: S| settings.into_part(network)))
    }

    /// Adds a stage with a parser of its own. A name that is taken is replaced.
    #[must_use]
    pub fn with_stage<F>(mut self, name: &str, parser: F) -> Self
    where
        F: Fn(Spanned<DeValue<'_>>, &NetworkContext) -> Result<Part, StageError> + Send + Sync + 'static,
    {
        self.stages.insert(name.to_owned(), Box::new(move |_, table, network| parser(table, network)));
        self
    }

    /// Adds a codec for `decode`. A name that is taken is replaced.
    #[must_use]
    pub fn with_codec<S: CodecSettings + 'static>(mut self, name: &str) -> Self {
        self.codecs = self.codecs.with::<S>(name);
        self
    }

    /// The stages' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.stages.keys().map(String::as_str)
    }

    /// Reads one stage of a network's list: the name behind `use`, and the table without that key.
    ///
    /// # Errors
    /// [`StageError`].
    pub fn parse(&self, name: &str, table: Spanned<DeValue<'_>>, network: &NetworkContext) -> Result<Part, StageError> {
        match self.stages.get(name) {
            Some(parser) => parser(self, table, network),
            None => {
                let known = self.names().map(str::to_owned).collect();
                Err(StageError::Unknown { key: "use", what: "stage", name: name.to_owned(), known })
            }
        }
    }

    /// Reads a list of `[[stage]]` tables, each with its name behind `use`, from text that holds nothing else.
    ///
    /// # Errors
    /// As [`Registry::parse`]; the text of the error shows the line.
    pub fn parse_list(&self, text: &str, network: &NetworkContext) -> Result<Vec<Part>, Error> {
        self.entries(text, network).map_err(|mut error| {
            error.set_input(Some(text));
            error
        })
    }

    fn entries(&self, text: &str, network: &NetworkContext) -> Result<Vec<Part>, Error> {
        let mut parts = Vec::new();
        for (key, value) in DeTable::parse(text)?.into_inner() {
            let span = value.span();
            match value.into_inner() {
                DeValue::Array(entries) if key.get_ref() == "stage" => {
                    for entry in entries {
                        parts.push(self.entry(entry, network)?);
                    }
                }
                _ => return Err(complaint(span, format!("{:?} is no list of stages; write [[stage]] tables", key.get_ref()))),
            }
        }
        Ok(parts)
    }

    fn entry(&self, entry: Spanned<DeValue<'_>>, network: &NetworkContext) -> Result<Part, Error> {
        // A copy to look spans up in; files are read once, and short.
        let (span, spans) = (entry.span(), entry.clone());
        let DeValue::Table(mut table) = entry.into_inner() else {
            return Err(complaint(span, "a stage is a table".to_owned()));
        };
        match table.remove("use").map(Spanned::into_inner) {
            Some(DeValue::String(name)) => {
                let read = self.parse(&name, Spanned::new(span, DeValue::Table(table)), network);
                read.map_err(|error| error.within(&spans))
            }
            Some(_) => Err(complaint(span_of(&spans, "use"), "a stage's name is a string".to_owned())),
            None => Err(complaint(span, "a stage is named by `use`".to_owned())),
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("stages", &self.stages.keys()).field("codecs", &self.codecs).finish()
    }
}

/// A shared handle to a codec.
pub(super) type SharedCodec = std::sync::Arc<dyn Codec>;

/// Deserializes settings and makes something of them.
pub(super) fn settle<S, T>(table: Spanned<DeValue<'_>>, make: impl FnOnce(S) -> Result<T, InvalidSetting>) -> Result<T, StageError>
where
    S: serde::de::DeserializeOwned,
{
    Ok(make(S::deserialize(ValueDeserializer::from(table))?)?)
}

/// The span of a dotted key's value, or of the innermost table on the way to it that is there.
fn span_of(table: &Spanned<DeValue<'_>>, key: &str) -> Range<usize> {
    let mut at = table;
    for step in key.split('.') {
        match at.get_ref() {
            DeValue::Table(table) if table.contains_key(step) => at = &table[step],
            _ => break,
        }
    }
    at.span()
}

/// An error with a span, which only a deserializer can make.
fn complaint(span: Range<usize>, text: String) -> Error {
    struct Complaint(String);

    impl Visitor<'_> for Complaint {
        type Value = Infallible;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.0)
        }

        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Infallible, E> {
            Err(E::custom(self.0))
        }
    }

    let Err(error) = ValueDeserializer::from(Spanned::new(span, DeValue::Boolean(true))).deserialize_any(Complaint(text));
    error
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
