//! Where calls come in: connections, bounded, each with what the system says about its other end.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tonic::transport::server::Connected;

use super::super::accept::{AcceptError, classify};
use super::super::ends::Credential;
use super::super::throttle::Seldom;
use super::super::unix;
use super::Guard;
use super::strangers::{Stranger, Strangers};

/// Connections at a time. A further one waits in the system's queue.
pub const CONNECTIONS: usize = 256;

/// Connections at a time that have not said anything or not proven themselves yet, and how long they may take.
const HANDSHAKES: usize = CONNECTIONS;
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How long a connection over TCP may go without a call of somebody known.
const UNPROVEN: Duration = Duration::from_secs(10);

/// Pause when the process or the machine is out of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(unix::Listener),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Either<Plain, Box<TlsStream<Plain>>>,
    who: Who,
    /// When one that has made no call as somebody known is closed; `None` once it has, or where the system says who is there.
    until: Option<Pin<Box<Sleep>>>,
    /// Over TCP, from where.
    from: Option<SocketAddr>,
    /// Over TCP, until it has proven who is there.
    stranger: Option<Stranger>,
    _place: OwnedSemaphorePermit,
}

type Plain = Either<TcpStream, UnixStream>;

/// What the system says of the other end.
enum Seen {
    Known(Credential),
    /// On TCP nothing but that.
    From(SocketAddr),
}

/// Who is there.
#[derive(Debug, Clone)]
pub(super) struct Who {
    /// As the system or a certificate says: nobody, on TCP without TLS.
    pub(super) who: Option<Credential>,
    /// Whether a call has shown it.
    pub(super) proven: Arc<AtomicBool>,
}

impl Connection {
    /// Of somebody whom the system knows.
    fn known(stream: Plain, who: Credential, place: OwnedSemaphorePermit) -> Self {
        Self {
            stream: Either::Left(stream),
            who: Who { who: Some(who), proven: Arc::default() },
            until: None,
            from: None,
            stranger: None,
            _place: place,
        }
    }

    /// Of somebody who has to show who is there.
    fn unknown(stream: Plain, from: SocketAddr, stranger: Option<Stranger>, place: OwnedSemaphorePermit) -> Self {
        let who = Who { who: None, proven: Arc::default() };
        Self {
            stream: Either::Left(stream),
            who,
            until: Some(Box::pin(tokio::time::sleep(UNPROVEN))),
            from: Some(from),
            stranger,
            _place: place,
        }
    }

