//! Finds and reads the agent's file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{ConfigError, Place};
use super::overrides::{self, Override};

/// Largest file that is read, in bytes: a mistaken path must not fill the memory.
const MAX_FILE: u64 = 1024 * 1024;

/// Where settings come from, by falling precedence: `flags`, `environment`, the file.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--set section.key=value`, the last one wins.
    pub flags: Vec<String>,
    /// The environment; only `PMQ_CONFIG`, `XDG_CONFIG_HOME`, `HOME` and `PMQ__...` are looked at.
    pub environment: Vec<(OsString, OsString)>,
    /// Where the files' texts are.
    pub source: Source,
}

/// Where the texts of files come from.
#[derive(Debug, Clone, Default)]
pub enum Source {
    /// The disk.
    #[default]
    Disk,
    /// These texts by path, and nothing else: for a configuration that is not written yet.
    Texts(Arc<BTreeMap<PathBuf, String>>),
}

impl Request {
    /// With this process's environment.
    #[must_use]
    pub fn from_process(file: Option<PathBuf>, flags: Vec<String>) -> Self {
        Self { file, flags, environment: std::env::vars_os().collect(), source: Source::Disk }
    }

    fn variable(&self, name: &str) -> Option<&Path> {
        self.environment.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| Path::new(value))
    }

    /// Overrides by rising precedence.
    pub(super) fn overrides(&self) -> Result<Vec<Override>, ConfigError> {
        let mut all = overrides::from_environment(&self.environment)?;
        for flag in &self.flags {
            all.push(overrides::from_flag(flag)?);
        }
        Ok(all)
    }
}

/// The places in which the agent's file is looked for when neither `--config` nor `$PMQ_CONFIG` names it, in order.
#[must_use]
pub fn search(request: &Request) -> Vec<PathBuf> {
    let user = match (request.variable("XDG_CONFIG_HOME"), request.variable("HOME")) {
        (Some(dir), _) => Some(dir.join("pmq/pmq.toml")),
        (None, Some(home)) => Some(home.join(".config/pmq/pmq.toml")),
        (None, None) => None,
    };
    [Some(PathBuf::from("pmq.toml")), user, Some(PathBuf::from("/etc/pmq/pmq.toml"))].into_iter().flatten().collect()
}

/// The agent's file.
pub(super) fn find(request: &Request) -> Result<PathBuf, ConfigError> {
    if let Some(file) = &request.file {
        return Ok(file.clone());
    }
    if let Some(file) = request.variable("PMQ_CONFIG") {
        return Ok(file.into());
    }
    let places = search(request);
    places.iter().find(|path| path.exists()).cloned().ok_or_else(|| ConfigError {
        place: Place::Nowhere,
        key: None,
        value: None,
        what: format!("there is no file at {}", places.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")),
        help: "name one with --config or $PMQ_CONFIG, or start from `pmq config default > pmq.toml`".to_owned(),
    })
}

impl Source {
    /// A file's text.
    pub(super) fn read(&self, path: &Path) -> Result<String, ConfigError> {
        let refuse = |what: String, help: &str| ConfigError {
            place: Place::Path(path.to_owned()),
            key: None,
            value: None,
            what,
            help: help.to_owned(),
        };
        let missing = |wrong: std::io::Error| refuse(format!("cannot be read: {wrong}"), "name a file that exists and may be read");
        let text = match self {
            Self::Disk => {
                let mut text = String::new();
                let read = std::fs::File::open(path).map_err(missing)?.take(MAX_FILE + 1).read_to_string(&mut text);
                read.map_err(|wrong| refuse(format!("cannot be read: {wrong}"), "it must be a text in UTF-8"))?;
                text
            }
            Self::Texts(texts) => texts.get(path).cloned().ok_or_else(|| missing(std::io::ErrorKind::NotFound.into()))?,
        };
        if text.len() as u64 > MAX_FILE {
            return Err(refuse(format!("is larger than {MAX_FILE} bytes"), "a configuration file is far smaller: is this the right one?"));
        }
        Ok(text)
    }
}
