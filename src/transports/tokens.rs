//! The tokens that an agent takes, from their files.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use subtle::ConstantTimeEq as _;

use super::{LinkError, Token};

/// A secret that makes whoever shows it a parent of that name.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
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

    /// The name of the token that is shown. All of them are compared, each in a time that depends on its length alone.
    pub(super) fn name(&self, shown: &[u8]) -> Option<&Arc<str>> {
        self.0.iter().fold(None, |known, (name, token)| if bool::from(token.bytes().ct_eq(shown)) { Some(name) } else { known })
    }
}
