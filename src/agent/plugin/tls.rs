//! AutoMTLS: host and plugin make a certificate each for this one run, and each takes nothing but the other's.

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::PluginError;
use pmq_transports::grpc::{Guard, Own, Parents};

/// The name that hosts ask for.
const NAME: &str = "localhost";

/// This end's certificate, and a guard that lets nobody in but the host.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) guard: Guard,
}

impl Proof {
    pub(super) fn new(host: &[u8]) -> Result<Self, PluginError> {
        let host = CertificateDer::from_pem_slice(host).map_err(|error| PluginError::Certificate(error.to_string()))?;
        let tls = |error: &dyn std::fmt::Display| PluginError::Tls(error.to_string());
        let (certificate, key) = own().map_err(|error| tls(&error))?;
        // The host's is marked as an authority's, which path validation would refuse of an end; here its bytes are all that counts, and that the host holds its key.
        let guard = Guard::new(&Own::new(certificate.clone(), key), Parents::one("host", host)).map_err(|error| tls(&error))?;
        Ok(Self { certificate, guard })
    }
}

/// As go-plugin makes its own: the host puts it among its roots, so it signs itself.
fn own() -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![NAME.to_owned()])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.self_signed(&key)?;
    Ok((certificate.into(), PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
}
