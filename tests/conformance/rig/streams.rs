//! A QUIC connection by hand: the library's handshake, and nothing else of it.

use std::net::SocketAddr;
use std::sync::Arc;

use pmq_protocol::wire::{Kind, Lane};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};
use tokio::net::UdpSocket;

use crate::transports;

/// Bytes in front of every frame.
pub const ORDER: usize = 16;

/// The streams of a parent.
pub struct Streams {
    control: SendStream,
    messages: SendStream,
    answers: RecvStream,
    _connection: Connection,
}

fn place(url: &str) -> (SocketAddr, &str) {
    let (at, peer) = url.strip_prefix("quic://").unwrap().split_once('/').unwrap();
    (at.parse().unwrap(), peer)
}

impl Streams {
    /// Proves who it is, and opens the streams of a parent.
    pub async fn open(url: &str) -> Self {
        let (at, peer) = place(url);
        let mut tls = libp2p_tls::make_client_config(&transports::keypair(), Some(peer.parse().unwrap())).unwrap();
        tls.alpn_protocols = vec![b"pmq/1".to_vec()];
        let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        let endpoint = Endpoint::client("0.0.0.0:0".parse().unwrap()).unwrap();
        let connection = endpoint.connect_with(config, at, "pmq").unwrap().await.unwrap();
        let (mut control, answers) = connection.open_bi().await.unwrap();
        control.write_all(&[0]).await.unwrap();
        let mut messages = connection.open_uni().await.unwrap();
        messages.write_all(&[1]).await.unwrap();
        Self { control, messages, answers, _connection: connection }
    }

    /// Sends a datagram that no QUIC made.
    pub async fn noise(url: &str, bytes: &[u8]) {
        let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        socket.send_to(bytes, place(url).0).await.unwrap();
    }

    /// Sends the bytes of a frame, sound or not, on the lane of its kind.
    pub async fn say(&mut self, bytes: &[u8]) {
        let lane = bytes.get(4).and_then(|&code| Kind::from_code(code)).map_or(Lane::Control, Lane::of);
        let stream = if lane == Lane::Messages { &mut self.messages } else { &mut self.control };
        // An agent that has heard enough may have closed the link already.
        drop(stream.write_all(&[&[0; ORDER], bytes].concat()).await);
    }

    /// Says no more.
    pub fn finish(&mut self) {
        // The agent may have closed them already.
        let _ = self.control.finish();
        let _ = self.messages.finish();
    }

    /// All that the agent says on the control lane until it ends the link.
    pub async fn hear_all(mut self) -> bytes::Bytes {
        let mut all = Vec::new();
        let mut part = [0; 4096];
        // A connection that is over says the same as the end of the stream.
        while let Ok(Some(count)) = self.answers.read(&mut part).await {
            all.extend_from_slice(&part[..count]);
        }
        all.into()
    }
}
