//! Requests: what parents ask for beside verdicts. Stock tower layers bound them; boxing is fine here, this is not the messages' way.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryFutureExt as _;
use tokio::sync::oneshot;
use tower::timeout::error::Elapsed;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, ServiceExt as _};

use super::directory::{Directory, Network, TopicError};
use super::publish_order::Turn;
use super::subscriptions::Holder;
use pmq_gossip::{AllowChange, PeerError, PublishError, Published};
use pmq_pipeline::{CommandError, DriverMessage, MarkAction, Order, Origin};
use pmq_protocol::wire::PublishStatus;

/// Publishes under way at a time, over all sessions; one more is shed and answered so. Each may wait for its topic's first peer.
const PUBLISHES: usize = 1024;
/// Other requests under way at a time, over all sessions; one more is shed and answered so.
const ORDERS: usize = 256;

/// What a parent asks for.
#[derive(Debug)]
pub struct Request {
    /// Who asks.
    pub holder: Holder,
    /// Index of the network in the directory.
    pub network: usize,
    /// What.
    pub ask: Ask,
}

/// What a parent may ask for.
#[derive(Debug)]
pub enum Ask {
    /// Send a message, when its sender's turn has come.
    Publish(String, Bytes, Turn),
    /// Join a topic.
    Subscribe(String),
    /// Leave a topic.
    Unsubscribe(String),
    /// Set the window's thresholds, for one topic or (empty) all of the network's.
    Thresholds {
        /// The topic, or empty.
        topic: String,
        /// Older than this: Ignore.
        skip: u64,
        /// Older than this: Reject.
        validity: u64,
    },
    /// Move a high mark.
    Mark {
        /// The topic.
        topic: String,
        /// The origin.
        origin: [u8; 32],
        /// The epoch.
        epoch: u64,
        /// How.
        action: MarkAction,
    },
    /// Change who may connect to the agent.
    Allow(AllowChange),
}

/// What became of it.
#[derive(Debug)]
pub enum Reply {
    /// The message went out.
    Published(Published),
    /// Carried out.
    Done,
}

/// Why it was not.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The topic, or the router.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// A stage refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The list of peers.
    #[error(transparent)]
    Peers(#[from] PeerError),
    /// Shed.
    #[error("too many requests of all parents are under way; wait for some, and try again")]
    Busy,
    /// Given up.
    #[error("not carried out within {0:?}; it may still be")]
    Slow(Duration),
    /// The list holds for the whole agent.
    #[error("the list of peers holds for every network of the agent, and this credential is not granted \"produce\" on all of them")]
    Steering,
    /// Not now.
    #[error("network {0} is shutting down or being restarted; try again")]
    Unavailable(Arc<str>),
}

type Lane = BoxCloneSyncService<Request, Reply, BoxError>;

/// The pipeline for requests: sheds what is too much, gives up what takes too long. Publishes have a lane of their own, so that those that
/// wait for a first peer keep no other request from its turn.
#[derive(Debug, Clone)]
pub struct Requests {
    publishes: Lane,
    orders: Lane,
    patience: Duration,
}

impl Requests {
    /// Builds the pipeline. `patience` must be longer than the router's `publish_wait`.
    #[must_use]
    pub fn new(directory: &Arc<Directory>, patience: Duration) -> Self {
        let lane = |bound| {
            let directory = directory.clone();
            let pipeline = ServiceBuilder::new()
                .load_shed()
                .concurrency_limit(bound)
                .timeout(patience)
                .service_fn(move |request: Request| carry_out(directory.clone(), request));
            Lane::new(pipeline)
        };
        Self { publishes: lane(PUBLISHES), orders: lane(ORDERS), patience }
    }

    /// Carries out a request.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn ask(&self, request: Request) -> impl Future<Output = Result<Reply, RequestError>> + Send + use<> {
        let lane = if matches!(request.ask, Ask::Publish(..)) { &self.publishes } else { &self.orders };
        let (answer, patience) = (lane.clone().oneshot(request), self.patience);
        answer.map_err(move |error| match error.downcast::<RequestError>() {
            Ok(error) => *error,
            Err(error) if error.is::<Elapsed>() => RequestError::Slow(patience),
            Err(_) => RequestError::Busy,
        })
    }
}

/// What a publish's error is called on the wire.
#[must_use]
pub fn publish_status(error: &RequestError) -> PublishStatus {
    let RequestError::Topic(topic) = error else { return PublishStatus::Unavailable };
    match topic {
        TopicError::Length(_) | TopicError::Unclaimed { .. } | TopicError::TooMany(_) | TopicError::Publish(PublishError::Unclaimed(_)) => {
            PublishStatus::TopicUnknown
        }
        TopicError::Publish(PublishError::NoPeers(_) | PublishError::TooManyWaiting(_)) => PublishStatus::NoPeers,
        TopicError::Publish(PublishError::TooLarge { .. }) => PublishStatus::TooLarge,
        TopicError::Publish(PublishError::QueueFull(_)) => PublishStatus::QueueFull,
        TopicError::Publish(PublishError::Stopped(_)) => PublishStatus::Unavailable,
        TopicError::Invalid { .. } => PublishStatus::Invalid,
        TopicError::Publish(PublishError::Router(_)) | TopicError::Subscribe(_) | TopicError::NotJoined(_) => PublishStatus::Failed,
    }
}

async fn carry_out(directory: Arc<Directory>, request: Request) -> Result<Reply, BoxError> {
    // A request comes from a session, which names only networks that it was granted.
    let Some(network) = directory.networks.get(request.network) else {
        return Err(RequestError::Unavailable("?".into()).into());
    };
    Ok(ask(&directory, network, request.holder, request.ask).await?)
}

async fn ask(directory: &Directory, network: &Network, holder: Holder, ask: Ask) -> Result<Reply, RequestError> {
    match ask {
        Ask::Publish(topic, payload, turn) => Ok(Reply::Published(directory.publish(network, &topic, payload, turn).await?)),
        Ask::Subscribe(topic) => Ok(directory.subscribe(network, &topic, holder).await.map(|()| Reply::Done)?),
        Ask::Unsubscribe(topic) => Ok(directory.unsubscribe(network, &topic, holder).await.map(|()| Reply::Done)?),
        Ask::Allow(change) => Ok(directory.gossip.allow(change).await.map(|()| Reply::Done)?),
        Ask::Thresholds { topic, skip, validity } => {
            let topic = if topic.is_empty() { None } else { Some(directory.topic(network, &topic)?) };
            order(network, Order::Thresholds { topic, skip, validity }).await
        }
        Ask::Mark { topic, origin, epoch, action } => {
            let topic = directory.topic(network, &topic)?;
            order(network, Order::Mark { topic, origin: Origin(origin), epoch, action }).await
        }
    }
}

async fn order(network: &Network, order: Order) -> Result<Reply, RequestError> {
    let (answer, answered) = oneshot::channel();
    let gone = || RequestError::Unavailable(network.name.clone());
    network.ups.send(DriverMessage::Command(order, answer)).await.map_err(|_| gone())?;
    answered.await.map_err(|_| gone())??;
    Ok(Reply::Done)
}
