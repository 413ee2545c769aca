//! A ZeroMQ DEALER written by hand: as much of ZMTP 3.0 (RFC 23) as a peer needs, and no library.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// A byte stream of either kind.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// A connection past its handshake.
pub struct Zmtp(Box<dyn Stream>);

impl Zmtp {
    /// Greeting and READY, both ways, without security.
    pub async fn handshake(mut stream: Box<dyn Stream>) -> io::Result<Self> {
        let mut greeting = [0; 64];
        (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
        greeting[12..16].copy_from_slice(b"NULL");
        stream.write_all(&greeting).await?;
        stream.read_exact(&mut greeting).await?;
        assert!((greeting[0], greeting[9]) == (0xff, 0x7f) && greeting[10] >= 3 && greeting[12..16] == *b"NULL", "{greeting:?}");
        let mut ready = b"\x05READY".to_vec();
        for (name, value) in [("Socket-Type", "DEALER"), ("Identity", "")] {
            ready.push(name.len() as u8);
            ready.extend_from_slice(name.as_bytes());
            ready.extend_from_slice(&(value.len() as u32).to_be_bytes());
            ready.extend_from_slice(value.as_bytes());
        }
        stream.write_all(&[&[COMMAND, ready.len() as u8], &ready[..]].concat()).await?;
        let mut own = Self(stream);
        let (flags, body) = own.frame().await?;
        assert!(flags & COMMAND != 0 && body.starts_with(b"\x05READY"), "{body:?}");
        Ok(own)
    }

    /// Sends a message of several parts.
    pub async fn send(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            bytes.push(if index + 1 < parts.len() { MORE | LONG } else { LONG });
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        self.0.write_all(&bytes).await
    }

    /// Begins a part of `announced` bytes and sends fewer of them.
    pub async fn send_half(&mut self, announced: usize, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(&[&[LONG][..], &(announced as u64).to_be_bytes(), bytes].concat()).await
    }

    /// The next message's parts. Commands, such as a PING, are left unanswered.
    pub async fn receive(&mut self) -> io::Result<Vec<Bytes>> {
        let mut parts = Vec::new();
        loop {
            let (flags, body) = self.frame().await?;
            if flags & COMMAND != 0 {
                continue;
            }
            parts.push(body);
            if flags & MORE == 0 {
                return Ok(parts);
            }
        }
    }

    async fn frame(&mut self) -> io::Result<(u8, Bytes)> {
        let flags = self.0.read_u8().await?;
        let length = if flags & LONG != 0 { self.0.read_u64().await? } else { u64::from(self.0.read_u8().await?) };
        let mut body = vec![0; length as usize];
        self.0.read_exact(&mut body).await?;
        Ok((flags, body.into()))
    }
}
