//! The reader of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pmq_config::{Config, ConfigError, Place, Request, Setting, Source, load, show};

/// A line that ends one part of the input and starts the next.
const PART: &str = "\n=====\n";

/// The agent's file, then networks' files; behind them settings as `--set` takes them, a line each, and what is to be set to extremes.
const NAMES: [&str; 3] = ["pmq.toml", "network.toml", "second.toml"];

/// Largest input: what is compared grows with the square of it.
const MAX: usize = 64 * 1024;

/// Settings that are set anew at once, of those that are in force. All of them for one input of eight: each costs a pass over the file.
const AGAIN: usize = 12;

/// Values at the edges of some type or sense.
const EXTREMES: [&str; 20] = [
    "0",
    "1",
    "-1",
    "18446744073709551615",
    "9223372036854775807",
    "4294967296",
    "1e308",
    "-1e308",
    "1e-308",
    "nan",
    "inf",
    "true",
    "0s",
    "1ns",
    "18446744073709551615s",
    "584542046090years",
    "0B",
    "16383PiB",
    "[]",
    "\"\"",
];

/// Parts are divided by lines of `=====`: the agent's file, a first and a second network's file (`network.toml`, `second.toml`), `--set`s, and
/// pairs of bytes: which of the settings in force is set to which extreme.
///
/// - Nothing panics, and an error in a file names a line and a column that the file has.
/// - What loads can be shown, and its memory be estimated.
/// - What is shown, defaults included, loads as settings over the same files and shows the same.
///
/// Answers whether the files load.
pub fn config(data: &[u8]) -> bool {
    let Some(text) = std::str::from_utf8(data).ok().filter(|text| text.len() <= MAX) else { return false };
    let mut parts = text.splitn(5, PART);
    let texts: BTreeMap<PathBuf, String> =
        NAMES.iter().zip(parts.by_ref()).map(|(name, text)| (PathBuf::from(name), text.to_owned())).collect();
    let flags = parts.next().unwrap_or_default().lines().map(str::to_owned).collect();
    let extremes = parts.next().unwrap_or_default().as_bytes();
    let request = Request { file: Some(NAMES[0].into()), flags, environment: Vec::new(), source: Source::Texts(Arc::new(texts.clone())) };

    let Some((config, shown)) = all(&request, &texts) else { return false };
    again(&request, &config, &shown, data.len());

    let pairs = extremes.chunks_exact(2).take(4);
    let flag = |pair: &[u8]| {
        format!("{}={}", key(&shown[usize::from(pair[0]) * 3 % shown.len()]), EXTREMES[usize::from(pair[1]) % EXTREMES.len()])
    };
    let flags: Vec<String> = pairs.map(flag).collect();
    if !flags.is_empty() {
        let request = Request { flags: request.flags.iter().cloned().chain(flags).collect(), ..request.clone() };
        let _ = all(&request, &texts);
    }
    true
}

/// Loads and shows. `None` if there is a mistake.
fn all(request: &Request, texts: &BTreeMap<PathBuf, String>) -> Option<(Config, Vec<Setting>)> {
    let config = match load(request) {
        Ok(config) => config,
        Err(error) => {
            placed(&error, texts);
            assert_eq!(show(request), Err(error), "shown another mistake than found");
            return None;
        }
    };
    config.warnings.iter().for_each(|warning| placed(warning, texts));
    for estimate in config.memory() {
        assert!(estimate.items.iter().all(|item| item.bytes <= estimate.total(item.bound)), "less in all than in part: {estimate:?}");
    }
    let shown = show(request).unwrap_or_else(|error| panic!("loaded, and cannot be shown: {error}"));
    for place in shown.iter().filter_map(|setting| setting.place.as_ref()) {
        inside(place, texts);
    }
    Some((config, shown))
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
fn again(request: &Request, config: &Config, shown: &[Setting], salt: usize) {
    let (step, start) = if salt.is_multiple_of(8) { (1, 0) } else { (shown.len() / AGAIN + 1, salt % (shown.len() / AGAIN + 1)) };
    let shown_now = shown.iter().skip(start).step_by(step);
    let flags = shown_now.filter(|setting| can_be_set(setting, request)).map(|setting| format!("{}={}", key(setting), setting.value));
    let full = Request { flags: request.flags.iter().cloned().chain(flags).collect(), ..request.clone() };
    let loaded = load(&full).unwrap_or_else(|error| panic!("what is in force does not load: {error}\n{:#?}", full.flags));
    let names = |config: &Config| config.settings.networks.iter().map(|network| network.name.clone()).collect::<Vec<_>>();
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
