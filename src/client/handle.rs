//! The client's handle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot, watch};

use super::mailbox::Mailbox;
use super::outbox::Outbox;
use super::request::{Answer, Caller, Pending};
use super::{Builder, ClientError, Consumer, Delivery, Incoming, PublishError, Published, RequestError, Status, Verifier};
use pmq_protocol::session::Request;
use pmq_protocol::wire::{AllowOp, MarkOp, PublishStatus, Roles};

/// Requests under way at a time; further calls wait. Below the agent's own bound, so that it never refuses for that.
pub(super) const PERMITS: usize = 1024;

/// A connection to an agent. Clones are handles of the same one, which ends with the last of them (or with [`Client::close`]).
#[derive(Debug, Clone)]
pub struct Client(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) outbox: Arc<Outbox>,
    pub(super) networks: Vec<NetworkHandle>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) request_timeout: Duration,
    pub(super) status: watch::Receiver<Status>,
}

/// A network as the handle sees it.
#[derive(Debug)]
pub(super) struct NetworkHandle {
    pub(super) name: Arc<str>,
    pub(super) roles: Roles,
    pub(super) offers: Arc<Mailbox<Incoming>>,
    pub(super) records: Arc<Mailbox<Delivery>>,
    pub(super) verifier_taken: AtomicBool,
    pub(super) consumer_taken: AtomicBool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.outbox.change(|waiting| waiting.closed = true);
    }
}

