//! What both ends agree on before a byte of the attach protocol: TLS 1.3 with libp2p certificates, and QUIC's own bounds.

use std::sync::Arc;
use std::time::Duration;

use libp2p_identity::PeerId;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::rustls::NoKeyLog;
use quinn::rustls::client::Resumption;
use quinn::{ClientConfig, IdleTimeout, TransportConfig, VarInt};

use super::super::LinkError;
use super::Identity;

/// The protocol that the handshake names. The digit is the frames' version.
pub(super) const ALPN: &[u8] = b"pmq/1";

/// What one lane may have in flight, in bytes: a second lane is never held up by the first, and a peer that does not read holds no more than this.
const LANE_WINDOW: u32 = 2 * 1024 * 1024;

/// What this end may have sent and not acknowledged, in bytes, over all lanes.
const SEND_WINDOW: u64 = 4 * 1024 * 1024;

/// What a link may make an end hold, in bytes: what it has not read, and what is not acknowledged.
pub const LINK_BYTES: u64 = 3 * LANE_WINDOW as u64 + SEND_WINDOW;

/// Silence after which QUIC itself gives up. The session's heartbeat is far quicker; this clears up what never became a session.
const IDLE: Duration = Duration::from_secs(30);

/// QUIC's bounds at an end to which the other may open so many streams.
pub(super) fn transport(bidirectional: u32, unidirectional: u32) -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport.max_concurrent_bidi_streams(bidirectional.into());
    transport.max_concurrent_uni_streams(unidirectional.into());
    transport.datagram_receive_buffer_size(None);
    // The session's heartbeat keeps the path alive and finds a dead peer.
    transport.keep_alive_interval(None);
    transport.max_idle_timeout(IdleTimeout::try_from(IDLE).ok());
    transport.stream_receive_window(LANE_WINDOW.into());
    transport.receive_window(VarInt::from_u32(3 * LANE_WINDOW));
    transport.send_window(SEND_WINDOW);
    transport.allow_spin(false);
    Arc::new(transport)
}

/// The parent's: two lanes come from the agent, and nobody but `agent` passes.
pub(super) fn client(identity: &Identity, agent: PeerId) -> Result<ClientConfig, LinkError> {
    let mut tls = libp2p_tls::make_client_config(identity.keypair(), Some(agent)).map_err(unusable)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.resumption = Resumption::disabled();
    tls.enable_early_data = false;
    tls.key_log = Arc::new(NoKeyLog);
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).map_err(unusable)?));
    config.transport_config(transport(0, 2));
    Ok(config)
}

pub(super) fn unusable(error: impl std::fmt::Display) -> LinkError {
    LinkError::Identity { what: format!("no certificate can be made of the key: {error}") }
}

/// Whether the handshake failed because the other end is somebody else, and not because it cannot be reached.
pub(super) fn is_tls(code: quinn::TransportErrorCode) -> bool {
    // RFC 9001, section 4.8: TLS alerts are 0x100 to 0x1ff.
    (0x100..0x200).contains(&u64::from(code))
}
