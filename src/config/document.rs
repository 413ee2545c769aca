//! One file with what overrides it, and the way back from a span to where it was written.
//!
//! ```text
//! offsets:  0 ........ text.len() | +1 ... first override | ... second override | ...
//! ```
//! Overrides are parsed as if they stood behind the file's text, each in a range of its own. So the spans of everything that a
//! deserializer meets tell file and override apart, however deep the value.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::error::{ConfigError, Place};
use super::help::advise;
use super::overrides::{Override, plain};
use super::reference::home;

/// A span of the document.
pub(super) type Span = Range<usize>;
/// A value with its span.
pub(super) type Node<'a> = Spanned<DeValue<'a>>;

/// Longest value that is shown in an error, in characters.
const SHOWN: usize = 60;

/// A file's text and its overrides.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    text: String,
    overrides: Vec<Placed>,
    /// The reference file of this kind of files.
    reference: &'static str,
}

#[derive(Debug)]
struct Placed {
    setting: Override,
    span: Span,
    /// The value behind as many newlines as bring it to its offset.
    text: String,
}

impl Document {
    pub(super) fn new(path: &Path, text: String, overrides: &[Override], reference: &'static str) -> Self {
        let mut end = text.len() + 1;
        let overrides = overrides
            .iter()
            .map(|setting| {
                let text = format!("{}v = {}", "\n".repeat(end), setting.value);
                let span = end..text.len() + 1;
                end = span.end;
                Placed { setting: setting.clone(), span, text }
            })
            .collect();
        Self { path: path.to_owned(), text, overrides, reference }
    }

    /// The file's table with the overrides in it. Later overrides win.
    pub(super) fn table(&self) -> Result<DeTable<'_>, ConfigError> {
        let mut table =
            DeTable::parse(&self.text).map_err(|wrong| self.unreadable(wrong.message(), wrong.span().unwrap_or(0..0)))?.into_inner();
        for placed in &self.overrides {
            let value = placed.value();
            let (last, sections) = placed.setting.keys.split_last().ok_or_else(|| self.at(placed.span.clone(), "no key", "name one"))?;
            let at = enter(&mut table, sections, &placed.span).map_err(|section| {
                let what = format!("`{section}` is no section, nor an entry of a list of sections");
                self.at(placed.span.clone(), &what, "name a key of a section, as PMQ__SECTION__KEY or --set section.key=value")
            })?;
            // The old key would keep its own span.
            at.remove(last.as_str());
            at.insert(Spanned::new(placed.span.clone(), Cow::Borrowed(last.as_str())), value);
        }
        Ok(table)
    }

    /// A mistake in the form itself: there is no table to look keys up in, but mostly a line `key = value` below a line `[section]`.
    fn unreadable(&self, message: &str, span: Span) -> ConfigError {
        let mut error = self.explain(&DeTable::new(), message, span.clone());
        let start = span.start.min(self.text.len());
        let before = self.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let section = before.lines().rev().map(str::trim).find(|line| line.starts_with('['));
        if let Some((key, value)) = line.split_once('=') {
            let section = section.map(|header| header.trim_matches(['[', ']']).to_owned() + ".").unwrap_or_default();
            error.key = Some((section + key.trim()).into());
            error.value = Some(value.trim().chars().take(SHOWN).collect());
        }
        error
    }

    /// Reads something out of a part of the table `root`. Keys in `also` were taken out of that part before.
    pub(super) fn read<'a, T>(
        &self,
        root: &DeTable<'_>,
        node: Node<'a>,
        also: &[&str],
        read: impl FnOnce(ValueDeserializer<'a>) -> Result<T, toml::de::Error>,
    ) -> Result<T, ConfigError> {
        let span = node.span();
        read(node.into_deserializer()).map_err(|wrong| self.explain_with(root, wrong.message(), wrong.span().unwrap_or(span), also))
    }

    /// A message of serde at a span.
    pub(super) fn explain(&self, root: &DeTable<'_>, message: &str, span: Span) -> ConfigError {
        self.explain_with(root, message, span, &[])
    }

    /// A message of serde at a span. At the top of the file keys beyond those that it names are allowed too.
    fn explain_with(&self, root: &DeTable<'_>, message: &str, span: Span, also: &[&str]) -> ConfigError {
        let nested = path_of(root, &span).is_some_and(|(key, _)| key.contains(['.', '[']));
        let advice = advise(message, if nested { &[] } else { also });
        let mut error = self.found(root, span, &advice.what, &advice.help);
        if let Some(key) = advice.key {
            let last = key.rsplit('.').next().unwrap_or_default();
            if error.key.as_deref().is_none_or(|found| found.rsplit('.').next() != Some(last)) {
                error.key = Some(error.key.map_or_else(|| key.clone(), |section| format!("{section}.{key}")).into());
                error.value = None;
            }
        }
        if let Some(key) = advice.what.strip_prefix("unknown key `").map(|rest| rest.trim_end_matches('`')) {
            let here = error.key.as_deref().unwrap_or_default().trim_end_matches(key).trim_end_matches('.');
            if let Some(home) = home(self.reference, here.split('[').next().unwrap_or_default(), key) {
                error.help = home;
            }
            if !matches!(error.place, Place::File { .. }) {
                // What is not a setting might be a secret.
                error.value = None;
            }
        }
        error
    }

    /// A complaint about a span, with the key and the value that stand there.
    pub(super) fn found(&self, root: &DeTable<'_>, span: Span, what: &str, help: &str) -> ConfigError {
        let mut error = self.at(span.clone(), what, help);
        if let Some((key, value)) = path_of(root, &span) {
            error.key = Some(key.into());
            error.value = value.and_then(|value| self.shown(&value)).map(Into::into);
        }
        error
    }

    /// A complaint about a span.
    pub(super) fn at(&self, span: Span, what: &str, help: &str) -> ConfigError {
        ConfigError { place: self.place(&span), key: None, value: None, what: what.to_owned(), help: help.to_owned() }
    }

    /// Where a span was written.
    pub(super) fn place(&self, span: &Span) -> Place {
        if let Some(placed) = self.overrides.iter().find(|placed| placed.span.contains(&span.start)) {
            return placed.setting.place.clone();
        }
        let before = self.text.get(..span.start.min(self.text.len())).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place::File { path: self.path.clone(), line, column }
    }

    /// What stands at a span, on one line and not too long.
    fn shown(&self, span: &Span) -> Option<String> {
        let line = self.written(span);
        let short: String = line.chars().take(SHOWN).collect();
        (!line.is_empty()).then(|| if short.len() < line.len() { format!("{short}...") } else { short })
    }

    /// What stands at a span, on one line.
    pub(super) fn written(&self, span: &Span) -> String {
        let text = match self.overrides.iter().find(|placed| placed.span.contains(&span.start)) {
            Some(placed) => placed.setting.value.as_str(),
            None => self.text.get(span.clone()).unwrap_or_default(),
        };
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The span of the file as a whole: its first character.
    pub(super) fn span(&self) -> Span {
        0..self.text.len().min(1)
    }
}