impl Client {
    /// Begins a connection to the agent at `url`: `unix:///absolute/path`, or `memory:NAME` for an agent in this process.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    /// How the connection is, now and when it changes.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::ClientError> {
    /// # start_agent("doc-status").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-status");
    /// # let client = builder.produce("weather").connect().await?;
    /// let mut status = client.status();
    /// assert!(status.borrow_and_update().is_connected());
    /// client.close().await;
    /// assert!(status.borrow_and_update().end().is_some());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.0.status.clone()
    }

    /// Has `closure` give the verdicts of a network, on a thread of its own, in batches of up to 64 messages.
    ///
    /// The verdicts of a batch leave together when the closure returns. What it leaves unanswered is left to the deadline; a panic leaves
    /// that to every message of the batch that it had not answered yet, and does not end the verifier. The thread costs a wake-up per
    /// batch: for the shortest round trip with cheap verdicts take [`Client::verifier`] and stay on the runtime. Ends with the client.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::ClientError> {
    /// # start_agent("doc-verify").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-verify");
    /// # let client = builder.verify("weather", pmq_client::VerifyOptions::default()).connect().await?;
    /// client.verify("weather", |batch| batch.iter_mut().for_each(|message| message.accept()))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ClientError::NotDeclared`], [`ClientError::Taken`], [`ClientError::Thread`].
    pub fn verify(&self, network: &str, closure: impl FnMut(&mut [Incoming]) + Send + 'static) -> Result<(), ClientError> {
        let verifier = self.verifier(network)?;
        let thread = std::thread::Builder::new().name(format!("verify-{network}"));
        thread.spawn(move || verifier.run(closure)).map(drop).map_err(|error| ClientError::Thread(error.to_string()))
    }

    /// The stream of a network's messages that want a verdict. There is one per network and client.
    ///
    /// ```
    /// use futures::StreamExt;
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::ClientError> {
    /// # start_agent("doc-verifier").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-verifier");
    /// # let client = builder.verify("weather", pmq_client::VerifyOptions::default()).connect().await?;
    /// let mut verifier = client.verifier("weather")?;
    /// if let Some(mut message) = verifier.next().await {
    ///     message.accept();
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ClientError::NotDeclared`], [`ClientError::Taken`].
    pub fn verifier(&self, network: &str) -> Result<Verifier, ClientError> {
        let slot = self.slot(network, Roles::VERIFY, "verify")?;
        let handle = &self.0.networks[slot];
        take(&handle.verifier_taken, network, "verifier")?;
        Ok(Verifier { offers: handle.offers.clone(), outbox: self.0.outbox.clone(), slot })
    }

    /// The stream of a network's accepted messages. There is one per network and client.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::ClientError> {
    /// # start_agent("doc-take").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-take");
    /// # let client = builder.consume("weather", pmq_client::ConsumeOptions::default()).connect().await?;
    /// let consumer = client.consumer("weather")?;
    /// assert!(client.consumer("weather").is_err(), "there is one");
    /// # drop(consumer);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ClientError::NotDeclared`], [`ClientError::Taken`].
    pub fn consumer(&self, network: &str) -> Result<Consumer, ClientError> {
        let slot = self.slot(network, Roles::CONSUME, "consume")?;
        let handle = &self.0.networks[slot];
        take(&handle.consumer_taken, network, "consumer")?;
        Ok(Consumer { records: handle.records.clone(), outbox: self.0.outbox.clone(), slot })
    }

    /// Publishes a message. Repeated over lost links until [`Builder::request_timeout`]; a repetition that the overlay had already answers
    /// `duplicate`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::PublishError> {
    /// # start_agent("doc-publish").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-publish");
    /// # let client = builder.produce("weather").connect().await?;
    /// let sent = client.publish("weather", "weather/reports", b"report 1".as_slice()).await?;
    /// assert!(sent.peers > 0 || sent.duplicate);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`PublishError::NotSent`] with the agent's reason; [`PublishError::Request`] for the rest.
    pub async fn publish(&self, network: &str, topic: &str, payload: impl Into<Bytes>) -> Result<Published, PublishError> {
        match self.request(network, Request::Publish { topic: topic.into(), payload: payload.into() }).await? {
            Answer::Published { status, id, peers, .. } if status.is_ok() => {
                Ok(Published { id, duplicate: status == PublishStatus::Duplicate, peers })
            }
            Answer::Published { status, id, text, .. } => Err(PublishError::NotSent { status, id, text }),
            Answer::Done => Err(RequestError::Client(ClientError::Protocol("a publish was answered as another request".to_owned())).into()),
        }
    }

    /// Joins a topic of a network. Joined again on every new link, until [`Client::unsubscribe`].
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::RequestError> {
    /// # start_agent("doc-subscribe").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-subscribe");
    /// # let client = builder.produce("weather").connect().await?;
    /// client.subscribe("weather", "weather/reports/v2").await?;
    /// client.unsubscribe("weather", "weather/reports/v1").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn subscribe(&self, network: &str, topic: &str) -> Result<(), RequestError> {
        self.request(network, Request::Subscribe(topic.into())).await.map(drop)
    }

    /// Leaves a topic of a network that this client has joined. The agent stays on it for others who have.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn unsubscribe(&self, network: &str, topic: &str) -> Result<(), RequestError> {
        self.request(network, Request::Unsubscribe(topic.into())).await.map(drop)
    }

    /// Sets the sequence window's thresholds, counted in sequence numbers: beyond `skip` a message is ignored, beyond `validity` rejected.
    /// An empty topic stands for all topics of the network.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::RequestError> {
    /// # start_agent("doc-thresholds").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-thresholds");
    /// # let client = builder.produce("weather").connect().await?;
    /// client.thresholds("weather", "", 64, 4096).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn thresholds(&self, network: &str, topic: &str, skip: u64, validity: u64) -> Result<(), RequestError> {
        self.request(network, Request::Thresholds { topic: topic.into(), skip, validity }).await.map(drop)
    }

    /// Moves an origin's high mark, or retires one of its epochs. `origin` is zero-padded; `seq` is 0 where the action needs none.
    ///
    /// ```
    /// use pmq_client::MarkOp;
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::RequestError> {
    /// # start_agent("doc-mark").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-mark");
    /// # let client = builder.produce("weather").connect().await?;
    /// let origin = [7; 32];
    /// client.mark("weather", "weather/reports", origin, 0, 1_000, MarkOp::Seed).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn mark(
        &self,
        network: &str,
        topic: &str,
        origin: [u8; 32],
        epoch: u64,
        seq: u64,
        action: MarkOp,
    ) -> Result<(), RequestError> {
        self.request(network, Request::Mark { topic: topic.into(), origin, epoch, seq, action }).await.map(drop)
    }

    /// Changes who may be connected to the network; `peers` are peer ids as text.
    ///
    /// ```
    /// use pmq_client::AllowOp;
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::RequestError> {
    /// # start_agent("doc-allow").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-allow");
    /// # let client = builder.produce("weather").connect().await?;
    /// client.allow_list("weather", AllowOp::Open, &[]).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn allow_list(&self, network: &str, action: AllowOp, peers: &[&str]) -> Result<(), RequestError> {
        let peers = peers.iter().map(|&peer| peer.to_owned()).collect();
        self.request(network, Request::AllowList { action, peers }).await.map(drop)
    }

    /// No further messages of the network are to be offered to this parent, until [`Client::resume`]; those on their way still come.
    /// Holds over lost links.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::ClientError> {
    /// # start_agent("doc-pause").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-pause");
    /// # let client = builder.verify("weather", pmq_client::VerifyOptions::default()).connect().await?;
    /// client.pause("weather")?;
    /// client.resume("weather")?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ClientError::NotDeclared`].
    pub fn pause(&self, network: &str) -> Result<(), ClientError> {
        self.set_paused(network, true)
    }

    /// Messages of the network are wanted again.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc_agent.rs"));
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), pmq_client::ClientError> {
    /// # start_agent("doc-resume").await;
    /// # let builder = pmq_client::Client::builder("memory:doc-resume");
    /// # let client = builder.verify("weather", pmq_client::VerifyOptions::default()).connect().await?;
    /// client.pause("weather")?;
    /// client.resume("weather")?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ClientError::NotDeclared`].
    pub fn resume(&self, network: &str) -> Result<(), ClientError> {
        self.set_paused(network, false)
    }

    /// Ends the connection: verdicts and acks that were given are sent, then every stream ends.
    pub async fn close(&self) {
        self.0.outbox.change(|waiting| waiting.closed = true);
        let mut status = self.0.status.clone();
        // An error says that the connection's task is gone: that is the end, too.
        drop(status.wait_for(|status| status.end().is_some()).await);
    }

    fn set_paused(&self, network: &str, paused: bool) -> Result<(), ClientError> {
        let slot = self.slot(network, Roles::VERIFY, "verify")?;
        self.0.outbox.change(|waiting| waiting.paused[slot] = paused);
        Ok(())
    }

    fn slot(&self, network: &str, role: Roles, method: &'static str) -> Result<usize, ClientError> {
        let declared = |handle: &NetworkHandle| &*handle.name == network && handle.roles.serves(role);
        let slot = self.0.networks.iter().position(declared);
        slot.ok_or_else(|| ClientError::NotDeclared { network: network.to_owned(), role: method })
    }

    async fn request(&self, network: &str, what: Request) -> Result<Answer, RequestError> {
        let slot = self.slot(network, Roles::PRODUCE, "produce")?;
        let answered = async {
            let closed = || RequestError::Client(self.0.status.borrow().end().unwrap_or(ClientError::Closed));
            let permit = self.0.permits.clone().acquire_owned().await.map_err(|_| closed())?;
            let (answer, answered) = oneshot::channel();
            let pending = Pending { slot, what, caller: Some(Caller { answer, _permit: permit }) };
            let queued = self.0.outbox.change(|waiting| {
                let open = !waiting.closed;
                if open {
                    waiting.requests.push_back(pending);
                }
                open
            });
            if !queued {
                return Err(closed());
            }
            answered.await.unwrap_or_else(|_| Err(closed()))
        };
        let timeout = self.0.request_timeout;
        tokio::time::timeout(timeout, answered).await.unwrap_or(Err(RequestError::Timeout(timeout)))
    }
}

fn take(taken: &AtomicBool, network: &str, role: &'static str) -> Result<(), ClientError> {
    if taken.swap(true, Ordering::Relaxed) { Err(ClientError::Taken { network: network.to_owned(), role }) } else { Ok(()) }
}
