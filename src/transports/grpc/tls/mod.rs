//! TLS over TCP, where each end proves by a certificate who it is.
//!
//! Nobody is trusted because some authority of the world knows him: an end takes the very certificates it was told of, and those of authorities it was told of.

mod agent;
mod own;
#[cfg(feature = "agent")]
mod parents;
#[cfg(feature = "agent")]
mod settings;

pub(super) use agent::connect;
pub use own::Certificate;
#[cfg(feature = "agent")]
pub(crate) use own::Own;
#[cfg(feature = "agent")]
pub(crate) use parents::{Guard, Parents};
#[cfg(feature = "agent")]
pub(super) use settings::check;
#[cfg(feature = "agent")]
pub use settings::{ClientCertificate, GrpcTls, TlsError};

/// What is spoken inside (HTTP/2).
const ALPN: &[u8] = b"h2";
