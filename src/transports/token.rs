//! The secret that a parent shows over TCP, where the system does not say who is there.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
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

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether `shown` is this secret, in a time that depends on `shown`'s length alone.
    pub(super) fn is(&self, shown: &[u8]) -> bool {
        let mut differ = u8::from(self.0.len() != shown.len());
        for (index, byte) in shown.iter().enumerate() {
            // Tokens are never empty.
            differ = std::hint::black_box(differ | (byte ^ self.0[index % self.0.len()]));
        }
        differ == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// A secret that makes whoever shows it a parent of that name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "agent", derive(serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct TokenFile {
    /// What grants call it. "self" counts as the user that runs the agent.
    pub name: String,
    /// A file of 16 to 255 bytes, mode 0600, of the agent's own user.
    pub file: PathBuf,
}

/// A token in the settings that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No name, or no file.
    #[error("`token.{0}.{1}` is empty; {2}")]
    Empty(usize, &'static str, &'static str),
    /// Two of a name.
    #[error("`token.{0}.name` is that of another token; give each its own")]
    SameName(usize),
}

/// Checks what can be checked without touching the disk.
pub(super) fn check(tokens: &[TokenFile]) -> Result<(), TokenError> {
    let mut names = HashSet::new();
    for (index, token) in tokens.iter().enumerate() {
        if token.name.is_empty() {
            let mend = "grants have to call it something; \"self\" counts as the user that runs the agent";
            return Err(TokenError::Empty(index, "name", mend));
        }
        if token.file.as_os_str().is_empty() {
            return Err(TokenError::Empty(index, "file", "name a file with the secret"));
        }
        if !names.insert(&token.name) {
            return Err(TokenError::SameName(index));
        }
    }
    Ok(())
}

/// Reads the files. The first that holds no token, with the key that names it.
pub(super) fn check_files(tokens: &[TokenFile]) -> Result<(), (String, LinkError)> {
    let unfit =
        |(index, token): (usize, &TokenFile)| Token::from_file(&token.file).err().map(|error| (format!("token[{index}].file"), error));
    tokens.iter().enumerate().find_map(unfit).map_or(Ok(()), Err)
}

/// Tokens by name, read from their files.
#[derive(Debug)]
pub(super) struct Tokens(Vec<(Arc<str>, Token)>);

impl Tokens {
    pub(super) fn read(files: &[TokenFile]) -> Result<Self, LinkError> {
        files.iter().map(|token| Ok((token.name.as_str().into(), Token::from_file(&token.file)?))).collect::<Result<_, _>>().map(Self)
    }

    /// The name of the token that is shown. All of them are compared, whichever it is.
    pub(super) fn name(&self, shown: &[u8]) -> Option<&Arc<str>> {
        self.0.iter().fold(None, |known, (name, token)| if token.is(shown) { Some(name) } else { known })
    }
}
