//! The agent's end: a gRPC server whose sessions are links.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};
use tonic_health::ServingStatus;

use super::super::accept::AcceptError;
use super::super::ends::{Credential, Ends};
use super::super::tokens::Tokens;
use super::super::unix;
use super::super::{Address, LinkError, SocketMode, memory};
use super::link::{Answers, Feed, Reader};
use super::proto::attach_server::{Attach, AttachServer};
use super::socket::{Socket, Who};
use super::{CONNECTION_WINDOW, GrpcSettings, Guard, STREAM_WINDOW, longest, proto};
use pmq_protocol::wire::Limits;

/// Sessions that are open and not accepted yet.
const BACKLOG: usize = 128;

/// Calls at a time on one connection.
const CALLS: u32 = 256;

/// Longest question about health or services, in bytes: anybody may ask.
const QUESTION: usize = 4 * 1024;

/// Bytes of a call's metadata.
const METADATA: u32 = 16 * 1024;

/// A connection that answers no HTTP/2 ping for so long is closed.
const PING: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(10));

/// What server reflection shows.
const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.bin");

/// A call that has become a link.
type Opened = Ends<Box<Reader>, memory::Sender>;

#[derive(Debug)]
pub(in super::super) struct Listener {
    opened: mpsc::Receiver<Opened>,
    socket: Arc<Socket>,
    /// What ended the socket; `None` once that was told.
    broken: Option<oneshot::Receiver<std::io::Error>>,
    /// Dropped with this: no further connection is taken. Sessions go on.
    _stop: oneshot::Sender<()>,
}

/// Who calls: what the system or a certificate says, or a token.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Gate>);

#[derive(Debug)]
struct Gate {
    at: Address,
    tokens: Tokens,
    trust_loopback: bool,
}

impl Caller {
    /// Who makes that call.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, with the mend, for one that has proven nothing.
    pub fn of(&self, headers: &http::HeaderMap, extensions: &http::Extensions) -> Result<Credential, Status> {
        let Gate { at, tokens, trust_loopback } = &*self.0;
        let who = extensions.get::<Who>();
        if let Some(Who { who: Some(who), .. }) = who {
            return Ok(who.clone());
        }
        let let_in = |name: Arc<str>| {
            if let Some(who) = who {
                who.proven.store(true, Ordering::Relaxed);
            }
            Ok(Credential::Token(name))
        };
        let shown = headers.get(http::header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
        let secret = shown.and_then(|shown| shown.strip_prefix(b"Bearer ").or_else(|| shown.strip_prefix(b"bearer ")));
        let loopback = matches!(at, Address::Grpc(socket) if socket.ip().is_loopback());
        match (secret.and_then(|secret| tokens.name(secret)), shown) {
            (Some(name), _) => let_in(name.clone()),
            (None, None) if *trust_loopback && loopback => let_in(Credential::OWN.into()),
            (None, None) => Err(Status::unauthenticated(
                "a token is needed: send \"authorization: Bearer TOKEN\" with the content of a file of [[attach.grpc.token]]",
            )),
            (None, Some(_)) => Err(Status::unauthenticated(
                "unknown token: send \"authorization: Bearer TOKEN\" with the content of a file of [[attach.grpc.token]]",
            )),
        }
    }
}

impl Listener {
    /// Binds; answers the address with its port. `services` makes further services, which ask who calls. `tls`: at a Unix socket, what the other end has to prove beside what the system says.
    pub(in super::super) async fn bind(
        address: &Address,
        settings: &GrpcSettings,
        limits: Limits,
        tls: Option<Guard>,
        services: impl FnOnce(Routes, &Caller) -> Routes,
    ) -> Result<(Self, Address), LinkError> {
        let (socket, address, tls) = match address {
            Address::GrpcUnix(path) => {
                let bound = unix::Listener::bind(path, SocketMode::Owner).await.map_err(|error| match error {
                    LinkError::AddressInUse(_) => LinkError::AddressInUse(address.clone()),
                    other => other,
                });
                (Socket::Unix(bound?), address.clone(), tls)
            }
            Address::Grpc(socket) => {
                let (listener, socket) = tcp(*socket, address).await?;
                (Socket::Tcp(listener), Address::Grpc(socket), None)
            }
            Address::Grpcs { host, port } => {
                let ip: IpAddr = host.parse().map_err(|_| LinkError::Address {
                    url: address.to_string(),
                    what: "a listener needs an IP address: write grpcs://0.0.0.0:8001",
                })?;
                let guard = Guard::read(&settings.tls, &settings.client).map_err(|(_, error)| error)?;
                let (listener, socket) = tcp((ip, *port).into(), address).await?;
                (Socket::Tcp(listener), Address::Grpcs { host: host.clone(), port: socket.port() }, Some(guard))
            }
            _ => return Err(LinkError::Address { url: address.to_string(), what: "it is no address of gRPC" }),
        };
        let shown = if matches!(address, Address::Grpc(_)) { &settings.token[..] } else { &[] };
        let gate = Gate { at: address.clone(), tokens: Tokens::read(shown)?, trust_loopback: settings.trust_loopback };
        let caller = Caller(Arc::new(gate));
        let (accepted, opened) = mpsc::channel(BACKLOG);
        let (stop, stopped) = oneshot::channel();
        let (tell, broken) = oneshot::channel();
        let sessions = AttachServer::new(Sessions { accepted, caller: caller.clone(), limits })
            .max_decoding_message_size(longest(limits))
            .max_encoding_message_size(usize::MAX);
        let routes = services(Routes::new(sessions), &caller);
        let routes = well_known(routes).await?;
        let server = Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(CALLS)
            .http2_max_header_list_size(METADATA)
            .http2_keepalive_interval(Some(PING.0))
            .http2_keepalive_timeout(Some(PING.1))
            .add_routes(routes);
        let (at, socket) = (address.clone(), Arc::new(socket));
        let connections = socket.clone().connections(tls, stopped, tell);
        tokio::spawn(async move {
            // The connections end with the stream of them, so this goes on until the last session has ended.
            if let Err(error) = server.serve_with_incoming(connections).await {
                tracing::error!(address = %at, %error, "the gRPC server has failed");
            }
        });
        Ok((Self { opened, socket, broken: Some(broken), _stop: stop }, address))
    }

