//! Whom an agent takes for a parent, and as whom.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{CertificateError, DistinguishedName, Error, NoKeyLog, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use webpki::EndEntityCert;

use super::super::super::LinkError;
use super::own::{Own, certificates};
use super::{ALPN, ClientCertificate, GrpcTls};

/// The door: nobody passes who is none of its parents.
#[derive(Clone)]
pub struct Guard {
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
    pub fn new(own: &Own, parents: Parents) -> Result<Self, Error> {
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

    /// Reads the files. An error comes with the key below `attach.grpc` that names the file.
    pub(in super::super) fn read(tls: &GrpcTls, clients: &[ClientCertificate]) -> Result<Self, (String, LinkError)> {
        let of = |key: &str| {
            let key = format!("tls.{key}");
            move |error| (key, error)
        };
        let chain = certificates(&tls.certificate_file).map_err(of("certificate_file"))?;
        let own = Own::from_chain(chain, &tls.key_file).map_err(of("key_file"))?;
        let unfit = |error: Error| LinkError::Certificate {
            what: format!("{} is not the key of {}: {error}", tls.key_file.display(), tls.certificate_file.display()),
        };
        Self::new(&own, Parents::read(clients)?).map_err(|error| of("key_file")(unfit(error)))
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
pub struct Parents {
    known: Vec<(Arc<str>, Known)>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Known {
    /// These very certificates. What they say does not count, dates included: whoever holds the key of one is meant.
    Pinned(Vec<CertificateDer<'static>>),
    /// Those of an authority, by the rules of the web.
    Issued(Issued),
}

#[derive(Debug)]
struct Issued {
    authorities: Vec<CertificateDer<'static>>,
    verifier: Arc<dyn ClientCertVerifier>,
    /// In small letters. The certificate bears this very name: one with a wildcard is somebody else's.
    dns: Option<String>,
}

impl Parents {
    /// The holder of one certificate.
    pub fn one(name: &str, certificate: CertificateDer<'static>) -> Self {
        let known = vec![(name.into(), Known::Pinned(vec![certificate]))];
        Self { known, provider: Arc::new(aws_lc_rs::default_provider()) }
    }

    /// The exact goes before the general: a certificate's own name before that of its authority and of a name it bears, and that before its authority's alone.
    fn read(clients: &[ClientCertificate]) -> Result<Self, (String, LinkError)> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut known: Vec<(Arc<str>, Known)> = Vec::with_capacity(clients.len());
        for (index, client) in clients.iter().enumerate() {
            let of = |key: &str| {
                let key = format!("client[{index}].{key}");
                move |error| (key, error)
            };
            let unfit = |what: String| LinkError::Certificate { what };
            let (key, this) = match (&client.certificate_file, &client.authority_file) {
                (Some(file), None) if client.dns.is_none() => {
                    ("certificate_file", Known::Pinned(certificates(file).map_err(of("certificate_file"))?))
                }
                (None, Some(file)) => {
                    let dns = client.dns_name().map_err(|dns| of("dns")(unfit(format!("{dns:?} is no DNS name"))))?;
                    ("authority_file", Known::issued(file, dns, &provider).map_err(of("authority_file"))?)
                }
                _ => {
                    return Err(of("name")(unfit(
                        "a certificate_file is needed, or an authority_file with or without dns, and not both".to_owned(),
                    )));
                }
            };
            if let Some((other, _)) = known.iter().find(|(other, that)| **other != *client.name && this.is_like(that)) {
                return Err(of(key)(unfit(format!(
                    "what makes somebody {:?} makes the same one {other:?}: one of them has to go",
                    client.name
                ))));
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
    fn issued(file: &Path, dns: Option<String>, provider: &Arc<CryptoProvider>) -> Result<Self, LinkError> {
        let unfit =
            |error: String| LinkError::Certificate { what: format!("{} holds no authority's certificate: {error}", file.display()) };
        let mut roots = RootCertStore::empty();
        let authorities = certificates(file)?;
        for certificate in &authorities {
            roots.add(certificate.clone()).map_err(|error| unfit(error.to_string()))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        Ok(Self::Issued(Issued { authorities, verifier: verifier.map_err(|error| unfit(error.to_string()))?, dns }))
    }

    /// Whether somebody would be both, and neither is more exact.
    fn is_like(&self, other: &Self) -> bool {
        let common = |some: &[CertificateDer<'_>], others: &[CertificateDer<'_>]| some.iter().any(|one| others.contains(one));
        match (self, other) {
            (Self::Pinned(some), Self::Pinned(others)) => common(some, others),
            (Self::Issued(one), Self::Issued(other)) => one.dns == other.dns && common(&one.authorities, &other.authorities),
            (Self::Pinned(_), Self::Issued(_)) | (Self::Issued(_), Self::Pinned(_)) => false,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Pinned(_) => 0,
            Self::Issued(Issued { dns: Some(_), .. }) => 1,
            Self::Issued(Issued { dns: None, .. }) => 2,
        }
    }

    fn takes(&self, end: &CertificateDer<'_>, rest: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        match self {
            Self::Pinned(certificates) if certificates.contains(end) => Ok(()),
            Self::Pinned(_) => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
            Self::Issued(Issued { verifier, dns, .. }) => {
                verifier.verify_client_cert(end, rest, now)?;
                let Some(dns) = dns else { return Ok(()) };
                let unread = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
                let bears = EndEntityCert::try_from(end).map_err(unread)?.valid_dns_names().any(|name| name.eq_ignore_ascii_case(dns));
                if bears { Ok(()) } else { Err(Error::InvalidCertificate(CertificateError::NotValidForName)) }
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