    /// Fails when nobody known has called in time: a place is not for those who only hold it.
    fn poll_proven(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Some(until) = &mut self.until {
            if self.who.proven.load(Ordering::Relaxed) {
                self.until = None;
                self.stranger = None;
            } else if until.as_mut().poll(cx).is_ready() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    /// Waits until the other end says something, and goes on by TLS where it has to.
    async fn begin(self, tls: Option<Guard>) -> io::Result<Self> {
        let Either::Left(stream) = self.stream else { return Ok(self) };
        let Some(tls) = tls else {
            match &stream {
                Either::Left(stream) => while !said(stream.readable().await, || stream.try_io(Interest::READABLE, || peek(stream)))? {},
                Either::Right(stream) => while !said(stream.readable().await, || stream.try_io(Interest::READABLE, || peek(stream)))? {},
            }
            return Ok(Self { stream: Either::Left(stream), ..self });
        };
        let (stream, name) = tls.accept(stream).await?;
        // What the system says goes before what a certificate says.
        let who = self.who.who.or(Some(Credential::Certificate(name)));
        Ok(Self { stream: Either::Right(Box::new(stream)), who: Who { who, ..self.who }, until: None, stranger: None, ..self })
    }
}

/// Whether there is something to read, or the end.
fn said(ready: io::Result<()>, look: impl FnOnce() -> io::Result<()>) -> io::Result<bool> {
    match ready.and_then(|()| look()) {
        Ok(()) => Ok(true),
        // A readiness may be none.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Looks at the first byte and leaves it there.
fn peek(socket: impl AsFd) -> io::Result<()> {
    let mut byte = [0_u8];
    rustix::net::recv(socket, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
    Ok(())
}

impl Connected for Connection {
    type ConnectInfo = Who;

    fn connect_info(&self) -> Who {
        self.who.clone()
    }
}

impl Socket {
    async fn next(&self) -> Result<(Plain, Seen), AcceptError> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await.map_err(classify)?;
                stream.set_nodelay(true).map_err(AcceptError::Peer)?;
                Ok((Either::Left(stream), Seen::From(from)))
            }
            Self::Unix(listener) => {
                let stream = listener.stream().await?;
                let who = stream.peer_cred().map_err(AcceptError::Peer)?;
                Ok((Either::Right(stream), Seen::Known(Credential::Uid { uid: who.uid(), gid: who.gid(), pid: who.pid() })))
            }
        }
    }

    /// Nobody finds it any more.
    pub(super) fn close(&self) {
        match self {
            Self::Unix(listener) => listener.leave(),
            Self::Tcp(listener) => {
                if let Err(error) = rustix::net::shutdown(listener, rustix::net::Shutdown::Both) {
                    tracing::debug!(%error, "the address was closed already");
                }
            }
        }
    }

    /// Connections until `stopped`, when the socket is closed: those whose other end says something, and with `tls` has proven what it has to.
    pub(super) fn connections(
        self: Arc<Self>,
        tls: Option<Guard>,
        stopped: oneshot::Receiver<()>,
        broken: oneshot::Sender<io::Error>,
    ) -> impl Stream<Item = io::Result<Connection>> {
        let seldom = Arc::new(Seldom::default());
        let proven = self.accepted(stopped, broken).map(move |accepted| {
            let (tls, seldom) = (tls.clone(), seldom.clone());
            let refused = metrics::counter!("pmq_attach_refused_total", "why" => "unproven");
            async move {
                let connection = match accepted {
                    Ok(connection) => connection,
                    Err(error) => return Some(Err(error)),
                };
                let from = connection.from;
                match tokio::time::timeout(HANDSHAKE, connection.begin(tls)).await {
                    Ok(Ok(connection)) => Some(Ok(connection)),
                    Ok(Err(error)) => {
                        refused.increment(1);
                        if seldom.may(Instant::now()) {
                            tracing::warn!(%error, ?from, "a connection over gRPC has not proven who is there (said once a second at most)");
                        }
                        None
                    }
                    Err(_) => {
                        refused.increment(1);
                        tracing::debug!(?from, "a connection over gRPC was silent for {HANDSHAKE:?}");
                        None
                    }
                }
            }
        });
        // Beside each other: one that says nothing holds up no other.
        proven.buffer_unordered(HANDSHAKES).filter_map(std::future::ready)
    }

    fn accepted(
        self: Arc<Self>,
        stopped: oneshot::Receiver<()>,
        broken: oneshot::Sender<io::Error>,
    ) -> impl Stream<Item = io::Result<Connection>> {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let strangers = Strangers::default();
        futures::stream::unfold((self, stopped, broken, places, strangers), |(socket, mut stopped, broken, places, strangers)| async move {
            let next = async {
                loop {
                    // Never closed: it is held here.
                    let place = places.clone().acquire_owned().await.ok()?;
                    match socket.next().await {
                        Ok((stream, Seen::Known(who))) => return Some(Ok(Connection::known(stream, who, place))),
                        Ok((stream, Seen::From(from))) => {
                            let stranger = strangers.let_in(from.ip());
                            // All users of this machine have one address: none of them keeps the others out by it.
                            if stranger.is_some() || from.ip().is_loopback() {
                                return Some(Ok(Connection::unknown(stream, from, stranger, place)));
                            }
                            metrics::counter!("pmq_attach_refused_total", "why" => "strangers").increment(1);
                        }
                        Err(AcceptError::Peer(error)) => tracing::debug!(%error, "a parent went away while it was accepted"),
                        Err(AcceptError::Exhausted(error)) => {
                            tracing::warn!(%error, "cannot accept parents over gRPC, trying again until resources are free");
                            tokio::time::sleep(PAUSE).await;
                        }
                        Err(AcceptError::Broken(error)) => return Some(Err(error)),
                    }
                }
            };
            tokio::select! {
                connection = next => match connection {
                    Some(Ok(connection)) => Some((Ok(connection), (socket, stopped, broken, places, strangers))),
                    Some(Err(error)) => {
                        // The listener says so to whoever accepts; it may have gone.
                        let _ = broken.send(error);
                        None
                    }
                    None => None,
                },
                _ = &mut stopped => None,
            }
        })
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_proven(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
