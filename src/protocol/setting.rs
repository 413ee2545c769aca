//! A setting that cannot work, in the one form in which every crate reports it.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::time::Duration;

/// Upper bound of every duration in the settings: sums and products of a few of them cannot overflow.
pub const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Upper bound of every size in the settings that has no narrower one, 1 TiB: sums and products of a few of them cannot overflow.
pub const MAX_SIZE: u64 = 1 << 40;

/// A setting that is well-formed and cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSetting {
    /// The key, relative to the section that was checked. Dots lead into tables and lists: `token.0.file`.
    pub key: Cow<'static, str>,
    /// The value; `None` where nothing is set.
    pub value: Option<String>,
    /// What is wrong.
    pub what: Cow<'static, str>,
    /// What would be right.
    pub help: Cow<'static, str>,
}

impl InvalidSetting {
    /// A key about which `what` is wrong.
    #[must_use]
    pub fn new(key: impl Into<Cow<'static, str>>, what: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self { key: key.into(), value: None, what: what.into(), help: help.into() }
    }

    /// A value out of its range.
    #[must_use]
    pub fn range(key: impl Into<Cow<'static, str>>, value: impl Display, help: impl Into<Cow<'static, str>>) -> Self {
        Self::new(key, "this value cannot work", help).value(value)
    }

    /// With the value.
    #[must_use]
    pub fn value(self, value: impl Display) -> Self {
        Self { value: Some(value.to_string()), ..self }
    }

    /// About the entry `index` of the list that the key names.
    #[must_use]
    pub fn item(self, index: usize) -> Self {
        Self { key: format!("{}.{index}", self.key).into(), ..self }
    }

    /// With the key relative to the section that holds `section`.
    #[must_use]
    pub fn below(self, section: impl Display) -> Self {
        Self { key: format!("{section}.{}", self.key).into(), ..self }
    }
}

impl Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {value}: {}", self.key, self.what)?,
            None => write!(f, "{}: {}", self.key, self.what)?,
        }
        if self.help.is_empty() { Ok(()) } else { write!(f, "; {}", self.help) }
    }
}

impl std::error::Error for InvalidSetting {}

/// Checks durations against [`MAX_DURATION`].
///
/// # Errors
/// For the first that is longer.
pub fn durations<const N: usize>(settings: [(&'static str, Duration); N]) -> Result<(), InvalidSetting> {
    match settings.into_iter().find(|(_, value)| *value > MAX_DURATION) {
        Some((key, value)) => {
            Err(InvalidSetting::new(key, "longer than any duration may be", "take at most \"365days\"").value(format!("{value:?}")))
        }
        None => Ok(()),
    }
}

/// Checks counts and sizes against an upper bound each.
///
/// # Errors
/// For the first that is above its own.
pub fn at_most<const N: usize>(settings: [(&'static str, u64, u64); N]) -> Result<(), InvalidSetting> {
    match settings.into_iter().find(|(_, value, most)| value > most) {
        Some((key, value, most)) => Err(InvalidSetting::range(key, value, format!("take at most {most}"))),
        None => Ok(()),
    }
}
