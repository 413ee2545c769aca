//! The Go predecessor's services, spoken as its clients speak them.

use std::path::Path;
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use pmq_client::{ConsumeOptions, VerifyOptions};
use pmq_transports::grpc::p2pmq::control_service_client::ControlServiceClient;
use pmq_transports::grpc::p2pmq::msg_router_client::MsgRouterClient;
use pmq_transports::grpc::p2pmq::validation_router_client::ValidationRouterClient;
use pmq_transports::grpc::p2pmq::{
    ListenRequest, Message, PublishRequest, SubscribeRequest, UnsubscribeRequest, ValidatedMessage, ValidationResult,
};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Streaming};

use pmq_testing::{Agent, Setup, network, soon};

/// An agent with gRPC on a Unix socket, and a network for all the topics that no other one claims.
async fn agent(neighbour: Option<&Agent>) -> Agent {
    let rest = "version = 1\nname = \"rest\"\ntopics = [\"rest\"]\n[[stage]]\nuse = \"validation-queue\"\ndeadline = \"10s\"\n[[stage]]\nuse = \"delivery\"\n";
    let setup = Setup::with(&[&network("weather", "", "10s"), rest]);
    let socket = socket(setup.dir.path());
    let setup = setup.more(&format!("[network.default]\ntake = \"rest\"\n[attach.grpc]\nbind = [\"grpc+unix://{}\"]\n", socket.display()));
    match neighbour {
        Some(neighbour) => setup.peer(neighbour).start().await,
        None => setup.start().await,
    }
}

fn socket(dir: &Path) -> std::path::PathBuf {
    dir.join("grpc/agent.sock")
}

async fn channel(agent: &Agent) -> Channel {
    let path = socket(agent.setup.dir.path());
    let connect = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://agent.invalid").connect_with_connector(connect).await.unwrap()
}

/// A verifier as p2pmq's own: it echoes the whole message with its verdict.
struct Judge {
    messages: Streaming<Message>,
    verdicts: mpsc::Sender<ValidatedMessage>,
}

