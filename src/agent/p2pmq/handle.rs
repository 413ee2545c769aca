//! Verdicts: messages go out as they come, verdicts come back in any order.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::stream::select_all;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{LastWord, Service, id_text, status, stream};
use pmq_client::{Client, Incoming, Verifier, VerifyOptions};
use pmq_protocol::wire::Roles;
use pmq_transports::grpc::p2pmq::validation_router_server::ValidationRouter;
use pmq_transports::grpc::p2pmq::{Message, ValidatedMessage, ValidationResult};

/// Messages between a session and its call.
const AHEAD: usize = 16;

/// How often messages are looked for that have waited in vain.
const SWEEP: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Handle(pub(super) Service);

type Messages = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;

#[tonic::async_trait]
impl ValidationRouter for Handle {
    type HandleStream = Messages;

    async fn handle(&self, request: Request<Streaming<ValidatedMessage>>) -> Result<Response<Messages>, Status> {
        let who = self.0.caller(&request)?;
        let networks = self.0.inside.networks(&who, Roles::VERIFY)?;
        let builder = self.0.builder(&who, "p2pmq handle")?;
        let builder = networks.iter().fold(builder, |builder, network| builder.verify(network, VerifyOptions::default()));
        let client = builder.connect().await.map_err(|error| status(&error))?;
        let verifiers: Result<Vec<Verifier>, _> = networks.iter().map(|network| client.verifier(network)).collect();
        let verifiers = verifiers.map_err(|error| status(&error))?;
        let (sender, receiver, last) = stream(AHEAD)?;
        tokio::spawn(judge(client, verifiers, request.into_inner(), sender, last, self.0.shutdown()));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Messages that are with the parent, by the id as it knows it. Two topics may have a message of one id. Bounded by the session's credit.
#[derive(Debug, Default)]
struct Open(HashMap<String, Vec<Incoming>>);

impl Open {
    fn insert(&mut self, id: String, message: Incoming) {
        self.0.entry(id).or_default().push(message);
    }

    /// Forgets what has had its fallback: its credit is free again, and a verdict for it changes nothing.
    fn expire(&mut self, now: Instant) {
        self.0.retain(|_, waiting| {
            waiting.retain(|message| message.deadline > now);
            !waiting.is_empty()
        });
    }

    /// The message that a verdict is for; without a topic, the one that has waited longest.
    fn take(&mut self, id: &str, topic: &str) -> Option<Incoming> {
        let waiting = self.0.get_mut(id)?;
        let at = if topic.is_empty() { 0 } else { waiting.iter().position(|message| *message.topic == *topic)? };
        let message = (at < waiting.len()).then(|| waiting.remove(at));
        if waiting.is_empty() {
            self.0.remove(id);
        }
        message
    }
}

/// Until either end is gone. What is open then is left to other verifiers, since the session ends without an answer to it.
async fn judge(
    client: Client,
    verifiers: Vec<Verifier>,
    mut verdicts: Streaming<ValidatedMessage>,
    sender: mpsc::Sender<Result<Message, Status>>,
    last: LastWord<Message>,
    leaving: impl Future<Output = ()>,
) {
    let mut offers = select_all(verifiers);
    let mut open = Open::default();
    // Taken, and not yet given to the parent.
    let mut next: Option<Message> = None;
    let mut sweep = tokio::time::interval(SWEEP);
    let mut leaving = std::pin::pin!(leaving);
    loop {
        tokio::select! {
            verdict = verdicts.next() => match verdict {
                Some(Ok(verdict)) => answer(&mut open, &verdict),
                Some(Err(error)) => {
                    // Told to one that has sent what is no message; one that is gone does not hear it.
                    tracing::debug!(%error, "a p2pmq verifier is gone, or sends what is no verdict");
                    last.say(error);
                    break;
                }
                None => break,
            },
            offer = offers.next(), if next.is_none() => {
                let Some(offer) = offer else { break };
                let id = id_text(&offer.id);
                next = Some(Message { message_id: id.clone(), topic: offer.topic.to_string(), data: offer.payload.clone() });
                open.insert(id, offer);
            }
            _ = sweep.tick() => open.expire(Instant::now()),
            () = &mut leaving => {
                last.say(super::leaving());
                break;
            }
            place = sender.reserve(), if next.is_some() => match (place, next.take()) {
                (Ok(place), Some(message)) => place.send(Ok(message)),
                _ => break,
            },
        }
    }
    client.close().await;
    drop(open);
}

fn answer(open: &mut Open, verdict: &ValidatedMessage) {
    let result = verdict.result();
    let Some(msg) = &verdict.msg else {
        tracing::debug!("a p2pmq verdict without a message");
        return;
    };
    // A second verdict, or one that came too late.
    let Some(mut message) = open.take(&msg.message_id, &msg.topic) else {
        tracing::debug!(id = msg.message_id, "a p2pmq verdict for a message that does not wait");
        return;
    };
    match result {
        ValidationResult::Accept => message.accept(),
        ValidationResult::Reject => message.reject(),
        // Whatever is no Accept does not pass.
        ValidationResult::Ignore | ValidationResult::Nil => message.ignore(),
    }
}
