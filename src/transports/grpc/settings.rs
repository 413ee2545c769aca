//! Settings of the gRPC listeners.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;

use super::super::address::MAX_PATH;
use super::super::tokens::{self, TokenError};
use super::super::{Address, LinkError, TokenFile};
use super::tls::{self, ClientCertificate, GrpcTls, Guard, TlsError};

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

/// A setting of the gRPC listeners that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrpcError {
    /// Another transport's address.
    #[error("`bind.{0}` is no address of gRPC; write grpc+unix:///path, grpc://127.0.0.1:8001 or grpcs://0.0.0.0:8001")]
    Scheme(usize),
    /// Twice the same.
    #[error("`bind.{0}` is there twice; delete one of them")]
    Twice(usize),
    /// A path that cannot be a socket's.
    #[error("`bind.{0}` must name a file in a directory of its own, in at most 107 bytes; write grpc+unix:///run/pmq/grpc.sock")]
    Path(usize),
    /// Reachable from other machines.
    #[error(
        "`bind.{0}` can be reached from other machines, and there is no encryption here; take grpcs:// or 127.0.0.1, or set insecure = true if that is what is meant"
    )]
    Exposed(usize),
    /// Nobody could attach.
    #[error("`bind.{0}` is TCP, where a parent has to show a token, and there is none; add [[attach.grpc.token]] with a file")]
    NoToken(usize),
    /// Out of range.
    #[error("`accept_rate` is {0}; take 1 to 10000 links a second")]
    AcceptRate(u32),
    /// A token that is none.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A setting of TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
    /// [`GrpcError`] names the first setting that cannot work.
    pub fn check(&self) -> Result<(), GrpcError> {
        let mut seen = HashSet::new();
        for (index, address) in self.bind.iter().enumerate() {
            match address {
                Address::GrpcUnix(path) => {
                    if path.file_name().is_none() || path.as_os_str().len() > MAX_PATH {
                        return Err(GrpcError::Path(index));
                    }
                }
                Address::Grpc(socket) => {
                    if !socket.ip().is_loopback() && !self.insecure {
                        return Err(GrpcError::Exposed(index));
                    }
                    if self.token.is_empty() && !(self.trust_loopback && socket.ip().is_loopback()) {
                        return Err(GrpcError::NoToken(index));
                    }
                }
                Address::Grpcs { host, .. } => {
                    if host.parse::<IpAddr>().is_err() {
                        return Err(TlsError::Host(index).into());
                    }
                }
                _ => return Err(GrpcError::Scheme(index)),
            }
            if !seen.insert(address) {
                return Err(GrpcError::Twice(index));
            }
        }
        if !(1..=10_000).contains(&self.accept_rate) {
            return Err(GrpcError::AcceptRate(self.accept_rate));
        }
        let tls_at = self.bind.iter().position(|address| matches!(address, Address::Grpcs { .. }));
        tls::check(&self.tls, &self.client, tls_at)?;
        Ok(tokens::check(&self.token)?)
    }
}
