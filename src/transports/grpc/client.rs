//! The parent's end of a call.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status};
use tower::service_fn;

use super::super::ends::{Credential, Ends};
use super::super::{Address, LinkError, Proof, Token, memory};
use super::link::{Feed, Reader, Requests};
use super::proto::attach_client::AttachClient;
use super::{CONNECTION_WINDOW, STREAM_WINDOW, longest, tls};
use pmq_protocol::wire::Limits;

/// How long the agent may take to open the call.
const OPEN: Duration = Duration::from_secs(5);

/// A URL that nothing is looked up by.
const ANY: &str = "http://agent.invalid";

pub(in super::super) async fn connect(
    address: &Address,
    proof: &Proof,
    limits: Limits,
) -> Result<Ends<Box<Reader>, memory::Sender>, LinkError> {
    let (channel, peer) = channel(address, proof).await?;
    let mut client = AttachClient::new(channel).max_decoding_message_size(longest(limits)).max_encoding_message_size(usize::MAX);
    let (outgoing, answers) = memory::pipe();
    let other_half = memory::Closer::of(&outgoing);
    let mut request = Request::new(Requests(Feed::new(answers.limited(Limits { head: usize::MAX, payloads: usize::MAX }))));
    if let Some(token) = &proof.token {
        request.metadata_mut().insert("authorization", bearer(token)?);
    }
    let opened = tokio::time::timeout(OPEN, client.session(request)).await;
    let answer = match opened {
        Ok(Ok(answer)) => answer,
        Ok(Err(status)) => return Err(refused(&status, address)),
        Err(_) => return Err(LinkError::NobodyListens(address.clone())),
    };
    let incoming = Box::new(Reader::of_parent(answer.into_inner(), limits, other_half));
    Ok(Ends { peer, incoming, outgoing })
}

/// A connection, and who is at its other end as far as the system says.
async fn channel(address: &Address, proof: &Proof) -> Result<(Channel, Credential), LinkError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => LinkError::NobodyListens(address.clone()),
        _ => LinkError::Io { what: format!("connect to {address}"), source },
    };
    let endpoint = Endpoint::from_static(ANY)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .tcp_nodelay(true)
        .connect_timeout(OPEN);
    let broken = |error: tonic::transport::Error| LinkError::Io { what: format!("connect to {address}"), source: io::Error::other(error) };
    match address {
        Address::Grpc(socket) => {
            let stream = TcpStream::connect(socket).await.map_err(failed)?;
            stream.set_nodelay(true).map_err(failed)?;
            Ok((once(&endpoint, stream).await.map_err(broken)?, Credential::Unproven(*socket)))
        }
        Address::Grpcs { host, port } => {
            let certificate = proof.certificate.as_ref().ok_or_else(|| LinkError::Certificate {
                what: "a parent shows a certificate over TLS: give the client's builder a Certificate".to_owned(),
            })?;
            let connected = tokio::time::timeout(OPEN, TcpStream::connect((&**host, *port))).await;
            let stream = connected.map_err(|_| LinkError::NobodyListens(address.clone()))?.map_err(failed)?;
            stream.set_nodelay(true).map_err(failed)?;
            let proven = tokio::time::timeout(OPEN, tls::connect(stream, address, host, certificate)).await;
            let stream = proven.map_err(|_| LinkError::NobodyListens(address.clone()))??;
            Ok((once(&endpoint, stream).await.map_err(broken)?, Credential::Certificate(host.clone())))
        }
        Address::GrpcUnix(path) => {
            let stream = unix(path.clone()).await.map_err(failed)?;
            let who = stream.peer_cred().map_err(failed)?;
            let peer = Credential::Uid { uid: who.uid(), gid: who.gid(), pid: who.pid() };
            Ok((once(&endpoint, stream).await.map_err(broken)?, peer))
        }
        _ => Err(LinkError::Address { url: address.to_string(), what: "it is no address of gRPC" }),
    }
}

async fn unix(path: PathBuf) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}

/// A channel over that very connection: a link that breaks is not made anew behind the client's back.
async fn once<S>(endpoint: &Endpoint, stream: S) -> Result<Channel, tonic::transport::Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let mut stream = Some(stream);
    let connector = service_fn(move |_: Uri| {
        let taken = stream.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        async move { taken.map(TokioIo::new) }
    });
    endpoint.connect_with_connector(connector).await
}

fn bearer(token: &Token) -> Result<MetadataValue<Ascii>, LinkError> {
    let unfit = || LinkError::Token { what: "over gRPC it has to be printable ASCII, such as `openssl rand -hex 32` makes".to_owned() };
    let text = std::str::from_utf8(token.bytes()).map_err(|_| unfit())?;
    let mut value: MetadataValue<Ascii> = format!("Bearer {text}").parse().map_err(|_| unfit())?;
    value.set_sensitive(true);
    Ok(value)
}

fn refused(status: &Status, address: &Address) -> LinkError {
    match status.code() {
        tonic::Code::Unauthenticated | tonic::Code::PermissionDenied => {
            LinkError::TurnedAway { at: address.clone(), what: status.message().to_owned() }
        }
        _ => LinkError::Io { what: format!("open a session at {address}"), source: io::Error::other(status.clone()) },
    }
}
