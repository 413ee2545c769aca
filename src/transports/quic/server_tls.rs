//! The agent's half of the handshake.

use std::sync::Arc;

use libp2p_identity::PeerId;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::rustls::NoKeyLog;
use quinn::rustls::pki_types::CertificateDer;
use quinn::rustls::server::NoServerSessionStorage;
use quinn::{Connection, ServerConfig};

use super::super::LinkError;
use super::Identity;
use super::tls::{ALPN, transport, unusable};

/// Handshakes that wait for an address to be proven, and datagrams kept for them.
const MAX_INCOMING: usize = 256;

/// Bytes kept for all of them together.
const INCOMING_BYTES: u64 = 1024 * 1024;

/// The agent's: one control stream and one lane come from the parent.
pub(super) fn server(identity: &Identity) -> Result<ServerConfig, LinkError> {
    let mut tls = libp2p_tls::make_server_config(identity.keypair()).map_err(unusable)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    // Every link is proven anew: no tickets, no early data. Keys are never written to a log.
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    tls.max_early_data_size = 0;
    tls.key_log = Arc::new(NoKeyLog);
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).map_err(unusable)?));
    config.transport_config(transport(1, 1));
    config.max_incoming(MAX_INCOMING).incoming_buffer_size_total(INCOMING_BYTES);
    Ok(config)
}

/// Who has proven to be at the other end.
pub(super) fn peer(connection: &Connection) -> Result<PeerId, String> {
    let proof = connection.peer_identity().and_then(|proof| proof.downcast::<Vec<CertificateDer<'static>>>().ok());
    let certificate = proof.as_ref().and_then(|chain| chain.first()).ok_or("no certificate was shown")?;
    let parsed = libp2p_tls::certificate::parse(certificate).map_err(|error| error.to_string())?;
    Ok(parsed.peer_id())
}
