//! What a client wants, said before it connects.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use super::attachment::Attachment;
use super::connection::Connection;
use super::handle::{Inner, PERMITS};
use super::outbox::Outbox;
use super::slot::Slot;
use super::{Client, ClientError, ConsumeOptions, Status, VerifyOptions};
use pmq_protocol::session::{ParentTerms, Timing, Want};
use pmq_protocol::wire::{Cursor, Limits, Roles, Window};
#[cfg(feature = "grpc")]
use pmq_transports::grpc::Certificate;
#[cfg(feature = "quic")]
use pmq_transports::quic::Identity;
use pmq_transports::{Address, Proof, Token};

/// What a client wants: made by [`Client::builder`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use pmq_client::{Client, ClientError, VerifyOptions};
///
/// let client = Client::builder("memory:nobody-is-there")
///     .verify("weather", VerifyOptions::default())
///     .connect_timeout(std::time::Duration::from_millis(50))
///     .connect()
///     .await;
/// assert!(matches!(client, Err(ClientError::Timeout { .. })));
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing before .connect()"]
pub struct Builder {
    url: String,
    wants: Vec<Want>,
    software: String,
    proof: Proof,
    terms: ParentTerms,
    connect_timeout: Duration,
    request_timeout: Duration,
}

impl Builder {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            wants: Vec::new(),
            software: concat!("pmq-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            proof: Proof::default(),
            terms: ParentTerms::default(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
        }
    }

    /// Gives verdicts on a network, or is a shadow there: [`Client::verify`] or [`Client::verifier`]. The last call for a network counts.
    pub fn verify(mut self, network: &str, options: VerifyOptions) -> Self {
        let VerifyOptions { window, group, shadow } = options;
        let want = self.want(network, Roles::NONE);
        let others = want.roles.without(Roles::VERIFY | Roles::SHADOW);
        want.roles = others | if shadow { Roles::SHADOW } else { Roles::VERIFY };
        (want.verify, want.group) = (window, group.into());
        self
    }

    /// Receives what is accepted on a network: [`Client::consumer`].
    pub fn consume(mut self, network: &str, options: ConsumeOptions) -> Self {
        let ConsumeOptions { name, cursor, window, policy } = options;
        let want = self.want(network, Roles::CONSUME);
        (want.consumer, want.cursor, want.consume, want.policy) = (name.into(), cursor, window, policy);
        self
    }

    /// Publishes to a network, subscribes, sets thresholds, marks and allow-lists.
    pub fn produce(mut self, network: &str) -> Self {
        self.want(network, Roles::PRODUCE);
        self
    }

    /// Name and version of the parent's software, for the agent's log. Default: this library's.
    pub fn software(mut self, software: impl Into<String>) -> Self {
        self.software = software.into();
        self
    }

    /// What it shows where the agent asks for a token: ZeroMQ over TCP, and gRPC over TCP without TLS.
    pub fn token(mut self, token: Token) -> Self {
        self.proof.token = Some(token);
        self
    }

    /// The key by which it proves who it is, where the agent goes by keys: QUIC.
    #[cfg(feature = "quic")]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.proof.identity = Some(identity);
        self
    }

    /// What it shows over gRPC with TLS, and how it knows its agent.
    #[cfg(feature = "grpc")]
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.proof.certificate = Some(certificate);
        self
    }

    /// Attaches within the agent's process on behalf of somebody who has shown the agent who it is.
    pub fn on_behalf(mut self, who: pmq_transports::Credential) -> Self {
        self.proof.on_behalf = Some(who);
        self
    }

    /// How long [`Self::connect`] tries. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a publish or another request may take, over lost links if need be. Default: 10 s; longer than the network's
    /// `publish_wait`.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Heartbeat. Default: asked after 1 s of silence, dead after 3 s.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.terms.timing = timing;
        self
    }

    /// The most that is accepted from the agent in one frame, and sent to it.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.terms.limits = limits;
        self
    }

    /// Connects, and goes on trying while nobody listens, until the agent's welcome.
    ///
    /// # Errors
    /// [`ClientError::Timeout`] with what became of the last attempt; at once for what no further attempt can mend: a bad URL
    /// ([`ClientError::Link`]), a role or network that is not granted or another protocol version ([`ClientError::Refused`]).
    pub async fn connect(self) -> Result<Client, ClientError> {
        let address: Address = self.url.parse()?;
        let (status, mut watched) = watch::channel(Status::Connecting);
        let slots: Vec<Slot> = self.wants.into_iter().map(Slot::new).collect();
        let inner = Arc::new(Inner {
            outbox: Arc::new(Outbox::new(slots.iter().map(Slot::cursor).collect())),
            networks: slots.iter().map(Slot::handle).collect(),
            permits: Arc::new(Semaphore::new(PERMITS)),
            request_timeout: self.request_timeout,
            status: watched.clone(),
        });
        let kept = Attachment {
            software: self.software,
            terms: self.terms,
            slots,
            outbox: inner.outbox.clone(),
            status,
            times: 0,
            subscriptions: BTreeSet::new(),
        };
        let connection = Connection::new(address, self.proof, kept);
        tokio::spawn(connection.run());
        // Dropped on every way out but the last: the connection ends with it.
        let client = Client(inner);
        let mut last = None;
        let attached = async {
            loop {
                match &*watched.borrow_and_update() {
                    Status::Connected { .. } => return Ok(()),
                    Status::Disconnected { reason } => last = Some(reason.clone()),
                    Status::Refused(error) => return Err(error.clone()),
                    Status::Closed => return Err(ClientError::Closed),
                    Status::Connecting => {}
                }
                watched.changed().await.map_err(|_| ClientError::Closed)?;
            }
        };
        match tokio::time::timeout(self.connect_timeout, attached).await {
            Ok(attached) => attached.map(|()| client),
            Err(_) => {
                let last = last.map_or_else(|| "no answer".to_owned(), |error| error.to_string());
                Err(ClientError::Timeout { after: self.connect_timeout, last })
            }
        }
    }

    fn want(&mut self, network: &str, role: Roles) -> &mut Want {
        let at = self.wants.iter().position(|want| &*want.network == network).unwrap_or_else(|| {
            let none = Window { messages: 0, bytes: 0 };
            self.wants.push(Want {
                network: network.into(),
                roles: Roles::NONE,
                verify: none,
                consume: none,
                consumer: "".into(),
                group: "".into(),
                cursor: Cursor::default(),
                policy: None,
            });
            self.wants.len() - 1
        });
        let want = &mut self.wants[at];
        want.roles = want.roles | role;
        want
    }
}