    pub(in super::super) async fn accept(&mut self) -> Result<Opened, AcceptError> {
        let gone = || AcceptError::Broken(std::io::ErrorKind::NotConnected.into());
        let Some(broken) = &mut self.broken else { return Err(gone()) };
        tokio::select! {
            link = self.opened.recv() => link.ok_or_else(gone),
            error = broken => {
                self.broken = None;
                Err(error.map_or_else(|_| gone(), AcceptError::Broken))
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The server lets go of the socket a little later: until then nobody is let in.
        self.socket.close();
    }
}

async fn tcp(socket: SocketAddr, address: &Address) -> Result<(TcpListener, SocketAddr), LinkError> {
    let what = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AddrInUse => LinkError::AddressInUse(address.clone()),
        _ => LinkError::Io { what: format!("bind {address}"), source },
    };
    let listener = TcpListener::bind(socket).await.map_err(what)?;
    let socket = listener.local_addr().map_err(what)?;
    Ok((listener, socket))
}

/// Health and reflection, as tools expect them.
async fn well_known(routes: Routes) -> Result<Routes, LinkError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<AttachServer<Sessions>>().await;
    // The name by which go-plugin's hosts ask.
    reporter.set_service_status("plugin", ServingStatus::Serving).await;
    let failed = |error: tonic_reflection::server::Error| LinkError::Io {
        what: "describe the gRPC services".to_owned(),
        source: std::io::Error::other(error),
    };
    let describe = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let (new, old) = (describe().build_v1().map_err(failed)?, describe().build_v1alpha().map_err(failed)?);
    let health = health.max_decoding_message_size(QUESTION);
    let (new, old) = (new.max_decoding_message_size(QUESTION), old.max_decoding_message_size(QUESTION));
    Ok(routes.add_service(health).add_service(new).add_service(old))
}

/// Makes links of calls.
#[derive(Debug)]
struct Sessions {
    accepted: mpsc::Sender<Opened>,
    caller: Caller,
    limits: Limits,
}

#[tonic::async_trait]
impl Attach for Sessions {
    type SessionStream = Answers;

    async fn session(&self, request: Request<Streaming<proto::Frame>>) -> Result<Response<Answers>, Status> {
        let peer = self.caller.of(request.metadata().as_ref(), request.extensions())?;
        let (outgoing, answers) = memory::pipe();
        let incoming = Box::new(Reader::of_agent(request.into_inner(), self.limits, memory::Closer::of(&outgoing)));
        let link = Ends { peer, incoming, outgoing };
        self.accepted.send(link).await.map_err(|_| Status::unavailable("the agent is shutting down"))?;
        Ok(Response::new(Answers(Feed::new(answers.limited(Limits { head: usize::MAX, payloads: usize::MAX })))))
    }
}
