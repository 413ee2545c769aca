//! Settings of the gRPC listeners.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;

use super::super::address::MAX_PATH;
use super::super::{Address, LinkError, TokenFile, settings, tokens};
use super::tls::{self, ClientCertificate, GrpcTls, Guard};
use pmq_protocol::InvalidSetting;

/// Settings of the gRPC listeners.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcSettings {
    /// Where to listen: `grpc+unix:///path` (in a directory that only the agent's user can write to), `grpc://127.0.0.1:8001`, `grpcs://0.0.0.0:8001`.
    /// None = no gRPC.
    pub bind: Vec<Address>,
    /// Allows TCP without TLS beyond loopback. The token crosses the network in the clear and so does everything else.
    pub insecure: bool,
    /// Takes parents without a token, over TCP on loopback, for the agent's own user: any user of the machine.
    pub trust_loopback: bool,
    /// Links accepted a second at each address, with a burst of one second's worth (1 to 10,000).
    pub accept_rate: u32,
    /// What parents have to show over TCP, as `authorization: Bearer TOKEN`.
    pub token: Vec<TokenFile>,
    /// What the agent shows over TLS.
    pub tls: GrpcTls,
    /// What parents have to show over TLS.
    pub client: Vec<ClientCertificate>,
}

impl Default for GrpcSettings {
    fn default() -> Self {
        Self {
            bind: Vec::new(),
            insecure: false,
            trust_loopback: false,
            accept_rate: 50,
            token: Vec::new(),
            tls: GrpcTls::default(),
            client: Vec::new(),
        }
    }
}

impl GrpcSettings {
    /// The files of TLS that it names, in no order.
    pub fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let own = [&mut self.tls.certificate_file, &mut self.tls.key_file].into_iter().filter(|file| !file.as_os_str().is_empty());
        own.chain(self.client.iter_mut().flat_map(|client| client.certificate_file.iter_mut().chain(&mut client.authority_file)))
    }

    /// Reads the files that it names, as a start does. The first that cannot be used, with the key below `attach.grpc` that names it.
    ///
    /// # Errors
    /// The key, and [`LinkError::Token`], [`LinkError::Certificate`] or [`LinkError::Io`].
    pub fn check_files(&self) -> Result<(), (String, LinkError)> {
        if self.bind.iter().any(|address| matches!(address, Address::Grpcs { .. })) {
            Guard::read(&self.tls, &self.client)?;
        }
        let plain = self.bind.iter().any(|address| matches!(address, Address::Grpc(_)));
        tokens::check_files(if plain { &self.token } else { &[] })
    }

    /// Checks what can be checked without touching the disk.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let bind = |index, what, help| Err(InvalidSetting::new("bind", what, help).item(index));
        let mut seen = HashSet::new();
        for (index, address) in self.bind.iter().enumerate() {
            match address {
                Address::GrpcUnix(path) => {
                    if path.file_name().is_none() || path.as_os_str().len() > MAX_PATH {
                        let what = "it must name a file in a directory of its own, in at most 107 bytes";
                        return bind(index, what, "write grpc+unix:///run/pmq/grpc.sock");
                    }
                }
                Address::Grpc(socket) => {
                    if !socket.ip().is_loopback() && !self.insecure {
                        let what = "it can be reached from other machines, and there is no encryption here";
                        return bind(index, what, "take grpcs:// or 127.0.0.1, or set insecure = true if that is what is meant");
                    }
                    if self.token.is_empty() && !(self.trust_loopback && socket.ip().is_loopback()) {
                        let what = "it is TCP, where a parent has to show a token, and there is none";
                        return bind(index, what, "add [[attach.grpc.token]] with a file");
                    }
                }
                Address::Grpcs { host, .. } => {
                    if host.parse::<IpAddr>().is_err() {
                        let what = "it names a host, and a listener needs an IP address";
                        return bind(index, what, "write grpcs://0.0.0.0:8001");
                    }
                }
                _ => {
                    let help = "write grpc+unix:///path, grpc://127.0.0.1:8001 or grpcs://0.0.0.0:8001";
                    return bind(index, "no address of gRPC", help);
                }
            }
            if !seen.insert(address) {
                return Err(settings::twice(index));
            }
        }
        settings::accept_rate(self.accept_rate)?;
        let tls_at = self.bind.iter().position(|address| matches!(address, Address::Grpcs { .. }));
        tls::check(&self.tls, &self.client, tls_at)?;
        tokens::check(&self.token)
    }
}
