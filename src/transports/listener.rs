//! The agent's side: bind and accept.

use std::time::Instant;

use super::accept::AcceptError;
use super::throttle::Throttle;
use super::{Address, Credential, Link, LinkError, SocketMode, UnixSettings, ZeromqSettings, grpc, memory, quic, unix, zeromq};
use pmq_protocol::wire::Limits;

/// Accepts connections from parents. Dropping it frees the address: a socket file is unlinked if it is still ours, a name leaves the registry.
#[derive(Debug)]
pub struct Listener {
    inner: Inner,
    address: Address,
    throttle: Throttle,
    limits: Limits,
}

#[derive(Debug)]
enum Inner {
    Unix(unix::Listener),
    Memory(memory::Listener),
    Zeromq(zeromq::Listener),
    Quic(quic::Listener),
    Grpc(grpc::Listener),
}

impl Listener {
    /// Binds `address`; `accept_rate` links a second are accepted at most. A Unix socket gets [`SocketMode::Owner`].
    ///
    /// # Errors
    /// [`LinkError::AddressInUse`] when a living agent listens there; [`LinkError::Directory`] and [`LinkError::ForeignFile`] when the
    /// place cannot be trusted (promises 4); [`LinkError::Io`] for the rest.
    pub async fn bind(address: &Address, accept_rate: u32, limits: Limits) -> Result<Self, LinkError> {
        match address {
            Address::Unix(path) => {
                let settings = UnixSettings { path: path.clone(), mode: SocketMode::Owner, accept_rate };
                Self::bind_unix(&settings, limits).await
            }
            Address::ZmqIpc(_) | Address::ZmqTcp(_) => {
                let settings = ZeromqSettings { accept_rate, ..ZeromqSettings::default() };
                Self::bind_zeromq(address, &settings, limits).await
            }
            Address::Quic { .. } => {
                Err(LinkError::Address { url: address.to_string(), what: "a listener needs a key there: see bind_quic" })
            }
            Address::Grpc(_) | Address::Grpcs { .. } | Address::GrpcUnix(_) => {
                let settings = grpc::GrpcSettings { accept_rate, ..grpc::GrpcSettings::default() };
                Self::bind_grpc(address, &settings, limits, |routes, _| routes).await
            }
            Address::Memory(name) => {
                let inner = Inner::Memory(memory::Listener::bind(name)?);
                Ok(Self { inner, address: address.clone(), throttle: Throttle::new(accept_rate, Instant::now()), limits })
            }
        }
    }

