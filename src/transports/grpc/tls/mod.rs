//! TLS over TCP, where each end proves by a certificate who it is.
//!
//! Nobody is trusted because some authority of the world knows him: an end takes the very certificates it was told of, and those of authorities it was told of.

/// The part of a verifier that is the same for both ends: that a peer holds the key of what it shows is checked as its `provider` does.
macro_rules! signatures_by_provider {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &tokio_rustls::rustls::pki_types::CertificateDer<'_>,
            signed: &tokio_rustls::rustls::DigitallySignedStruct,
        ) -> Result<tokio_rustls::rustls::client::danger::HandshakeSignatureValid, tokio_rustls::rustls::Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            tokio_rustls::rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &tokio_rustls::rustls::pki_types::CertificateDer<'_>,
            signed: &tokio_rustls::rustls::DigitallySignedStruct,
        ) -> Result<tokio_rustls::rustls::client::danger::HandshakeSignatureValid, tokio_rustls::rustls::Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            tokio_rustls::rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<tokio_rustls::rustls::SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
        }
    };
}
use signatures_by_provider;

mod agent;
mod own;
#[cfg(feature = "listen")]
mod parents;
#[cfg(feature = "listen")]
mod settings;

pub(super) use agent::connect;
pub use own::Certificate;
#[cfg(feature = "listen")]
pub use own::Own;
#[cfg(feature = "listen")]
pub use parents::{Guard, Parents};
#[cfg(feature = "listen")]
pub(super) use settings::check;
#[cfg(feature = "listen")]
pub use settings::{ClientCertificate, GrpcTls};

/// What is spoken inside (HTTP/2).
const ALPN: &[u8] = b"h2";
