#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use bytesize::ByteSize;

use super::*;
use crate::settings::Quic;

#[test]
fn every_setting_of_quic_reaches_the_library() {
    let quic = Quic {
        max_idle_timeout: Duration::from_secs(21),
        keep_alive_interval: Some(Duration::from_secs(3)),
        max_concurrent_streams: 7,
        max_stream_data: ByteSize::kib(321),
        max_connection_data: ByteSize::kib(4_321),
    };
    let settings = Settings { quic, dial_timeout: Duration::from_secs(9), ..Settings::default() };
    let config = quic_config(quic::Config::new(&libp2p::identity::Keypair::generate_ed25519()), &settings);
    assert_eq!(config.handshake_timeout, Duration::from_secs(9));
    assert_eq!(config.max_idle_timeout, 21_000);
    assert_eq!(config.keep_alive_interval, Duration::from_secs(3));
    assert_eq!(config.max_concurrent_stream_limit, 7);
    assert_eq!(config.max_stream_data, 321 * 1024);
    assert_eq!(config.max_connection_data, 4_321 * 1024);
}
