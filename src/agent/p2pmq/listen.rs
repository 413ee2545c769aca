//! Accepted messages, to every listener.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_stream::StreamMap;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{Service, id_text, status, stream};
use pmq_client::{ConsumeOptions, Consumer, Delivery};
use pmq_protocol::wire::Roles;
use pmq_transports::grpc::p2pmq::msg_router_server::MsgRouter;
use pmq_transports::grpc::p2pmq::{ListenRequest, Message};

/// Messages between a session and its call; HTTP/2's window and the session's credit are the others of the pipeline.
const AHEAD: usize = 16;

/// Messages a second beyond which a rate is no limit.
const FASTEST: u32 = 100_000;

/// Topics that a listener may name.
const TOPICS: usize = 1024;

#[derive(Debug)]
pub(super) struct Listen(pub(super) Service);

type Messages = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;

#[tonic::async_trait]
impl MsgRouter for Listen {
    type ListenStream = Messages;

    async fn listen(&self, request: Request<ListenRequest>) -> Result<Response<Messages>, Status> {
        let who = self.0.caller(&request)?;
        let ListenRequest { topics, max_rate } = request.into_inner();
        if topics.len() > TOPICS {
            return Err(Status::invalid_argument(format!("{} topics, at most {TOPICS} are possible", topics.len())));
        }
        let max_rate = u64::try_from(max_rate).map_err(|_| Status::invalid_argument("max_rate is negative; 0 stands for no limit"))?;
        for topic in &topics {
            self.0.network_of(topic)?;
        }
        let networks = self.0.inside.networks(&who, Roles::CONSUME)?;
        let builder = self.0.builder(&who, "p2pmq listen")?;
        let builder = networks.iter().fold(builder, |builder, network| builder.consume(network, ConsumeOptions::default()));
        let client = builder.connect().await.map_err(|error| status(&error))?;
        let consumers: Result<Vec<Consumer>, _> = networks.iter().map(|network| client.consumer(network)).collect();
        let consumers = consumers.map_err(|error| status(&error))?;
        let (sender, receiver, last) = stream(AHEAD)?;
        let leaving = self.0.shutdown();
        let topics: HashSet<String> = topics.into_iter().collect();
        tokio::spawn(async move {
            // Cut off where the caller is gone: it hears nothing more, so nothing more is acked.
            tokio::select! {
                () = pass(consumers, &topics, NonZeroU64::new(max_rate), &sender) => {}
                () = sender.closed() => {}
                () = leaving => last.say(super::leaving()),
            }
            client.close().await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Hands messages on until the session ends or nobody listens. An ack follows when the call has taken the message.
async fn pass(
    consumers: Vec<Consumer>,
    topics: &HashSet<String>,
    max_rate: Option<NonZeroU64>,
    sender: &mpsc::Sender<Result<Message, Status>>,
) {
    let mut consumers: StreamMap<usize, Consumer> = consumers.into_iter().enumerate().collect();
    // A faster pace than the timer's is none.
    let mut pace = max_rate.and_then(|rate| u32::try_from(rate.get()).ok().filter(|rate| *rate <= FASTEST)).map(|rate| {
        let mut pace = tokio::time::interval(Duration::from_secs(1) / rate);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pace
    });
    while let Some((at, delivery)) = consumers.next().await {
        match &delivery {
            Delivery::Message { topic, id, payload, .. } if topics.is_empty() || topics.contains(&**topic) => {
                if let Some(pace) = &mut pace {
                    pace.tick().await;
                }
                let message = Message { message_id: id_text(id), topic: topic.to_string(), data: payload.clone() };
                if sender.send(Ok(message)).await.is_err() {
                    return;
                }
            }
            // Of another topic.
            Delivery::Message { .. } => {}
            // The messages have no place for what is missing.
            Delivery::Gap { count, reason, .. } => {
                tracing::warn!(count, ?reason, "a p2pmq listener has missed messages, and cannot be told");
            }
            Delivery::Unverified { topic, count, cause, .. } => {
                tracing::debug!(%topic, count, cause = cause.as_str(), "messages without a verdict, of which a p2pmq listener cannot be told");
            }
        }
        if let Some((_, consumer)) = consumers.iter().find(|(key, _)| *key == at) {
            consumer.ack(&delivery);
        }
    }
}
