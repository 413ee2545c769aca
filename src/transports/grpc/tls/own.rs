//! What an end shows of itself.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::OFlags;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::super::super::{LinkError, secret};

/// No chain, list of authorities or key comes near this size, in bytes.
const MAX_FILE: u64 = 256 * 1024;

/// What a parent needs for gRPC over TLS: its certificate and key, and how it knows its agent.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(super) own: Own,
    /// The agent's own certificate, or those of authorities.
    pub(super) agent: Arc<[CertificateDer<'static>]>,
}

impl Certificate {
    /// Reads PEM files: `certificate`, with those that lead to its authority behind it; its `key`, which nobody else can read; and `agent`, with the agent's own
    /// certificate, which is taken as it is, or its authority's, where the agent's has to bear the name that the URL has.
    ///
    /// # Errors
    /// [`LinkError::Certificate`] for a file that holds none, is too large or cannot be read, and for a key that others can read.
    pub fn from_files(certificate: &Path, key: &Path, agent: &Path) -> Result<Self, LinkError> {
        Ok(Self { own: Own::from_chain(certificates(certificate)?, key)?, agent: certificates(agent)?.into() })
    }
}

/// A certificate, those that lead to its authority, and its key. Its `Debug` form shows no key.
#[derive(Clone)]
#[cfg_attr(not(feature = "listen"), expect(unreachable_pub, reason = "an agent of go-plugin has one"))]
pub struct Own {
    pub(super) chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

impl Own {
    /// Takes what the caller has made.
    #[cfg(feature = "listen")]
    pub fn new(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Self {
        Self { chain: vec![certificate], key: Arc::new(key) }
    }

    /// A chain that was read, with its key's file.
    pub(super) fn from_chain(chain: Vec<CertificateDer<'static>>, key: &Path) -> Result<Self, LinkError> {
        let pem = secret::read(key, "key file", MAX_FILE, |what| LinkError::Certificate { what });
        let pem = pem.map_err(|error| match error {
            LinkError::Io { what, source } => LinkError::Certificate { what: format!("cannot {what}: {source}") },
            other => other,
        })?;
        let key = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|error| LinkError::Certificate { what: format!("{} holds no private key in PEM: {error}", key.display()) })?;
        Ok(Self { chain, key: Arc::new(key) })
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Own({} certificates)", self.chain.len())
    }
}

/// Certificates of a PEM file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, LinkError> {
    let shown = path.display();
    let unread = |error: io::Error| LinkError::Certificate { what: format!("cannot read the certificate file {shown}: {error}") };
    // Does not wait for whoever may write to it, should it be a pipe.
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path).map_err(unread)?;
    if !file.metadata().map_err(unread)?.is_file() {
        return Err(LinkError::Certificate { what: format!("{shown} is no file") });
    }
    let mut pem = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut pem).map_err(unread)?;
    if pem.len() as u64 > MAX_FILE {
        return Err(LinkError::Certificate {
            what: format!("{shown} is larger than {MAX_FILE} bytes: leave what is no certificate out of it"),
        });
    }
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| LinkError::Certificate { what: format!("{shown} holds no certificates in PEM: {error}") })?;
    if found.is_empty() {
        return Err(LinkError::Certificate { what: format!("{shown} holds no certificate: PEM has -----BEGIN CERTIFICATE-----") });
    }
    Ok(found)
}
