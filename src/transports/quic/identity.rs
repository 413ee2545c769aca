//! The key with which an end proves who it is.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use libp2p_identity::Keypair;

use super::super::{LinkError, secret};

/// No key that libp2p knows comes near this size.
const MAX_FILE: u64 = 8 * 1024;

/// A libp2p key pair and the peer id that follows from it. Its `Debug` form shows the peer id alone.
#[derive(Clone)]
pub struct Identity(Keypair);

impl Identity {
    /// A new Ed25519 key that is kept nowhere.
    #[must_use]
    pub fn generate() -> Self {
        Self(Keypair::generate_ed25519())
    }

    /// Takes the libp2p protobuf encoding of a private key (peer-ids specification, "Keys").
    ///
    /// # Errors
    /// [`LinkError::Identity`] for bytes that are no Ed25519 or secp256k1 key.
    pub fn from_protobuf(bytes: &[u8]) -> Result<Self, LinkError> {
        let what = || "the bytes are no libp2p private key (ed25519 or secp256k1)".to_owned();
        Keypair::from_protobuf_encoding(bytes).map(Self).map_err(|_| LinkError::Identity { what: what() })
    }

    /// Reads a file as `pmq key generate` writes it: the key's protobuf encoding in base64. It must be a regular file of this process's user that nobody else can read.
    ///
    /// # Errors
    /// [`LinkError::Identity`] for a file of others, one that others can read, or one that holds no key; [`LinkError::Io`] for one that cannot be read.
    pub fn from_file(path: &Path) -> Result<Self, LinkError> {
        let shown = path.display();
        let text = secret::read(path, "identity file", MAX_FILE, |what| LinkError::Identity { what })?;
        let distrust = |what: &str| LinkError::Identity { what: format!("{shown} {what}") };
        let text = text.trim_ascii();
        let bytes = STANDARD_NO_PAD.decode(text).or_else(|_| STANDARD.decode(text)).map_err(|_| distrust("holds no base64 text"))?;
        Self::from_protobuf(&bytes).map_err(|_| distrust("holds no libp2p private key: make one with `pmq key generate`"))
    }

    /// The peer id, in base58.
    #[must_use]
    pub fn peer_id(&self) -> String {
        self.0.public().to_peer_id().to_base58()
    }

    pub(super) fn keypair(&self) -> &Keypair {
        &self.0
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.peer_id())
    }
}
