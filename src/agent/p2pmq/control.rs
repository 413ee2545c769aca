//! Publishing and joining topics.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Mutex;
use tonic::{Request, Response, Status};

use super::{Service, id_text, status};
use crate::agent::directory::Network;
use crate::client::{Client, PublishError, RequestError};
use crate::gossip::message_id;
use crate::transports::Credential;
use crate::transports::grpc::p2pmq::control_service_server::ControlService;
use crate::transports::grpc::p2pmq::{
    PublishRequest, PublishResponse, SubscribeRequest, SubscribeResponse, UnsubscribeRequest, UnsubscribeResponse,
};
use crate::wire::{PublishStatus, RefuseCode, Roles};

/// Callers whose producer is kept. There are as many as grants name; one more is told so.
const CALLERS: usize = 64;

/// Longer than any network's `publish_wait`: the agent answers first.
const PATIENCE: Duration = Duration::from_secs(120);

type Producers = HashMap<Arc<str>, Client>;

#[derive(Debug)]
pub(super) struct Control {
    service: Service,
    /// By owner. Bounded by [`CALLERS`]. `None` once the agent leaves.
    producers: Arc<Mutex<Option<Producers>>>,
}

impl Control {
    pub(super) fn new(service: Service) -> Self {
        let producers = Arc::new(Mutex::new(Some(Producers::new())));
        let (kept, leaving) = (producers.clone(), service.shutdown());
        // Within a program that goes on without its agent, none of them is to look for it for ever.
        tokio::spawn(async move {
            leaving.await;
            // A further caller is told at once.
            let clients = kept.lock().await.take().into_iter().flat_map(HashMap::into_values);
            join_all(clients.map(async |client| client.close().await)).await;
        });
        Self { service, producers }
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
        let mut producers = self.producers.lock().await;
        let producers = producers.as_mut().ok_or_else(super::leaving)?;
        producers.retain(|_, client| client.status().borrow().end().is_none());
        if let Some(client) = producers.get(&who.owner()) {
            return Ok(client.clone());
        }
        if producers.len() >= CALLERS {
            return Err(Status::resource_exhausted(format!("{CALLERS} callers publish already")));
        }
        let networks = self.service.inside.networks(who, Roles::PRODUCE)?;
        let builder = self.service.builder(who, "p2pmq control")?.request_timeout(PATIENCE);
        let builder = networks.iter().fold(builder, |builder, network| builder.produce(network));
        let client = builder.connect().await.map_err(|error| status(&error))?;
        producers.insert(who.owner(), client.clone());
        Ok(client)
    }
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
