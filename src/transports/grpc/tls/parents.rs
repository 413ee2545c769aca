//! Whom an agent takes for a parent, and as whom.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{CertificateError, DistinguishedName, Error, NoKeyLog, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::super::super::LinkError;
use super::own::{Own, certificates};
use super::{ALPN, ClientCertificate, GrpcTls};

/// The door: nobody passes who is none of its parents.
#[derive(Clone)]
pub(crate) struct Guard {
    acceptor: TlsAcceptor,
    parents: Arc<Parents>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("parents", &self.parents).finish_non_exhaustive()
    }
}

impl Guard {
    /// Shows `own`, and lets `parents` in, by TLS 1.3: before that certificates cross in the clear.
    pub(crate) fn new(own: &Own, parents: Parents) -> Result<Self, Error> {
        let parents = Arc::new(parents);
        let mut config = ServerConfig::builder_with_provider(parents.provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(parents.clone())
            .with_single_cert(own.chain.clone(), own.key())?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.key_log = Arc::new(NoKeyLog);
        // Who is there is proven anew each time.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { acceptor: Arc::new(config).into(), parents })
    }

    pub(in super::super) fn read(tls: &GrpcTls, clients: &[ClientCertificate]) -> Result<Self, LinkError> {
        let own = Own::from_files(&tls.certificate_file, &tls.key_file)?;
        let unfit = |error: Error| LinkError::Certificate {
            what: format!("{} and {} do not fit: {error}", tls.certificate_file.display(), tls.key_file.display()),
        };
        Self::new(&own, Parents::read(clients)?).map_err(unfit)
    }

    /// The connection of somebody who has proven to be one of the parents, and his name.
    pub(in super::super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<(TlsStream<S>, Arc<str>)> {
        let stream = self.acceptor.accept(stream).await?;
        let (end, rest) = stream.get_ref().1.peer_certificates().and_then(<[_]>::split_first).ok_or(io::ErrorKind::PermissionDenied)?;
        let name = self.parents.name(end, rest, UnixTime::now()).map_err(io::Error::other)?.clone();
        Ok((stream, name))
    }
}

/// Those who may come in, by certificate.
#[derive(Debug)]
pub(crate) struct Parents {
    known: Vec<(Arc<str>, Known)>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Known {
    /// These very certificates. What they say does not count, dates included: whoever holds the key of one is meant.
    Pinned(Vec<CertificateDer<'static>>),
    /// Those of an authority, by the rules of the web; if a name is asked for, those that bear it.
    Issued(Arc<dyn ClientCertVerifier>, Option<ServerName<'static>>),
}

impl Parents {
    /// The holder of one certificate.
    pub(crate) fn one(name: &str, certificate: CertificateDer<'static>) -> Self {
        let known = vec![(name.into(), Known::Pinned(vec![certificate]))];
        Self { known, provider: Arc::new(aws_lc_rs::default_provider()) }
    }

    /// The exact goes before the general: a certificate's own name before that of its authority and of a name it bears, and that before its authority's alone.
    fn read(clients: &[ClientCertificate]) -> Result<Self, LinkError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut known: Vec<(Arc<str>, Known)> = Vec::with_capacity(clients.len());
        for client in clients {
            let unfit = |what: String| LinkError::Certificate { what: format!("attach.grpc.client {:?} {what}", client.name) };
            let this = match (&client.certificate_file, &client.authority_file) {
                (Some(file), None) if client.dns.is_none() => Known::Pinned(certificates(file)?),
                (None, Some(file)) => {
                    let dns = client.dns_name().map_err(|dns| unfit(format!("is to bear {dns:?}, which is no DNS name")))?;
                    Known::issued(file, dns, &provider)?
                }
                _ => return Err(unfit("needs a certificate_file, or an authority_file with or without dns, and not both".to_owned())),
            };
            if let Some((other, _)) = known.iter().find(|(other, that)| **other != *client.name && this.shares(that)) {
                return Err(unfit(format!("has a certificate of {other:?}; a certificate has one name")));
            }
            known.push((client.name.as_str().into(), this));
        }
        known.sort_by_key(|(_, known)| known.rank());
        Ok(Self { known, provider })
    }

    /// The name of the first that this certificate makes one.
    fn name(&self, end: &CertificateDer<'_>, rest: &[CertificateDer<'_>], now: UnixTime) -> Result<&Arc<str>, Error> {
        let mut why = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        for (name, known) in &self.known {
            match known.takes(end, rest, now) {
                Ok(()) => return Ok(name),
                // That it is somebody else's says less than that it has expired.
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(error) => why = error,
            }
        }
        Err(why)
    }
}

impl Known {
    fn issued(file: &Path, dns: Option<ServerName<'static>>, provider: &Arc<CryptoProvider>) -> Result<Self, LinkError> {
        let unfit =
            |error: String| LinkError::Certificate { what: format!("{} holds no authority's certificate: {error}", file.display()) };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(file)? {
            roots.add(certificate).map_err(|error| unfit(error.to_string()))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        Ok(Self::Issued(verifier.map_err(|error| unfit(error.to_string()))?, dns))
    }

    /// Whether one certificate is pinned in both.
    fn shares(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Pinned(some), Self::Pinned(others)) if some.iter().any(|one| others.contains(one)))
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Pinned(_) => 0,
            Self::Issued(_, Some(_)) => 1,
            Self::Issued(_, None) => 2,
        }
    }

    fn takes(&self, end: &CertificateDer<'_>, rest: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        match self {
            Self::Pinned(certificates) if certificates.contains(end) => Ok(()),
            Self::Pinned(_) => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
            Self::Issued(verifier, dns) => {
                verifier.verify_client_cert(end, rest, now)?;
                match dns {
                    Some(dns) => verify_server_name(&ParsedCertificate::try_from(end)?, dns),
                    None => Ok(()),
                }
            }
        }
    }
}

impl ClientCertVerifier for Parents {
    /// None, so that whoever has a certificate shows it.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.name(end, rest, now).map(|_| ClientCertVerified::assertion())
    }

    super::signatures_by_provider!();
}