impl Judge {
    async fn attach(channel: &Channel) -> Self {
        let (verdicts, outgoing) = mpsc::channel(16);
        let messages = ValidationRouterClient::new(channel.clone()).handle(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
        Self { messages, verdicts }
    }

    async fn next(&mut self) -> Message {
        soon("a message", self.messages.message()).await.unwrap().expect("the stream has ended")
    }

    async fn say(&self, result: ValidationResult, msg: Message) {
        self.verdicts.send(ValidatedMessage { result: result.into(), msg: Some(msg) }).await.unwrap();
    }
}

async fn listen(channel: &Channel, topics: &[&str], max_rate: i64) -> Streaming<Message> {
    let request = ListenRequest { topics: topics.iter().map(|&topic| topic.to_owned()).collect(), max_rate };
    MsgRouterClient::new(channel.clone()).listen(request).await.unwrap().into_inner()
}

async fn publish(channel: &Channel, topic: &str, data: &str) -> Result<String, tonic::Status> {
    let request = PublishRequest { topic: topic.to_owned(), data: data.to_owned().into() };
    ControlServiceClient::new(channel.clone()).publish(request).await.map(|answer| answer.into_inner().message_id)
}

async fn heard(stream: &mut Streaming<Message>) -> String {
    let message = soon("a message", stream.message()).await.unwrap().expect("the stream has ended");
    String::from_utf8(message.data.to_vec()).unwrap()
}

/// The network for the rest would take any of them.
#[tokio::test]
async fn a_topic_that_is_none_is_an_invalid_argument_of_every_call() {
    let agent = agent(None).await;
    let channel = channel(&agent).await;
    for (topic, length) in [(String::new(), "this one has 0"), ("t".repeat(1025), "this one has 1025")] {
        let mut control = ControlServiceClient::new(channel.clone());
        let published = publish(&channel, &topic, "good").await.map(drop);
        let joined = control.subscribe(SubscribeRequest { topic: topic.clone() }).await.map(drop);
        let left = control.unsubscribe(UnsubscribeRequest { topic: topic.clone() }).await.map(drop);
        let request = ListenRequest { topics: vec!["weather".to_owned(), topic], max_rate: 0 };
        let heard = MsgRouterClient::new(channel.clone()).listen(request).await.map(drop);
        for result in [published, joined, left, heard] {
            let status = result.unwrap_err();
            assert!(status.code() == Code::InvalidArgument && status.message().contains(length), "{status:?}");
        }
    }
}

#[tokio::test]
async fn verdicts_are_given_whole_or_by_id_and_every_listener_gets_every_message() {
    let first = agent(None).await;
    let second = agent(Some(&first)).await;
    let (here, there) = (channel(&first).await, channel(&second).await);
    let mut judge = Judge::attach(&there).await;
    let mut listeners = [listen(&there, &["weather"], 0).await, listen(&there, &[], 0).await];
    let mut elsewhere = listen(&there, &["weather/other"], 0).await;
    for (text, result, whole) in [
        ("good", ValidationResult::Accept, true),
        ("bad", ValidationResult::Reject, true),
        ("meh", ValidationResult::Ignore, false),
        ("nil", ValidationResult::Nil, true),
        ("fine", ValidationResult::Accept, false),
    ] {
        let id = publish(&here, "weather", text).await.unwrap();
        let message = judge.next().await;
        assert_eq!((&*message.topic, &message.data[..], &*message.message_id), ("weather", text.as_bytes(), &*id));
        let msg = if whole { message } else { Message { message_id: message.message_id, ..Message::default() } };
        judge.say(result, msg).await;
    }
    for listener in &mut listeners {
        assert_eq!([heard(listener).await, heard(listener).await], ["good", "fine"]);
    }
    assert!(tokio::time::timeout(Duration::from_millis(50), elsewhere.message()).await.is_err(), "a message of another topic");
}

#[tokio::test]
async fn several_streams_are_one_group_and_one_that_ends_leaves_its_messages_to_the_others() {
    let first = agent(None).await;
    let second = agent(Some(&first)).await;
    let (here, there) = (channel(&first).await, channel(&second).await);
    let (mut one, mut two) = (Judge::attach(&there).await, Judge::attach(&there).await);
    let mut listener = listen(&there, &[], 0).await;
    for number in 0..2 {
        publish(&here, "weather", &format!("m{number}")).await.unwrap();
    }
    let (held, other) = (one.next().await, two.next().await);
    assert_ne!(held.message_id, other.message_id, "each message goes to one of the group");
    two.say(ValidationResult::Accept, other).await;
    // Gone with a message in its hands: within the deadline it comes to the other one.
    drop(one);
    let again = two.next().await;
    assert_eq!(again.message_id, held.message_id);
    two.say(ValidationResult::Accept, again).await;
    heard(&mut listener).await;
    heard(&mut listener).await;
}

#[tokio::test]
async fn publishing_answers_the_id_whatever_the_overlay_knows() {
    let first = agent(None).await;
    let alone = channel(&first).await;
    // No peers at all: OK, as p2pmq answers. Its id is the message's.
    let lonely = publish(&alone, "weather", "lonely").await.unwrap();
    let second = agent(Some(&first)).await;
    let there = channel(&second).await;
    let mut judge = Judge::attach(&alone).await;
    let id = publish(&there, "weather", "lonely").await.unwrap();
    assert_eq!(id, lonely, "the id is made from topic and content");
    assert_eq!(judge.next().await.message_id, id);
    assert_eq!(publish(&there, "weather", "lonely").await.unwrap(), id, "a known message is answered in the same way");
    let too_large = publish(&there, "weather", &"x".repeat(2 << 20)).await.unwrap_err();
    assert!(matches!(too_large.code(), Code::InvalidArgument | Code::OutOfRange), "{too_large}");
}

#[tokio::test]
async fn any_topic_can_be_joined_and_left() {
    let first = agent(None).await;
    let second = agent(Some(&first)).await;
    let (here, there) = (channel(&first).await, channel(&second).await);
    let mut control = ControlServiceClient::new(there.clone());
    control.subscribe(SubscribeRequest { topic: "whatever/it/is".to_owned() }).await.unwrap();
    let mut judge = Judge::attach(&there).await;
    let mut listener = listen(&there, &["whatever/it/is"], 0).await;
    publish(&here, "whatever/it/is", "hello").await.unwrap();
    let message = judge.next().await;
    judge.say(ValidationResult::Accept, message).await;
    assert_eq!(heard(&mut listener).await, "hello");
    control.unsubscribe(UnsubscribeRequest { topic: "whatever/it/is".to_owned() }).await.unwrap();
    let again = control.unsubscribe(UnsubscribeRequest { topic: "whatever/it/is".to_owned() }).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound, "{again}");
}

