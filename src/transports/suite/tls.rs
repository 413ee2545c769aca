//! What is particular to gRPC over TLS: whose certificates count.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt as _;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::super::grpc::{Certificate, ClientCertificate, GrpcSettings, GrpcTls};
use super::super::{Address, Credential, Link, LinkError, Listener, connect_with};
use super::{own_socket, soon};
use pmq_protocol::wire::Limits;

/// Where an agent is found over TLS.
pub(super) fn address(socket: SocketAddr) -> Address {
    Address::Grpcs { host: socket.ip().to_string().into(), port: socket.port() }
}

/// A directory of certificates: "agent" and "parent", who sign themselves, and what an authority issues.
pub(super) struct Pki {
    pub(super) dir: TempDir,
    authority: (rcgen::Certificate, KeyPair),
}

impl Pki {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap();
        let pki = Self { dir: tempfile::tempdir().unwrap(), authority: (authority, key) };
        pki.write("authority.crt", &pki.authority.0.pem());
        for name in ["agent", "parent"] {
            let key = KeyPair::generate().unwrap();
            // As openssl makes them: an authority of itself.
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            pki.keep(name, &params.self_signed(&key).unwrap(), &key);
        }
        pki
    }

    /// Has the authority issue a certificate that bears `dns`.
    fn issue(&self, name: &str, dns: &str, usage: ExtendedKeyUsagePurpose, change: impl FnOnce(&mut CertificateParams)) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![dns.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        change(&mut params);
        self.keep(name, &params.signed_by(&key, &self.authority.0, &self.authority.1).unwrap(), &key);
    }

    fn keep(&self, name: &str, certificate: &rcgen::Certificate, key: &KeyPair) {
        self.write(&format!("{name}.crt"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
        std::fs::set_permissions(self.file(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn pinned(&self, name: &str) -> ClientCertificate {
        ClientCertificate {
            name: name.to_owned(),
            certificate_file: Some(self.file(&format!("{name}.crt"))),
            ..ClientCertificate::default()
        }
    }

    fn issued(&self, name: &str, dns: Option<&str>) -> ClientCertificate {
        let authority_file = Some(self.file("authority.crt"));
        ClientCertificate { name: name.to_owned(), authority_file, dns: dns.map(str::to_owned), ..ClientCertificate::default() }
    }

    pub(super) fn settings(&self, client: Vec<ClientCertificate>) -> GrpcSettings {
        GrpcSettings { tls: self.shown("agent"), client, ..GrpcSettings::default() }
    }

    /// What an agent shows.
    fn shown(&self, name: &str) -> GrpcTls {
        GrpcTls { certificate_file: self.file(&format!("{name}.crt")), key_file: self.file(&format!("{name}.key")) }
    }

    /// What `name` shows to an agent that it knows by `agent`.
    pub(super) fn certificate(&self, name: &str, agent: &str) -> Certificate {
        let [certificate, key, agent] = [format!("{name}.crt"), format!("{name}.key"), format!("{agent}.crt")].map(|name| self.file(&name));
        Certificate::from_files(&certificate, &key, &agent).unwrap()
    }
}

async fn listen(settings: &GrpcSettings) -> (Listener, Address) {
    let address = address(own_socket());
    let listener = Listener::bind_grpc(&address, settings, Limits::default(), |routes, _| routes).await.unwrap();
    (listener, address)
}

/// The name as which the agent takes the parent; what the parent is told if it does not.
async fn taken(listener: &mut Listener, address: &Address, certificate: Certificate) -> Result<String, String> {
    let proof = certificate.into();
    let link = soon("an answer", connect_with(address, Limits::default(), &proof)).await;
    if let Err(error) = link {
        assert!(listener.accept().now_or_never().is_none(), "it became a link: {error}");
        return Err(error.to_string());
    }
    match soon("the link", listener.accept()).await.unwrap() {
        Link { peer: Credential::Certificate(name), .. } => Ok(name.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_names_its_holder_and_nobody_else_gets_in() {
    let (pki, strangers) = (Pki::new(), Pki::new());
    let (mut listener, address) = listen(&pki.settings(vec![pki.pinned("agent"), pki.pinned("parent")])).await;
    assert_eq!(taken(&mut listener, &address, pki.certificate("parent", "agent")).await.as_deref(), Ok("parent"));
    // The agent's own is in the list, too.
    assert_eq!(taken(&mut listener, &address, pki.certificate("agent", "agent")).await.as_deref(), Ok("agent"));
    // Of the same name, and of another key.
    strangers.write("agent.crt", &std::fs::read_to_string(pki.file("agent.crt")).unwrap());
    let told = taken(&mut listener, &address, strangers.certificate("parent", "agent")).await.unwrap_err();
    assert!(told.contains("does not let this parent in"), "{told}");
}

#[tokio::test]
async fn without_a_certificate_nobody_gets_in() {
    let pki = Pki::new();
    pki.issue("there", "localhost", ExtendedKeyUsagePurpose::ServerAuth, |_| {});
    let (mut listener, address) = listen(&GrpcSettings { tls: pki.shown("there"), ..pki.settings(vec![pki.pinned("parent")]) }).await;
    match connect_with(&address, Limits::default(), &super::Proof::default()).await {
        Err(LinkError::Certificate { what }) => assert!(what.contains("give the client's builder a Certificate"), "{what}"),
        other => panic!("{other:?}"),
    }
    // One that keeps no such rule.
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.file("authority.crt")).unwrap()).unwrap();
    let Address::Grpcs { host, port } = &address else { panic!("{address}") };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect((&**host, *port)).await.unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream).await.unwrap();
    // The agent's refusal may come before or behind this.
    drop(stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await);
    let mut answer = Vec::new();
    let end = soon("the end", stream.read_to_end(&mut answer)).await;
    assert!(answer.is_empty(), "something was answered");
    assert!(end.unwrap_err().to_string().contains("CertificateRequired"));
    // And one that speaks no TLS at all.
    let mut plain = TcpStream::connect((&**host, *port)).await.unwrap();
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    drop(soon("the end", plain.read_to_end(&mut answer)).await);
    assert!(!answer.windows(4).any(|part| part == [0, 0, 0, 4]), "HTTP was answered");
    assert!(listener.accept().now_or_never().is_none());
}

#[tokio::test]
async fn an_authority_vouches_for_what_it_has_issued_while_that_is_valid() {
    let pki = Pki::new();
    let client = || ExtendedKeyUsagePurpose::ClientAuth;
    pki.issue("signer", "signer.example.org", client(), |_| {});
    pki.issue("other", "other.example.org", client(), |_| {});
    pki.issue("old", "signer.example.org", client(), |params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    pki.issue("server", "signer.example.org", ExtendedKeyUsagePurpose::ServerAuth, |_| {});
    pki.issue("wild", "*.example.org", client(), |_| {});
    pki.issue("loud", "SIGNER.example.org", client(), |_| {});
    let named = pki.settings(vec![pki.issued("signers", Some("signer.example.org"))]);
    let (mut listener, address) = listen(&named).await;
    assert_eq!(taken(&mut listener, &address, pki.certificate("signer", "agent")).await.as_deref(), Ok("signers"));
    assert_eq!(taken(&mut listener, &address, pki.certificate("loud", "agent")).await.as_deref(), Ok("signers"));
    for name in ["other", "old", "server", "wild", "parent"] {
        assert!(taken(&mut listener, &address, pki.certificate(name, "agent")).await.is_err(), "{name}");
    }
    // Without a name to be borne, and by its own certificate in spite of its dates.
    let (mut listener, address) = listen(&pki.settings(vec![pki.issued("anybody", None), pki.pinned("old")])).await;
    for (name, as_whom) in [("other", "anybody"), ("signer", "anybody"), ("old", "old")] {
        assert_eq!(taken(&mut listener, &address, pki.certificate(name, "agent")).await.as_deref(), Ok(as_whom));
    }
}

/// None of it is under the agent's key, so it says nothing of the agent: the next attempt may find it.
#[tokio::test]
async fn what_is_said_in_front_of_the_handshake_ends_no_parent() {
    let pki = Pki::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = address(listener.local_addr().unwrap());
    // Another program's answer, and an alert in the clear: that its certificate is bad, of all things.
    for answer in [&b"HTTP/1.1 503 Service Unavailable\r\n\r\n"[..], &[21, 3, 3, 0, 2, 2, 42]] {
        let proof = pki.certificate("parent", "agent").into();
        let somebody = async {
            let mut stream = listener.accept().await.unwrap().0;
            let mut hello = [0; 5];
            stream.read_exact(&mut hello).await.unwrap();
            stream.write_all(answer).await.unwrap();
            stream
        };
        let (connected, _stream) =
            soon("an answer", async { tokio::join!(connect_with(&address, Limits::default(), &proof), somebody) }).await;
        match connected {
            Err(LinkError::Io { what, .. }) => assert!(what.contains("make TLS with grpcs://"), "{what}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Whatever the order in the file.
#[tokio::test]
async fn the_exact_name_goes_before_the_general_one() {
    let pki = Pki::new();
    for name in ["pinned", "named", "anybody"] {
        pki.issue(name, &format!("{name}.example.org"), ExtendedKeyUsagePurpose::ClientAuth, |_| {});
    }
    let general = vec![pki.issued("staff", None), pki.issued("by name", Some("named.example.org")), pki.pinned("pinned")];
    for clients in [general.clone(), general.into_iter().rev().collect()] {
        let (mut listener, address) = listen(&pki.settings(clients)).await;
        for (name, as_whom) in [("pinned", "pinned"), ("named", "by name"), ("anybody", "staff")] {
            assert_eq!(taken(&mut listener, &address, pki.certificate(name, "agent")).await.as_deref(), Ok(as_whom));
        }
    }
}

#[tokio::test]
async fn a_handshake_that_stalls_is_cut_off_and_holds_up_no_other() {
    let pki = Pki::new();
    let (mut listener, address) = listen(&pki.settings(vec![pki.pinned("parent")])).await;
    let Address::Grpcs { host, port } = &address else { panic!("{address}") };
    let mut stalled = TcpStream::connect((&**host, *port)).await.unwrap();
    // The beginning of a record, and nothing more.
    stalled.write_all(&[22, 3, 1, 1]).await.unwrap();
    assert_eq!(taken(&mut listener, &address, pki.certificate("parent", "agent")).await.as_deref(), Ok("parent"));
    let mut rest = Vec::new();
    drop(soon("the end of the stalled one", stalled.read_to_end(&mut rest)).await);
}

#[tokio::test]
async fn a_parent_speaks_to_no_agent_but_its_own() {
    let pki = Pki::new();
    pki.issue("there", "127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth, |_| {});
    let settings = |name: &str| GrpcSettings { tls: pki.shown(name), ..pki.settings(vec![pki.pinned("parent")]) };
    // Whom it knows by the certificate itself need not bear the name.
    let (mut listener, address) = listen(&settings("agent")).await;
    assert_eq!(taken(&mut listener, &address, pki.certificate("parent", "agent")).await.as_deref(), Ok("parent"));
    let told = taken(&mut listener, &address, pki.certificate("parent", "authority")).await.unwrap_err();
    assert!(told.contains("has not proven to be the agent"), "{told}");
    // Of an authority, it has to.
    let (mut listener, address) = listen(&settings("there")).await;
    let told = taken(&mut listener, &address, pki.certificate("parent", "authority")).await.unwrap_err();
    assert!(told.contains("NotValidForName") || told.contains("not valid for name"), "{told}");
    let here = Address::Grpcs { host: "127.0.0.1".into(), port: 0 };
    let mut listener = Listener::bind_grpc(&here, &settings("there"), Limits::default(), |routes, _| routes).await.unwrap();
    let here = listener.address().clone();
    assert_eq!(taken(&mut listener, &here, pki.certificate("parent", "authority")).await.as_deref(), Ok("parent"));
}

#[tokio::test]
async fn a_file_that_does_not_fit_is_told_by_name() {
    let pki = Pki::new();
    let wrong = async |settings: GrpcSettings| {
        let bound = Listener::bind_grpc(&address(own_socket()), &settings, Limits::default(), |routes, _| routes).await;
        bound.unwrap_err().to_string()
    };
    let sound = || pki.settings(vec![pki.pinned("parent")]);
    std::fs::set_permissions(pki.file("parent.key"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let mut open = sound();
    open.tls.key_file = pki.file("parent.key");
    assert!(wrong(open).await.contains("parent.key can be read by others (mode 0640): chmod 0600"));
    pki.write("empty.crt", "nothing");
    let mut empty = sound();
    empty.tls.certificate_file = pki.file("empty.crt");
    assert!(wrong(empty).await.contains("empty.crt holds no certificate"));
    pki.write("parent.key", &KeyPair::generate().unwrap().serialize_pem());
    let mut strange = sound();
    strange.tls.key_file = pki.file("parent.key");
    assert!(wrong(strange).await.contains("is not the key of"));
    let mut no_name = pki.issued("signer", Some("no name at all"));
    assert!(wrong(pki.settings(vec![no_name.clone()])).await.contains("is no DNS name"));
    no_name.authority_file = None;
    assert!(wrong(pki.settings(vec![no_name])).await.contains("a certificate_file is needed"));
    for same in [
        |pki: &Pki, name: &str| ClientCertificate { name: name.to_owned(), ..pki.pinned("parent") },
        |pki: &Pki, name: &str| pki.issued(name, Some("signer.example.org")),
    ] {
        let told = wrong(pki.settings(vec![same(&pki, "one"), same(&pki, "other")])).await;
        assert!(told.contains("what makes somebody \"other\" makes the same one \"one\""), "{told}");
        // Under one name it may stand twice.
        drop(listen(&pki.settings(vec![same(&pki, "one"), same(&pki, "one")])).await);
    }
    pki.write(
        "large.crt",
        &format!("{}{}", "what is no certificate\n".repeat(20_000), std::fs::read_to_string(pki.file("agent.crt")).unwrap()),
    );
    let mut large = sound();
    large.tls.certificate_file = pki.file("large.crt");
    assert!(wrong(large.clone()).await.contains("is larger than 262144 bytes"));
    std::os::unix::fs::symlink(pki.file("agent.key"), pki.file("link.key")).unwrap();
    let mut link = sound();
    link.tls.key_file = pki.file("link.key");
    assert!(wrong(link).await.contains("is a symlink"));
    let missing = pki.settings(vec![ClientCertificate { certificate_file: Some(pki.file("none.crt")), ..pki.pinned("parent") }]);
    let told = wrong(missing).await;
    assert!(told.contains("cannot read the certificate file") && told.contains("none.crt"), "{told}");
    // The key that names the file comes along, where the address is TLS's.
    large.bind = vec![address(own_socket())];
    assert_eq!(large.check_files().unwrap_err().0, "tls.certificate_file");
    let mut second =
        pki.settings(vec![pki.pinned("agent"), ClientCertificate { certificate_file: Some(pki.file("none.crt")), ..pki.pinned("x") }]);
    second.check_files().unwrap();
    second.bind = vec![address(own_socket())];
    assert_eq!(second.check_files().unwrap_err().0, "client[1].certificate_file");
}
