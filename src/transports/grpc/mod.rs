//! Links over gRPC: one bidirectional call of `pmq.v1.Attach` is one link, whose frames are protobuf. For parents in any language.
//!
//! ```text
//!  agent    Link <- Reader <- protobuf <----- requests ------ parent
//!           Link -> pipe -> Feed -> protobuf -- answers ---->
//! ```
//! - **Bounds going out.** What waits to be sent is in a pipe, from which HTTP/2 takes as much as its windows allow.
//! - **Length.** A frame of several entries is cut below gRPC's usual limit of 4 MiB (`split.rs`).
//! - **Bounds coming in.** HTTP/2's windows, a longest message, and a most of entries (`codec.rs`).
//! - **Who is there.** The kernel says it on a Unix socket, a certificate over TLS, a token in the metadata on TCP without it.

mod client;
mod codec;
mod from_proto;
mod into_proto;
mod link;
#[cfg(feature = "listen")]
mod listener;
#[cfg(feature = "listen")]
mod settings;
#[cfg(feature = "listen")]
mod socket;
mod split;
#[cfg(feature = "listen")]
mod strangers;
#[cfg(test)]
#[path = "proto_tests.rs"]
mod tests;
mod tls;

pub(super) use client::connect;
pub use codec::{Bounded, Codec, FlatCodec, decode};
pub use from_proto::from_proto;
pub use into_proto::into_proto;
pub(super) use link::Reader;
#[cfg(feature = "listen")]
pub use listener::Caller;
#[cfg(feature = "listen")]
pub(super) use listener::Listener;
#[cfg(feature = "listen")]
pub use settings::GrpcSettings;
#[cfg(feature = "listen")]
pub use socket::CONNECTIONS;
pub use tls::Certificate;
#[cfg(feature = "listen")]
pub use tls::{ClientCertificate, GrpcTls};
#[cfg(feature = "listen")]
pub use tls::{Guard, Own, Parents};

/// The attach protocol's messages and service, as `proto/pmq/v1/attach.proto` says.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, unused_qualifications)]
pub mod proto {
    include!("generated/pmq.v1.rs");
}

/// The Go predecessor's messages and services, as `proto/p2pmq/p2pmq.proto` says.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, unused_qualifications)]
pub mod p2pmq {
    include!("generated/p2pmq.rs");
}

/// What hashicorp/go-plugin expects of a plugin, as `proto/plugin/plugin.proto` says.
#[cfg(feature = "listen")]
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, unused_qualifications)]
pub mod plugin {
    include!("generated/plugin.rs");
}

/// What one stream may have in flight, in bytes.
const STREAM_WINDOW: u32 = 1024 * 1024;

/// What all streams of a connection may, in bytes.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// What a link may make an end hold beside its frames, in bytes: both directions of its connection.
#[cfg(feature = "listen")]
pub const LINK_BYTES: u64 = 2 * CONNECTION_WINDOW as u64;

/// The longest message that is read: a frame at its limits, with what protobuf needs around it.
fn longest(limits: pmq_protocol::wire::Limits) -> usize {
    limits.head.saturating_mul(2).saturating_add(limits.payloads).saturating_add(64 * 1024)
}