#[tokio::test]
async fn own_messages_are_heard_and_the_rate_is_kept() {
    let first = agent(None).await;
    let second = agent(Some(&first)).await;
    let (here, there) = (channel(&first).await, channel(&second).await);
    let _accepting = first.builder().verify("weather", VerifyOptions::default()).connect().await.unwrap();
    _accepting.verify("weather", |batch| batch.iter_mut().for_each(pmq_client::Incoming::accept)).unwrap();
    let mut slow = listen(&there, &[], 10).await;
    let mut quick = listen(&there, &[], 0).await;
    drop(here);
    let begun = Instant::now();
    for number in 0..6 {
        publish(&there, "weather", &format!("own {number}")).await.unwrap();
    }
    for number in 0..6 {
        assert_eq!(heard(&mut quick).await, format!("own {number}"));
    }
    for number in 0..6 {
        assert_eq!(heard(&mut slow).await, format!("own {number}"));
    }
    // Six messages have five pauses of 100 ms between them: a lower bound, whatever the machine does.
    assert!(begun.elapsed() >= Duration::from_millis(450), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn calls_are_told_that_the_agent_leaves_behind_what_came_before() {
    let first = agent(None).await;
    let mut second = agent(Some(&first)).await;
    let (here, there) = (channel(&first).await, channel(&second).await);
    let mut judge = Judge::attach(&there).await;
    let mut listener = listen(&there, &[], 0).await;
    // More than is on its way at once, and whatever it may look like in protobuf.
    let large = "x".repeat(300 * 1024);
    for number in 0..30 {
        publish(&here, "weather", &format!("{number} {large}")).await.unwrap();
    }
    second.network_when("weather", "thirty messages", |network| network["pending"]["messages"] == 30).await;
    second.signal(rustix::process::Signal::TERM);
    let mut count = 0;
    let told = loop {
        match soon("the end", judge.messages.message()).await {
            Ok(Some(_)) => count += 1,
            Ok(None) => panic!("it ended without a word after {count}"),
            Err(told) => break told,
        }
    };
    assert_eq!(told.code(), Code::Unavailable, "{told}");
    assert!(told.message().contains("shutting down") && count >= 16, "{count}: {told}");
    let told = soon("the end", listener.message()).await.unwrap_err();
    assert!(told.code() == Code::Unavailable && told.message().contains("shutting down"), "{told}");
    assert!(second.exited().await.success());
}

#[tokio::test]
async fn grants_hold_for_the_predecessors_parents_too() {
    let setup = Setup::new("10s");
    let path = socket(setup.dir.path());
    let setup =
        setup.more(&format!("[attach.grpc]\nbind = [\"grpc+unix://{}\"]\n[[attach.grant]]\nroles = [\"consume\"]\n", path.display()));
    let agent = setup.start().await;
    let channel = channel(&agent).await;
    let mut listener = listen(&channel, &[], 0).await;
    let refused = publish(&channel, "weather", "no").await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    assert!(refused.message().contains("produce"), "{refused}");
    let (_verdicts, outgoing) = mpsc::channel(1);
    let refused = ValidationRouterClient::new(channel.clone()).handle(ReceiverStream::new(outgoing)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    assert!(tokio::time::timeout(Duration::from_millis(50), listener.message()).await.is_err(), "the listener goes on");
    let (_client, _consumer) = agent.consumer("weather", ConsumeOptions::default()).await;
}