    /// Binds a Unix socket as `settings` say.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub async fn bind_unix(settings: &UnixSettings, limits: Limits) -> Result<Self, LinkError> {
        let inner = Inner::Unix(unix::Listener::bind(&settings.path, settings.mode).await?);
        let address = Address::Unix(settings.path.clone());
        Ok(Self { inner, address, throttle: Throttle::new(settings.accept_rate, Instant::now()), limits })
    }

    /// Binds a ZeroMQ socket at `address` as `settings` say (`settings.bind` is not looked at). Port 0 takes a free one.
    ///
    /// # Errors
    /// As [`Self::bind`]; [`LinkError::Token`] for a token file that cannot be trusted.
    pub async fn bind_zeromq(address: &Address, settings: &ZeromqSettings, limits: Limits) -> Result<Self, LinkError> {
        let (listener, address) = zeromq::Listener::bind(address, settings, limits).await?;
        let throttle = Throttle::new(settings.accept_rate, Instant::now());
        Ok(Self { inner: Inner::Zeromq(listener), address, throttle, limits })
    }

    /// Binds a gRPC server at `address` as `settings` say (`settings.bind` is not looked at). Port 0 takes a free one. `services` adds further services to it.
    ///
    /// # Errors
    /// As [`Self::bind`]; [`LinkError::Token`] for a token file that cannot be trusted, [`LinkError::Certificate`] for a certificate or a key.
    pub async fn bind_grpc(
        address: &Address,
        settings: &grpc::GrpcSettings,
        limits: Limits,
        services: impl FnOnce(tonic::service::Routes, &grpc::Caller) -> tonic::service::Routes,
    ) -> Result<Self, LinkError> {
        let (listener, address) = grpc::Listener::bind(address, settings, limits, None, services).await?;
        Ok(Self { inner: Inner::Grpc(listener), address, throttle: Throttle::new(settings.accept_rate, Instant::now()), limits })
    }

    /// Binds a gRPC server at a Unix socket where the other end has to prove what `tls` says.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub async fn bind_grpc_tls(
        path: &std::path::Path,
        tls: Option<grpc::Guard>,
        limits: Limits,
        services: impl FnOnce(tonic::service::Routes, &grpc::Caller) -> tonic::service::Routes,
    ) -> Result<Self, LinkError> {
        let (address, settings) = (Address::GrpcUnix(path.to_owned()), grpc::GrpcSettings::default());
        let (listener, address) = grpc::Listener::bind(&address, &settings, limits, tls, services).await?;
        Ok(Self { inner: Inner::Grpc(listener), address, throttle: Throttle::new(settings.accept_rate, Instant::now()), limits })
    }

    /// Binds QUIC at `socket` (port 0 takes a free one) as `identity`, for the peers in `parents` (base58). What one says is read only if it is among them.
    ///
    /// # Errors
    /// [`LinkError::AddressInUse`]; [`LinkError::Identity`] for a key of which no certificate can be made; [`LinkError::Io`] for the rest.
    pub fn bind_quic(
        socket: std::net::SocketAddr,
        accept_rate: u32,
        identity: &quic::Identity,
        parents: impl IntoIterator<Item = String>,
        limits: Limits,
    ) -> Result<Self, LinkError> {
        let (listener, address) = quic::Listener::bind(socket, identity, parents, limits)?;
        Ok(Self { inner: Inner::Quic(listener), address, throttle: Throttle::new(accept_rate, Instant::now()), limits })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The next parent. Cancel-safe. Waits while the accept rate is used up, and backs off while the process or the machine is out of
    /// descriptors or memory (said once per drought in the log).
    ///
    /// # Errors
    /// [`LinkError::Io`] when the listener itself is broken; the caller should bind anew.
    pub async fn accept(&mut self) -> Result<Link, LinkError> {
        loop {
            // CORRECTNESS: dropped here or below, nothing is lost: the throttle changes only after an accept has been answered.
            let wait = self.throttle.wait(Instant::now());
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            let accepted = match &mut self.inner {
                Inner::Unix(listener) => listener.accept(self.limits).await.map(Link::from),
                Inner::Memory(listener) => listener.accept(self.limits).await.map(Link::from),
                Inner::Zeromq(listener) => listener.accept().await.map(Link::from),
                Inner::Quic(listener) => listener.accept().await.map(Link::from),
                Inner::Grpc(listener) => listener.accept().await.map(Link::from),
            };
            match accepted {
                Ok(link) => {
                    // Who has proven nothing takes no part of the rate from those who may.
                    if !matches!(link.peer, Credential::Unproven(_)) {
                        self.throttle.accepted(Instant::now());
                    }
                    return Ok(link);
                }
                Err(AcceptError::Exhausted(source)) => {
                    if self.throttle.back_off(Instant::now()) {
                        tracing::warn!(address = %self.address, error = %source, "cannot accept parents, trying again until resources are free");
                    }
                }
                Err(AcceptError::Peer(source)) => {
                    // That peer was gone before it was accepted; the next one may be well.
                    self.throttle.accepted(Instant::now());
                    tracing::debug!(address = %self.address, error = %source, "a parent went away while it was accepted");
                }
                Err(AcceptError::Broken(source)) => {
                    return Err(LinkError::Io { what: format!("accept at {}", self.address), source });
                }
            }
        }
    }
}
