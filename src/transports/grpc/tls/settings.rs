//! Settings of TLS at the gRPC listeners.

use std::path::PathBuf;

use tokio_rustls::rustls::pki_types::ServerName;

use super::super::super::tokens::MAX_NAME;
use pmq_protocol::InvalidSetting;

/// What the agent shows at `grpcs://` addresses.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcTls {
    /// PEM: its certificate, with those that lead to its authority behind it.
    pub certificate_file: PathBuf,
    /// PEM: the certificate's key; mode 0600, of the agent's own user.
    pub key_file: PathBuf,
}

/// Certificates that make whoever holds the key of one a parent of that name.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientCertificate {
    /// What grants call it. Several may have one name.
    pub name: String,
    /// PEM: the parent's own certificates, taken as they are: their dates do not count.
    pub certificate_file: Option<PathBuf>,
    /// PEM, in place of `certificate_file`: authorities; what they have issued to clients is taken while it is valid.
    pub authority_file: Option<PathBuf>,
    /// With `authority_file`: the DNS name that the parent's certificate has to bear, itself and not by a wildcard.
    pub dns: Option<String>,
}

impl ClientCertificate {
    /// The name to be borne, in small letters, if one is; the text that is none.
    pub(super) fn dns_name(&self) -> Result<Option<String>, &str> {
        let Some(dns) = &self.dns else { return Ok(None) };
        match ServerName::try_from(dns.as_str()) {
            Ok(ServerName::DnsName(_)) => Ok(Some(dns.to_ascii_lowercase())),
            _ => Err(dns),
        }
    }
}

/// Checks what can be checked without touching the disk; `tls_at` is where TLS is to be served.
pub(in super::super) fn check(tls: &GrpcTls, clients: &[ClientCertificate], tls_at: Option<usize>) -> Result<(), InvalidSetting> {
    let wrong = |key: String, what, help| Err(InvalidSetting::new(key, what, help));
    let half = |key| wrong(format!("tls.{key}"), "it is not set beside the other file", "name both");
    let empty = |file: &PathBuf| file.as_os_str().is_empty();
    match (empty(&tls.certificate_file), empty(&tls.key_file), tls_at) {
        (true, true, Some(index)) => {
            let what = "it is TLS, and the agent has nothing to show there";
            return wrong(format!("bind.{index}"), what, "set attach.grpc.tls.certificate_file and key_file");
        }
        (true, false, _) => return half("certificate_file"),
        (false, true, _) => return half("key_file"),
        _ => {}
    }
    if let (Some(index), true) = (tls_at, clients.is_empty()) {
        let what = "it is TLS, where a parent shows a certificate, and none is known";
        return wrong(format!("bind.{index}"), what, "add [[attach.grpc.client]]");
    }
    for (index, client) in clients.iter().enumerate() {
        if client.name.is_empty() {
            return wrong(format!("client.{index}.name"), "it is empty", "grants have to call it something");
        }
        if client.name.len() > MAX_NAME {
            let help = "take a shorter one: it stands in logs and metrics";
            return wrong(format!("client.{index}.name"), "it is longer than 64 bytes", help);
        }
        if client.certificate_file.is_some() == client.authority_file.is_some() {
            let what = "one of certificate_file and authority_file is needed, and not both";
            return wrong(format!("client.{index}"), what, "write two [[attach.grpc.client]] of one name for both");
        }
        if client.dns.is_some() && (client.authority_file.is_none() || client.dns_name().is_err()) {
            let what = "no DNS name beside an authority_file";
            return wrong(format!("client.{index}.dns"), what, "write dns = \"signer.example.org\" there, or delete it");
        }
    }
    Ok(())
}
