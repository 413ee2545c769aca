//! Publishing and joining topics.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tonic::{Request, Response, Status};

use super::{Service, id_text, status};
use crate::directory::Network;
use pmq_client::{Client, PublishError, RequestError};
use pmq_gossip::message_id;
use pmq_protocol::wire::{PublishStatus, RefuseCode, Roles};
use pmq_transports::Credential;
use pmq_transports::grpc::p2pmq::control_service_server::ControlService;
use pmq_transports::grpc::p2pmq::{
    PublishRequest, PublishResponse, SubscribeRequest, SubscribeResponse, UnsubscribeRequest, UnsubscribeResponse,
};

/// Callers whose producer is kept. There are as many as grants name; one more is told so.
const CALLERS: usize = 64;

/// Longer than any network's `publish_wait`: the agent answers first.
const PATIENCE: Duration = Duration::from_secs(120);

/// A caller's producer, once it has one. Its lock is held while it is made: others do not wait for that.
type Slot = Arc<tokio::sync::Mutex<Option<Client>>>;

/// By owner. Bounded by [`CALLERS`].
type Producers = HashMap<Arc<str>, Slot>;

#[derive(Debug)]
pub(super) struct Control {
    service: Service,
    /// `None` once the agent leaves.
    producers: Arc<Mutex<Option<Producers>>>,
}

impl Control {
    pub(super) fn new(service: Service) -> Self {
        let producers = Arc::new(Mutex::new(Some(Producers::new())));
        let (kept, leaving) = (producers.clone(), service.shutdown());
        // Within a program that goes on without its agent, none of them is to look for it for ever.
        tokio::spawn(async move {
            leaving.await;
            let slots = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
            let close = async |slot: Slot| {
                if let Some(client) = slot.lock().await.take() {
                    client.close().await;
                }
            };
            join_all(slots.into_iter().flat_map(HashMap::into_values).map(close)).await;
        });
        Self { service, producers }
    }

    fn slot(&self, owner: Arc<str>) -> Result<Slot, Status> {
        let mut producers = self.producers.lock().unwrap_or_else(PoisonError::into_inner);
        let producers = producers.as_mut().ok_or_else(super::leaving)?;
        if let Some(slot) = producers.get(&owner) {
            return Ok(slot.clone());
        }
        // Handed out under this lock alone, so what nobody else holds is in no call.
        producers
            .retain(|_, slot| Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|client| client.as_ref().is_some_and(is_alive)));
        if producers.len() >= CALLERS {
            return Err(Status::resource_exhausted(format!("{CALLERS} callers publish already")));
        }
        Ok(producers.entry(owner).or_default().clone())
    }

    /// The network that takes that topic, if the caller may produce there.
    fn network(&self, who: &Credential, topic: &str) -> Result<&Network, Status> {
        let network = self.service.network_of(topic)?;
        if self.service.inside.networks(who, Roles::PRODUCE)?.contains(&network.name) {
            return Ok(network);
        }
        Err(Status::permission_denied(format!("{who} is not granted \"produce\" on network {:?}, which takes {topic:?}", network.name)))
    }

    /// The caller's producer, whose subscriptions outlive the call.
    async fn producer(&self, who: &Credential) -> Result<Client, Status> {
        let slot = self.slot(who.owner())?;
        let mut kept = slot.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| is_alive(client)) {
            return Ok(client.clone());
        }
        let networks = self.service.inside.networks(who, Roles::PRODUCE)?;
        let builder = self.service.builder(who, "p2pmq control")?.request_timeout(PATIENCE);
        let builder = networks.iter().fold(builder, |builder, network| builder.produce(network));
        let client = builder.connect().await.map_err(|error| status(&error))?;
        *kept = Some(client.clone());
        Ok(client)
    }
}

fn is_alive(client: &Client) -> bool {
    client.status().borrow().end().is_none()
}

#[tonic::async_trait]
impl ControlService for Control {
    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        let who = self.service.caller(&request)?;
        let PublishRequest { topic, data } = request.into_inner();
        let network = self.network(&who, &topic)?;
        let client = self.producer(&who).await?;
        let id = match client.publish(&network.name, &topic, data.clone()).await {
            Ok(published) => published.id,
            Err(PublishError::NotSent { status: PublishStatus::NoPeers, .. }) => message_id(network.message_id, &topic, &data),
            Err(error) => return Err(not_published(error)),
        };
        Ok(Response::new(PublishResponse { message_id: id_text(&id) }))
    }

    async fn subscribe(&self, request: Request<SubscribeRequest>) -> Result<Response<SubscribeResponse>, Status> {
        let who = self.service.caller(&request)?;
        let topic = request.into_inner().topic;
        let network = self.network(&who, &topic)?;
        self.producer(&who).await?.subscribe(&network.name, &topic).await.map_err(|error| failed(&error))?;
        Ok(Response::new(SubscribeResponse {}))
    }

    async fn unsubscribe(&self, request: Request<UnsubscribeRequest>) -> Result<Response<UnsubscribeResponse>, Status> {
        let who = self.service.caller(&request)?;
        let topic = request.into_inner().topic;
        let network = self.network(&who, &topic)?;
        let left = self.producer(&who).await?.unsubscribe(&network.name, &topic).await;
        left.map_err(|error| match error {
            RequestError::Refused { code: RefuseCode::RequestFailed, text } => Status::not_found(text),
            other => failed(&other),
        })?;
        Ok(Response::new(UnsubscribeResponse {}))
    }
}

fn not_published(error: PublishError) -> Status {
    match error {
        PublishError::NotSent { status, text, .. } => match status {
            PublishStatus::TooLarge | PublishStatus::Invalid => Status::invalid_argument(text),
            PublishStatus::TopicUnknown => Status::not_found(text),
            PublishStatus::NotGranted => Status::permission_denied(text),
            PublishStatus::QueueFull => Status::resource_exhausted(text),
            _ => Status::unavailable(text),
        },
        PublishError::Request(error) => failed(&error),
    }
}

fn failed(error: &RequestError) -> Status {
    match error {
        RequestError::Refused { code: RefuseCode::RoleNotGranted, text } => Status::permission_denied(text.clone()),
        RequestError::Refused { text, .. } => Status::failed_precondition(text.clone()),
        RequestError::Timeout(_) => Status::deadline_exceeded(error.to_string()),
        RequestError::Client(error) => status(error),
        other => Status::unavailable(other.to_string()),
    }
}
