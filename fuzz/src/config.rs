//! The reader of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pmq::config::{Config, ConfigError, Place, Request, Setting, Source, load, show};

/// A line that ends one part of the input and starts the next.
const PART: &str = "\n=====\n";

/// The agent's file, then networks' files, then settings as `--set` takes them, a line each.
const NAMES: [&str; 3] = ["pmq.toml", "network.toml", "second.toml"];

/// Largest input: what is compared grows with the square of it.
const MAX: usize = 64 * 1024;

/// Parts are divided by lines of `=====`: the agent's file, a first and a second network's file (`network.toml`, `second.toml`), `--set`s.
///
/// - Nothing panics, and an error in a file names a line and a column that the file has.
/// - What loads can be shown, and its memory be estimated.
/// - What is shown, defaults included, loads as settings over the same files and shows the same.
pub fn config(data: &[u8]) {
    let Some(text) = std::str::from_utf8(data).ok().filter(|text| text.len() <= MAX) else { return };
    let mut parts = text.splitn(4, PART);
    let texts: BTreeMap<PathBuf, String> =
        NAMES.iter().zip(parts.by_ref()).map(|(name, text)| (PathBuf::from(name), text.to_owned())).collect();
    let flags = parts.next().unwrap_or_default().lines().map(str::to_owned).collect();
    let request = Request { file: Some(NAMES[0].into()), flags, environment: Vec::new(), source: Source::Texts(Arc::new(texts.clone())) };

    let config = match load(&request) {
        Ok(config) => config,
        Err(error) => {
            placed(&error, &texts);
            assert_eq!(show(&request), Err(error), "shown another mistake than found");
            return;
        }
    };
    config.warnings.iter().for_each(|warning| placed(warning, &texts));
    for estimate in config.memory() {
        assert!(estimate.total(true) >= estimate.items.iter().filter(|item| item.bound).map(|item| item.bytes).max().unwrap_or_default());
    }
    let shown = show(&request).unwrap_or_else(|error| panic!("loaded, and cannot be shown: {error}"));
    for place in shown.iter().filter_map(|setting| setting.place.as_ref()) {
        inside(place, &texts);
    }
    again(&request, &config, &shown);
}

/// An error is in a file that was given, and can be printed.
fn placed(error: &ConfigError, texts: &BTreeMap<PathBuf, String>) {
    assert!(!error.to_string().is_empty() && error.to_json().is_object());
    assert!(!error.what.is_empty(), "says nothing: {error:?}");
    inside(&error.place, texts);
}

fn inside(place: &Place, texts: &BTreeMap<PathBuf, String>) {
    let Place::File { path, line, column } = place else { return };
    let text = texts.get(path).unwrap_or_else(|| panic!("{place}: there is no such file"));
    // Behind the last newline there is a line too, and behind the last character a column.
    let line_text = text.split('\n').nth(line - 1).unwrap_or_else(|| panic!("{place}: there is no such line"));
    assert!((1..=line_text.chars().count() + 1).contains(column), "{place}: there is no such column in {line_text:?}");
}

/// Everything in force as `--set`s: they must mean what the files and the defaults mean.
fn again(request: &Request, config: &Config, shown: &[Setting]) {
    let flags = shown.iter().filter(|setting| can_be_set(setting, request)).map(|setting| format!("{}={}", key(setting), setting.value));
    let full = Request { flags: request.flags.iter().cloned().chain(flags).collect(), ..request.clone() };
    let loaded = load(&full).unwrap_or_else(|error| panic!("what is in force does not load: {error}\n{:#?}", full.flags));
    let names = |config: &Config| config.networks.iter().map(|network| network.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&loaded), names(config));
    let same = show(&full).unwrap_or_else(|error| panic!("what is in force cannot be shown: {error}"));
    let values = |all: &[Setting]| all.iter().map(|one| (one.network.clone(), one.key.clone(), one.value.clone())).collect::<Vec<_>>();
    assert_eq!(values(shown), values(&same), "what is in force is not what was set");
}

/// The key as an override names it: `stage[2 decode].codec` of a network is `network.NAME.stage.2.codec`.
fn key(setting: &Setting) -> String {
    let mut key = String::new();
    for (index, part) in setting.key.split('[').enumerate() {
        match part.split_once(']') {
            Some((entry, rest)) if index > 0 => {
                key += ".";
                key += entry.split(' ').next().unwrap_or_default();
                key += rest;
            }
            _ => key += part,
        }
    }
    if setting.network.is_empty() { key } else { format!("network.{}.{key}", setting.network) }
}

/// Not what a network is found by, not entries of lists that nobody wrote, and not what is shown in another form than it was written in:
/// blanks are collapsed, and with them texts that hold blanks, and lists that hold comments.
fn can_be_set(setting: &Setting, request: &Request) -> bool {
    if (setting.key == "name" && !setting.network.is_empty()) || setting.network == "default" {
        return false;
    }
    if !setting.key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.[] ".contains(&byte)) {
        return false;
    }
    match (&setting.place, &request.source) {
        (Some(Place::File { path, line, column }), Source::Texts(texts)) => {
            let lines = texts.get(path).and_then(|text| text.split('\n').nth(line - 1));
            let rest = lines.and_then(|line| line.char_indices().nth(column - 1).map(|(at, _)| &line[at..]));
            rest.is_some_and(|rest| rest.starts_with(&setting.value))
        }
        (Some(_), _) => request.flags.iter().any(|flag| flag.ends_with(&setting.value)),
        (None, _) => setting.key.starts_with("stage[") || !setting.key.contains('['),
    }
}
