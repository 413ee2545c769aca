//! The parent's end: a DEALER of its own for every link, so that the agent meets a new identity each time. It reads its socket only when it is
//! asked to, so that the system's own flow control holds the agent back.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::channel::mpsc;
use futures::{FutureExt, StreamExt};
use tokio::net::{TcpStream, UnixStream};
use zeromq::{
    DealerRecvHalf, DealerSendHalf, DealerSocket, Socket, SocketEvent, SocketOptions, SocketRecv, SocketSend, ZmqError, ZmqMessage,
};

use super::super::Token;
use super::super::ends::{Credential, Ends};
use super::super::{Address, LinkError};
use super::envelope::{self, Said};
use super::failed;
use super::load::Load;
use pmq_protocol::wire::{Frame, Limits};

/// How long the handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(3);

pub(in super::super) async fn connect(
    address: &Address,
    limits: Limits,
    token: Option<&Token>,
) -> Result<Ends<Receiver, Sender>, LinkError> {
    let what = || format!("connect to the agent at {address}");
    let (endpoint, peer) = probe(address).await?;
    let mut options = SocketOptions::default();
    options.connect_timeout(HANDSHAKE);
    let mut socket = DealerSocket::with_options(options);
    let events = socket.monitor();
    socket.connect(&endpoint).await.map_err(failed(what()))?;
    let (mut send, recv) = socket.split();
    let open = ZmqMessage::try_from(envelope::open(token.map_or(&[], Token::bytes))).map_err(|error| failed(what())(empty(&error)))?;
    send.send(open).await.map_err(failed(what()))?;
    let load = Arc::<Load>::default();
    Ok(Ends {
        peer,
        incoming: Receiver { half: recv, events, limits, load: load.clone(), ended: false },
        outgoing: Sender { half: send, load, left: false },
    })
}

fn empty(error: &zeromq::ZmqEmptyMessageError) -> ZmqError {
    ZmqError::Network(io::Error::other(error.to_string()))
}

/// Whether anybody listens: the crate would go on trying without a word. Answers its name for the place, and who is there as far as can be told.
async fn probe(address: &Address) -> Result<(String, Credential), LinkError> {
    let refused = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => {
            LinkError::NobodyListens(address.clone())
        }
        _ => LinkError::Io { what: format!("connect to the agent at {address}"), source },
    };
    match address {
        Address::ZmqIpc(path) => {
            let path_text = path.to_str().ok_or_else(|| LinkError::Address { url: address.to_string(), what: "the path is no UTF-8" })?;
            // The crate keeps the stream to itself, so whom it leads to is asked here.
            let who = UnixStream::connect(path).await.and_then(|stream| stream.peer_cred()).map_err(refused)?;
            Ok((format!("ipc://{path_text}"), Credential::Uid { uid: who.uid(), gid: who.gid(), pid: who.pid() }))
        }
        Address::ZmqTcp(socket) => {
            TcpStream::connect(socket).await.map_err(refused)?;
            Ok((format!("tcp://{socket}"), Credential::Unproven(*socket)))
        }
        Address::Unix(_) | Address::Quic { .. } | Address::Grpc(_) | Address::Grpcs { .. } | Address::GrpcUnix(_) | Address::Memory(_) => {
            Err(LinkError::Address { url: address.to_string(), what: "it is no address of ZeroMQ" })
        }
    }
}

pub(crate) struct Receiver {
    half: DealerRecvHalf,
    events: mpsc::Receiver<SocketEvent>,
    limits: Limits,
    /// Closed when this end sees that the link is over.
    load: Arc<Load>,
    ended: bool,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Receiver {
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, LinkError>>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            // CORRECTNESS: the crate's `recv` keeps its progress in the socket, so a future that is dropped while pending has lost nothing.
            let received = self.half.recv().poll_unpin(cx);
            match received {
                Poll::Ready(Ok(message)) => match envelope::read(message.into_vecdeque()) {
                    Said::Leave => return self.end(None),
                    Said::Open(_) => {}
                    Said::Frame(parts) => match envelope::frame(parts, self.limits) {
                        Ok(frame) => return Poll::Ready(Some(Ok(frame))),
                        Err(error) => return self.end(Some(error.into())),
                    },
                },
                // A command that the crate does not know, such as libzmq's PING: what follows is read as ever.
                Poll::Ready(Err(ZmqError::Codec(error))) if error.to_string().contains("Unknown command") => {}
                Poll::Ready(Err(ZmqError::Network(source))) => return self.end(lost(source)),
                Poll::Ready(Err(error)) => return self.end(lost(io::Error::other(error))),
                Poll::Pending => match self.events.poll_next_unpin(cx) {
                    Poll::Ready(Some(SocketEvent::Disconnected(_)) | None) => return self.end(None),
                    Poll::Ready(Some(_)) => {}
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    fn end(&mut self, error: Option<LinkError>) -> Poll<Option<Result<Frame, LinkError>>> {
        self.ended = true;
        self.load.close();
        Poll::Ready(error.map(Err))
    }
}

/// What is lost with the connection is told; that it is gone is the plain end.
fn lost(source: io::Error) -> Option<LinkError> {
    let gone = matches!(source.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof);
    (!gone).then(|| LinkError::Io { what: "read from the peer".to_owned(), source })
}

pub(crate) struct Sender {
    half: DealerSendHalf,
    load: Arc<Load>,
    left: bool,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("load", &self.load).field("left", &self.left).finish_non_exhaustive()
    }
}

impl Sender {
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.load.poll_room(cx)
    }

    pub(crate) fn queue(&mut self, frame: Frame) -> Result<(), LinkError> {
        if self.left || self.load.is_closed() {
            return Err(LinkError::Closed);
        }
        self.send(envelope::write(None, frame, &self.load))
    }

    /// Nothing to do: what is queued is on its way, and counted.
    pub(crate) fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        Poll::Ready(if self.load.is_closed() { Err(LinkError::Closed) } else { Ok(()) })
    }

    /// Ready when everything is in the crate's write buffer.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.leave();
        self.load.poll_empty(cx).map(Ok)
    }

    /// The crate's queue for its one peer takes far more than [`Load`] lets in, so `send` has no reason to wait; without a peer it fails.
    fn send(&mut self, message: ZmqMessage) -> Result<(), LinkError> {
        match self.half.send(message).now_or_never() {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => {
                self.load.close();
                Err(LinkError::Closed)
            }
        }
    }

    fn leave(&mut self) {
        if !std::mem::replace(&mut self.left, true) && !self.load.is_closed() {
            let last = self.load.part(envelope::leave().to_vec(), 0);
            // A peer that is gone needs no goodbye.
            let _ = self.send(last.into());
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.leave();
    }
}
