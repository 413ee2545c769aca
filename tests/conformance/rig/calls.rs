//! A gRPC call by hand: HTTP/2 and the five bytes in front of every message, and nothing else of it.

use bytes::{Buf as _, Bytes};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use pmq_protocol::wire::{Encoder, Frame, FrameError, Limits, PREFIX, Prefix};
use pmq_transports::grpc::{from_proto, into_proto, proto};
use prost::Message as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// A call.
pub struct Call {
    requests: SendStream<Bytes>,
    answers: RecvStream,
    _connection: SendRequest<Bytes>,
}

fn place(url: &str) -> &str {
    url.strip_prefix("grpc://").unwrap()
}

/// The longest message that the agent reads, and one byte.
fn too_long() -> u32 {
    let Limits { head, payloads } = Limits::default();
    (2 * head + payloads + 64 * 1024 + 1) as u32
}

impl Call {
    /// Opens a session's call.
    pub async fn session(url: &str, token: &str) -> Self {
        Self::open(url, "pmq.v1.Attach/Session", token).await
    }

    /// Opens a call.
    pub async fn open(url: &str, method: &str, token: &str) -> Self {
        let stream = TcpStream::connect(place(url)).await.unwrap();
        let (connection, serving) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(serving);
        let mut connection = connection.ready().await.unwrap();
        let mut request = http::Request::post(format!("http://{}/{method}", place(url)))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let (answer, requests) = connection.send_request(request.body(()).unwrap(), false).unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.headers().get("grpc-status").is_none(), "{answer:?}");
        Self { requests, answers: answer.into_body(), _connection: connection }
    }

    /// Sends bytes that are no HTTP/2.
    pub async fn noise(url: &str, bytes: &[u8]) {
        // The agent may have closed it already.
        drop(TcpStream::connect(place(url)).await.unwrap().write_all(bytes).await);
    }

    /// Sends the bytes of a frame, in protobuf if they are sound, and else as what comes nearest to them in a call.
    pub fn say(&mut self, bytes: &[u8]) {
        // An agent that has heard enough may have ended the call already.
        drop(self.requests.send_data(message(bytes), false));
    }

    /// Sends bytes as they are; with `end`, no more.
    pub fn write(&mut self, bytes: &[u8], end: bool) {
        // An agent that has heard enough may have ended the call already.
        drop(self.requests.send_data(Bytes::copy_from_slice(bytes), end));
    }

    /// What the call ends with: gRPC's status, or HTTP/2's reset.
    pub async fn status(mut self) -> String {
        let ended = async {
            while let Some(data) = self.answers.data().await {
                match data {
                    Ok(data) => drop(self.answers.flow_control().release_capacity(data.len())),
                    Err(error) => return error.to_string(),
                }
            }
            match self.answers.trailers().await {
                Ok(Some(trailers)) => trailers["grpc-status"].to_str().unwrap().to_owned(),
                other => format!("{other:?}"),
            }
        };
        super::soon("the end of the call", ended).await
    }

    /// Says no more.
    pub fn finish(&mut self) {
        drop(self.requests.send_data(Bytes::new(), true));
    }

    /// All that the agent says until it ends the call.
    pub async fn hear_all(mut self) -> Vec<Frame> {
        let mut all = Vec::new();
        // A call that is reset behind the last message says the same as its end.
        while let Some(Ok(data)) = self.answers.data().await {
            drop(self.answers.flow_control().release_capacity(data.len()));
            all.extend_from_slice(&data);
        }
        let mut all = Bytes::from(all);
        let mut encoder = Encoder::default();
        std::iter::from_fn(|| {
            (all.len() >= 5).then(|| {
                assert_eq!(all.get_u8(), 0, "nobody asked for compression");
                let length = all.get_u32() as usize;
                from_proto(&mut encoder, &proto::Frame::decode(all.split_to(length)).unwrap()).unwrap()
            })
        })
        .collect()
    }
}

fn framed(length: u32, bytes: &[u8]) -> Bytes {
    [&[0], &length.to_be_bytes()[..], bytes].concat().into()
}

fn message(bytes: &[u8]) -> Bytes {
    let every = Limits { head: usize::MAX, payloads: usize::MAX };
    let Some(prefix) = bytes.first_chunk::<PREFIX>().and_then(|prefix| Prefix::read(prefix, every).ok()) else {
        return Bytes::copy_from_slice(bytes);
    };
    if Prefix::read(&prefix.write(), Limits::default()).is_err() {
        return framed(too_long(), &bytes[PREFIX..]);
    }
    if bytes.len() < prefix.frame_len() {
        return framed(bytes.len() as u32 + 1, bytes);
    }
    let (head, payloads) = bytes[PREFIX..].split_at(prefix.head_len());
    let frame = Frame { prefix, head: Bytes::copy_from_slice(head), payloads: vec![Bytes::copy_from_slice(payloads)] };
    match into_proto(&frame) {
        Ok(frame) => framed(frame.encoded_len() as u32, &frame.encode_to_vec()),
        Err(FrameError::Version { theirs }) => {
            let hello = proto::Hello { version: theirs.into(), ..proto::Hello::default() };
            let frame = proto::Frame { session: prefix.session.0, body: Some(proto::frame::Body::Hello(hello)) };
            framed(frame.encoded_len() as u32, &frame.encode_to_vec())
        }
        Err(_) => framed(bytes.len() as u32, bytes),
    }
}
