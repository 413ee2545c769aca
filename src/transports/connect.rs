//! The parent's side: connect.

#[cfg(feature = "grpc")]
use super::grpc;
#[cfg(feature = "quic")]
use super::quic;
#[cfg(feature = "unix")]
use super::unix;
#[cfg(feature = "zeromq")]
use super::zeromq;
use super::{Address, Link, LinkError, Proof, memory};
use pmq_protocol::wire::Limits;

/// Connects to the agent at `address`. `limits` bound what it may send.
///
/// # Errors
/// [`LinkError::NobodyListens`]; [`LinkError::Io`] for the rest (a socket without permission, for example).
pub async fn connect(address: &Address, limits: Limits) -> Result<Link, LinkError> {
    connect_with(address, limits, &Proof::default()).await
}

/// As [`connect`], and shows what the agent asks for: a token (TCP), a key (QUIC), a certificate (gRPC over TLS).
///
/// # Errors
/// As [`connect`]. That the agent does not take the token is said by the agent on the link; [`LinkError::TurnedAway`] and [`LinkError::Stranger`] where keys
/// do not fit, [`LinkError::Identity`] and [`LinkError::Certificate`] where one is missing.
pub async fn connect_with(address: &Address, limits: Limits, proof: &Proof) -> Result<Link, LinkError> {
    match address {
        #[cfg(feature = "unix")]
        Address::Unix(path) => unix::connect(path, limits).await.map(Link::from),
        #[cfg(feature = "zeromq")]
        Address::ZmqIpc(_) | Address::ZmqTcp(_) => zeromq::connect(address, limits, proof.token.as_ref()).await.map(Link::from),
        #[cfg(feature = "quic")]
        Address::Quic { host, port, peer } => quic::connect(host, *port, peer, proof.identity.as_ref(), limits).await.map(Link::from),
        #[cfg(feature = "grpc")]
        Address::Grpc(_) | Address::Grpcs { .. } | Address::GrpcUnix(_) => grpc::connect(address, proof, limits).await.map(Link::from),
        Address::Memory(name) => memory::connect(name, limits, proof.on_behalf.clone()).await.map(Link::from),
        #[allow(unreachable_patterns, reason = "with all transports nothing is left")]
        _ => Err(LinkError::Address {
            url: address.to_string(),
            what: "this program was built without the feature of that transport: unix, zeromq, quic or grpc",
        }),
    }
}
