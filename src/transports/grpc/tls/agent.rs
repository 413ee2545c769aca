//! How a parent knows its agent.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{AlertDescription, ClientConfig, Error, NoKeyLog, RootCertStore};

use super::super::super::{Address, LinkError};
use super::{ALPN, Certificate};

/// How long an agent may take to begin. It does so at once; something in between may wait for the parent.
const BEGIN: Duration = Duration::from_secs(1);

/// Makes a connection one to the agent of that name, who has to be the one that `certificate` knows, and waits until the agent has taken it: a parent is done before
/// its agent has looked at its certificate.
pub(in super::super) async fn connect(
    stream: TcpStream,
    address: &Address,
    host: &str,
    certificate: &Certificate,
) -> Result<BufReader<TlsStream<TcpStream>>, LinkError> {
    let config = config(certificate)
        .map_err(|error| LinkError::Certificate { what: format!("this parent's certificate cannot be used: {error}") })?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| LinkError::Certificate { what: format!("{host:?} is no name that a certificate bears: {error}") })?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| match tls_error(&error) {
        Some(Error::InvalidCertificate(wrong)) => {
            let peer = "the agent whose certificate this parent knows".to_owned();
            LinkError::Stranger { at: address.to_string(), peer, what: wrong.to_string() }
        }
        // Anybody on the way can say these, and whoever has the port for a moment: the next attempt may find the agent.
        _ => broken(address, error),
    })?;
    // Nothing has been sent yet that the agent would not read, so that its refusal is not lost with the connection.
    let mut stream = BufReader::new(stream);
    match tokio::time::timeout(BEGIN, stream.fill_buf()).await {
        Ok(Ok([])) => Err(LinkError::Closed),
        Ok(Err(error)) => Err(refused(address, error)),
        Ok(Ok(_)) | Err(_) => Ok(stream),
    }
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn broken(address: &Address, source: io::Error) -> LinkError {
    LinkError::Io { what: format!("make TLS with {address}"), source }
}

/// What an agent says behind the handshake, in its own words and under its key.
fn refused(address: &Address, source: io::Error) -> LinkError {
    use AlertDescription as Alert;
    match tls_error(&source) {
        Some(Error::AlertReceived(
            alert @ (Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::CertificateRequired),
        )) => {
            let what = format!("it does not take this certificate ({alert:?}): [[attach.grpc.client]] names those that it takes");
            LinkError::TurnedAway { at: address.clone(), what }
        }
        _ => broken(address, source),
    }
}

fn config(certificate: &Certificate) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let known = Arc::new(Known::new(&certificate.agent, provider.clone())?);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(known)
        .with_client_auth_cert(certificate.own.chain.clone(), certificate.own.key())?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.key_log = Arc::new(NoKeyLog);
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Takes the certificates it knows, whatever they say, and those that one of them has issued, by the rules of the web.
#[derive(Debug)]
struct Known {
    certificates: Arc<[CertificateDer<'static>]>,
    /// `None` if none of them can be an authority's.
    issued: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Known {
    fn new(certificates: &Arc<[CertificateDer<'static>]>, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        let verifier = |roots| WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        let issued = (!roots.is_empty()).then(|| verifier(roots).map_err(|error| Error::General(error.to_string()))).transpose()?;
        Ok(Self { certificates: certificates.clone(), issued, provider })
    }
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.issued {
            _ if self.certificates.contains(shown) => Ok(ServerCertVerified::assertion()),
            Some(issued) => issued.verify_server_cert(shown, intermediates, name, ocsp, now),
            None => Err(Error::InvalidCertificate(tokio_rustls::rustls::CertificateError::UnknownIssuer)),
        }
    }

    super::signatures_by_provider!();
}
