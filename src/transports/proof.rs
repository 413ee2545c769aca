//! What a parent shows of itself.

use super::Token;
#[cfg(feature = "grpc")]
use super::grpc::Certificate;
#[cfg(feature = "quic")]
use super::quic::Identity;

/// What a parent shows where an agent asks for it. Nothing, by default: over a Unix socket the system says who it is.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// For TCP: ZeroMQ, and gRPC without TLS.
    pub token: Option<Token>,
    /// For QUIC.
    #[cfg(feature = "quic")]
    pub identity: Option<Identity>,
    /// For gRPC over TLS.
    #[cfg(feature = "grpc")]
    pub certificate: Option<Certificate>,
    /// Within one process: whose parent it is, where the agent itself has been shown that.
    pub on_behalf: Option<super::Credential>,
}

impl From<Token> for Proof {
    fn from(token: Token) -> Self {
        Self { token: Some(token), ..Self::default() }
    }
}

#[cfg(feature = "quic")]
impl From<Identity> for Proof {
    fn from(identity: Identity) -> Self {
        Self { identity: Some(identity), ..Self::default() }
    }
}

#[cfg(feature = "grpc")]
impl From<Certificate> for Proof {
    fn from(certificate: Certificate) -> Self {
        Self { certificate: Some(certificate), ..Self::default() }
    }
}
