//! The agent's key: made once, kept in a file of its own, never printed, never replaced.
//!
//! The file holds what the Go predecessor's configuration holds: the libp2p protobuf encoding of the private key (peer-ids specification, "Keys"), as unpadded
//! standard base64 on one line.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use libp2p::identity::Keypair;

/// No key that libp2p knows comes near this size.
const MAX_FILE: u64 = 8 * 1024;

/// A private key and the peer id that follows from it. Its `Debug` form shows the peer id alone.
#[derive(Clone)]
pub struct Identity(Keypair);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.peer_id())
    }
}

/// Why there is no identity. No text contains any part of a key.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file is not there.
    #[error("identity file {}: not found; make one with `pmq key generate`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A new key would have replaced something.
    #[error("identity file {}: exists already and is never replaced; move it away first", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others may read or write it.
    #[error("identity file {}: mode {mode:04o} lets others in; if nobody has read it, run `chmod 600` on it, else make a new key", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is a directory, a device, or the like.
    #[error("identity file {}: not a regular file; name a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It does not hold a key.
    #[error("identity file {}: {what}; restore it from a copy, or move it away and make a new key (which changes the peer id)", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, without its content.
        what: &'static str,
    },
    /// The file system refused.
    #[error("identity file {}: {source}; the directory must exist and be writable", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// The key could not be encoded.
    #[error("the new key could not be encoded")]
    Encode,
}

impl Identity {
    /// A new key that is kept nowhere, for tests and demos.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self(Keypair::generate_ed25519())
    }

    /// Makes a new Ed25519 key and writes it to a new file with mode 0600.
    ///
    /// # Errors
    /// [`IdentityError`]: the file exists, or cannot be written.
    pub fn generate(path: &Path) -> Result<Self, IdentityError> {
        let keypair = Keypair::generate_ed25519();
        let encoded = keypair.to_protobuf_encoding().map_err(|_| IdentityError::Encode)?;
        let io = |source: std::io::Error| match source.kind() {
            ErrorKind::AlreadyExists => IdentityError::Exists { path: path.into() },
            _ => IdentityError::Io { path: path.into(), source },
        };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
        let written = writeln!(file, "{}", STANDARD_NO_PAD.encode(encoded)).and_then(|()| file.sync_all());
        if let Err(source) = written {
            // Half a key would be refused at every later start. The file is ours: it was made by `create_new` above.
            if let Err(error) = std::fs::remove_file(path) {
                tracing::warn!(path = %path.display(), %error, "the unfinished identity file could not be removed");
            }
            return Err(io(source));
        }
        Ok(Self(keypair))
    }

    /// Reads the key from its file.
    ///
    /// # Errors
    /// [`IdentityError`]: missing, readable by others, or not a key. The file is left as it is.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let io = |source: std::io::Error| match source.kind() {
            ErrorKind::NotFound => IdentityError::Missing { path: path.into() },
            _ => IdentityError::Io { path: path.into(), source },
        };
        let malformed = |what| IdentityError::Malformed { path: path.into(), what };
        // Asked before opening: opening a pipe would wait for its other end.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(IdentityError::NotAFile { path: path.into() });
        }
        let file = File::open(path).map_err(io)?;
        // Asked of the open file, so that nobody can exchange it in between.
        let metadata = file.metadata().map_err(io)?;
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(IdentityError::Open { path: path.into(), mode });
        }
        let mut text = String::new();
        file.take(MAX_FILE).read_to_string(&mut text).map_err(|source| match source.kind() {
            ErrorKind::InvalidData => malformed("not base64 text"),
            _ => io(source),
        })?;
        let text = text.trim();
        let bytes = STANDARD_NO_PAD.decode(text).or_else(|_| STANDARD.decode(text)).map_err(|_| malformed("not base64 text"))?;
        Keypair::from_protobuf_encoding(&bytes).map(Self).map_err(|_| malformed("not a libp2p private key (ed25519 or secp256k1)"))
    }

    /// Reads the key, or makes one if there is no file.
    ///
    /// # Errors
    /// As [`load`](Self::load) and [`generate`](Self::generate); a file that is there is never replaced.
    pub fn load_or_generate(path: &Path) -> Result<Self, IdentityError> {
        match Self::load(path) {
            Err(IdentityError::Missing { .. }) => match Self::generate(path) {
                // Another process made it in between: its key is the one.
                Err(IdentityError::Exists { .. }) => Self::load(path),
                made => made,
            },
            loaded => loaded,
        }
    }

    /// The peer id, in base58.
    #[must_use]
    pub fn peer_id(&self) -> String {
        self.0.public().to_peer_id().to_base58()
    }

    /// The libp2p protobuf encoding of the private key, for another part of this process that has to prove who it is.
    ///
    /// # Errors
    /// [`IdentityError::Encode`].
    pub fn protobuf(&self) -> Result<Vec<u8>, IdentityError> {
        self.0.to_protobuf_encoding().map_err(|_| IdentityError::Encode)
    }

    pub(super) fn keypair(&self) -> &Keypair {
        &self.0
    }
}

#[cfg(test)]
mod tests;
