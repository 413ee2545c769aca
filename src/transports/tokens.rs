//! The tokens that an agent takes, from their files.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use subtle::ConstantTimeEq as _;

use super::{LinkError, Token};
use pmq_protocol::InvalidSetting;

/// Longest name of a token or a certificate, in bytes.
pub(super) const MAX_NAME: usize = 64;

/// A secret that makes whoever shows it a parent of that name.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenFile {
    /// What grants call it. "self" counts as the user that runs the agent.
    pub name: String,
    /// A file of 16 to 255 bytes, mode 0600, of the agent's own user.
    pub file: PathBuf,
}

/// Checks what can be checked without touching the disk.
pub(super) fn check(tokens: &[TokenFile]) -> Result<(), InvalidSetting> {
    let wrong = |index, key: &str, what, help| Err(InvalidSetting::new(format!("token.{index}.{key}"), what, help));
    let mut names = HashSet::new();
    for (index, token) in tokens.iter().enumerate() {
        if token.name.is_empty() {
            let help = "grants have to call it something; \"self\" counts as the user that runs the agent";
            return wrong(index, "name", "it is empty", help);
        }
        if token.name.len() > MAX_NAME {
            return wrong(index, "name", "it is longer than 64 bytes", "take a shorter one: it stands in logs and metrics");
        }
        if token.file.as_os_str().is_empty() {
            return wrong(index, "file", "it is empty", "name a file with the secret");
        }
        if !names.insert(&token.name) {
            return wrong(index, "name", "another token has this name", "give each its own");
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