impl Placed {
    /// As TOML if it is a value of TOML, else as a text.
    fn value(&self) -> Node<'_> {
        let parsed = DeTable::parse(&self.text).ok().filter(|table| table.get_ref().len() == 1);
        let value = parsed.and_then(|table| table.into_inner().remove("v"));
        match value {
            Some(value) if !matches!(value.get_ref(), DeValue::Datetime(_)) => value,
            _ => Spanned::new(self.span.clone(), DeValue::String(Cow::Borrowed(self.setting.value.as_str()))),
        }
    }
}

/// The section at `path`, new or known. An entry of a list of sections is named by its index, or a stage by what it uses.
fn enter<'t, 'a>(table: &'t mut DeTable<'a>, path: &'a [String], span: &Span) -> Result<&'t mut DeTable<'a>, &'a str> {
    let Some((section, rest)) = path.split_first() else { return Ok(table) };
    let fresh = || Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
    let entry = table.entry(Spanned::new(span.clone(), Cow::Borrowed(section.as_str()))).or_insert_with(fresh);
    match entry.get_mut() {
        DeValue::Table(inner) => enter(inner, rest, span),
        DeValue::Array(list) => {
            let (name, rest) = rest.split_first().ok_or(section.as_str())?;
            let uses = |item: &Node<'_>| {
                item.get_ref().get("use").and_then(|stage| stage.get_ref().as_str()).is_some_and(|stage| plain(stage) == plain(name))
            };
            let index = name.parse().ok().or_else(|| list.iter().position(uses));
            match index.and_then(|index: usize| list.get_mut(index)).map(Spanned::get_mut) {
                Some(DeValue::Table(inner)) => enter(inner, rest, span),
                _ => Err(name),
            }
        }
        _ => Err(section),
    }
}

/// The span of the value at a path of keys and indices, and whether it is there; else that of the nearest section that is.
pub(super) fn span_of(root: &DeTable<'_>, keys: &[&str]) -> Option<(Span, bool)> {
    let (first, rest) = keys.split_first()?;
    let mut at = root.get(*first)?;
    for key in rest {
        let next = match at.get_ref() {
            DeValue::Table(table) => table.get(*key),
            DeValue::Array(list) => key.parse().ok().and_then(|index: usize| list.get(index)),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return Some((at.span(), false)),
        }
    }
    Some((at.span(), true))
}

/// The dotted key whose name or value stands at `span`, and the value's span unless it is a section.
fn path_of(table: &DeTable<'_>, span: &Span) -> Option<(String, Option<Span>)> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        let (inner, plain) = inside(value, span);
        if let Some((rest, value)) = inner {
            return Some((format!("{name}{rest}"), value));
        }
        let here = key.span() == *span || value.span() == *span || (plain && within(span, &value.span()));
        here.then(|| (name.to_string(), plain.then(|| value.span())))
    })
}

/// The rest of the path inside a value, and whether the value is neither a section nor a list of sections.
fn inside(value: &Node<'_>, span: &Span) -> (Option<(String, Option<Span>)>, bool) {
    match value.get_ref() {
        DeValue::Table(table) => (path_of(table, span).map(|(rest, value)| (format!(".{rest}"), value)), false),
        DeValue::Array(array) => {
            let plain = !array.iter().any(|item| matches!(item.get_ref(), DeValue::Table(_)));
            let found = array.iter().enumerate().find_map(|(index, item)| {
                let (inner, leaf) = inside(item, span);
                match inner {
                    Some((rest, value)) => Some((format!("[{index}]{rest}"), value)),
                    None if item.span() == *span => Some((format!("[{index}]"), leaf.then(|| item.span()))),
                    None => None,
                }
            });
            (found, plain)
        }
        _ => (None, true),
    }
}

fn within(inner: &Span, outer: &Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end && !outer.is_empty()
}
