//! A parent as the predecessor's: the calls of its proto, over TCP, without a token.

use bytes::Bytes;
use pmq_transports::grpc::p2pmq::control_service_client::ControlServiceClient;
use pmq_transports::grpc::p2pmq::msg_router_client::MsgRouterClient;
use pmq_transports::grpc::p2pmq::validation_router_client::ValidationRouterClient;
use pmq_transports::grpc::p2pmq::{ListenRequest, Message, PublishRequest, ValidatedMessage, ValidationResult};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

use crate::rig::{Agent, soon};

const LONGEST: usize = 4 << 20;

/// A connection.
pub struct Peer(Channel);

impl Peer {
    pub async fn dial(agent: &Agent) -> Self {
        let url = agent.url.replace("grpc://", "http://");
        Self(soon("a connection", Endpoint::from_shared(url).unwrap().connect()).await.unwrap())
    }

    pub async fn handle(&self) -> Result<Judge, Status> {
        let (verdicts, outgoing) = mpsc::channel(4_096);
        let mut client = ValidationRouterClient::new(self.0.clone()).max_decoding_message_size(LONGEST);
        let messages = soon("a stream", client.handle(ReceiverStream::new(outgoing))).await?.into_inner();
        Ok(Judge { messages, verdicts })
    }

    pub async fn listen(&self) -> Result<Listener, Status> {
        let mut client = MsgRouterClient::new(self.0.clone()).max_decoding_message_size(LONGEST);
        Ok(Listener(soon("a stream", client.listen(ListenRequest::default())).await?.into_inner()))
    }

    pub async fn publish(&self, topic: &str, data: Bytes) -> Result<String, Status> {
        let request = PublishRequest { topic: topic.to_owned(), data };
        let answer = soon("an answer", ControlServiceClient::new(self.0.clone()).publish(request)).await?;
        Ok(answer.into_inner().message_id)
    }
}

/// A `Handle` stream. Dropped, it leaves without a word.
pub struct Judge {
    messages: Streaming<Message>,
    verdicts: mpsc::Sender<ValidatedMessage>,
}

impl Judge {
    pub async fn next(&mut self) -> Message {
        soon("a message", self.messages.message()).await.unwrap().expect("the stream has ended")
    }

    pub async fn take(&mut self, count: usize) -> Vec<Message> {
        let mut all = Vec::new();
        while all.len() < count {
            all.push(self.next().await);
        }
        all
    }

    /// By the id alone.
    pub async fn say(&self, message: &Message, result: ValidationResult) {
        let msg = Some(Message { message_id: message.message_id.clone(), ..Message::default() });
        self.verdicts.send(ValidatedMessage { result: result.into(), msg }).await.unwrap();
    }
}

/// A `Listen` stream.
pub struct Listener(Streaming<Message>);

impl Listener {
    pub async fn next(&mut self) -> Bytes {
        soon("a message", self.0.message()).await.unwrap().expect("the stream has ended").data
    }

    pub async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < count {
            all.push(text(&self.next().await));
        }
        all
    }
}

pub fn text(data: &Bytes) -> String {
    String::from_utf8(data.to_vec()).unwrap()
}
