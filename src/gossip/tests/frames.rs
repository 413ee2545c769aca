//! Frames near the largest size that come back to back in one write, as senders with a buffer of their own send them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::task::{Context, Poll};

use bytesize::ByteSize;
use futures::future::BoxFuture;
use futures::{AsyncWriteExt, FutureExt, StreamExt};
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{DeniedUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, ValidationMode};
use libp2p::swarm::handler::{OneShotHandler, OneShotHandlerConfig};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, Stream, SubstreamProtocol, SwarmEvent, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, SwarmBuilder, noise, tcp, yamux};

use super::*;
use pmq_protocol::wire::MAX_TOPIC;

const LARGEST: usize = 64 * 1024;
const FRAMES: usize = 3;

/// A gossipsub RPC with one anonymous publish, with its length in front (rpc.proto: publish = 2; Message: data = 2, topic = 4).
fn frame(payload: &[u8], topic: &str) -> Vec<u8> {
    fn field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
        out.push(tag << 3 | 2);
        length(out, bytes.len());
        out.extend(bytes);
    }
    fn length(out: &mut Vec<u8>, mut n: usize) {
        while n >= 128 {
            out.push((n % 128) as u8 | 128);
            n /= 128;
        }
        out.push(n as u8);
    }
    let (mut message, mut rpc, mut framed) = (Vec::new(), Vec::new(), Vec::new());
    field(&mut message, 2, payload);
    field(&mut message, 4, topic.as_bytes());
    field(&mut rpc, 2, &message);
    length(&mut framed, rpc.len());
    framed.extend(rpc);
    framed
}

/// All frames in one write on a stream of its own.
#[derive(Debug, Clone)]
struct Burst(Vec<u8>);

/// Written.
#[derive(Debug)]
struct Written;

impl From<Infallible> for Written {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl UpgradeInfo for Burst {
    type Info = &'static str;
    type InfoIter = [&'static str; 1];

    fn protocol_info(&self) -> Self::InfoIter {
        ["/meshsub/1.1.0"]
    }
}

impl OutboundUpgrade<Stream> for Burst {
    type Output = Written;
    type Error = std::io::Error;
    type Future = BoxFuture<'static, Result<Written, std::io::Error>>;

    fn upgrade_outbound(self, mut stream: Stream, _: Self::Info) -> Self::Future {
        async move {
            stream.write_all(&self.0).await?;
            stream.close().await?;
            Ok(Written)
        }
        .boxed()
    }
}

/// Sends bursts; gossipsub proper, beside it, makes the peer one that is listened to.
#[derive(Default)]
struct Sender(VecDeque<(PeerId, Burst)>);

impl NetworkBehaviour for Sender {
    type ConnectionHandler = OneShotHandler<DeniedUpgrade, Burst, Written>;
    type ToSwarm = ();

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(OneShotHandler::new(SubstreamProtocol::new(DeniedUpgrade, ()), OneShotHandlerConfig::default()))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(OneShotHandler::new(SubstreamProtocol::new(DeniedUpgrade, ()), OneShotHandlerConfig::default()))
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, _: THandlerOutEvent<Self>) {}

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<(), THandlerInEvent<Self>>> {
        match self.0.pop_front() {
            Some((peer_id, event)) => Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::Any, event }),
            None => Poll::Pending,
        }
    }
}

#[derive(NetworkBehaviour)]
struct Both {
    gossipsub: gossipsub::Behaviour,
    sender: Sender,
}

/// A bare neighbour of the agent at `to`, which writes these frames as soon as the agent is on "test/t".
fn sender(to: &str, frames: Vec<u8>) -> tokio::task::JoinHandle<()> {
    let config = gossipsub::ConfigBuilder::default().validation_mode(ValidationMode::Anonymous).build().unwrap();
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| Both {
            gossipsub: gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, config).unwrap(),
            sender: Sender::default(),
        })
        .unwrap()
        .build();
    swarm.behaviour_mut().gossipsub.subscribe(&IdentTopic::new("test/t")).unwrap();
    swarm.dial(to.parse::<Multiaddr>().unwrap()).unwrap();
    tokio::spawn(async move {
        loop {
            if let SwarmEvent::Behaviour(BothEvent::Gossipsub(gossipsub::Event::Subscribed { peer_id, .. })) =
                swarm.select_next_some().await
            {
                swarm.behaviour_mut().sender.0.push_back((peer_id, Burst(frames.clone())));
            }
        }
    })
}

/// How many of a burst's messages come through to an agent with this largest frame.
async fn burst(max_transmit_size: Option<ByteSize>) -> usize {
    let mut of_b = settings();
    of_b.mesh.max_transmit_size = max_transmit_size;
    // Not by `start`: it refuses the small size.
    let (gossip, running) = handle::launch(&of_b, &Identity::ephemeral(), vec![network()]).await.unwrap();
    let (sink, mut arrivals) = mpsc::channel(16);
    gossip.subscribe(topic("test/t"), Inlet::new(sink, Overflowed::default())).await.unwrap();
    let other = sender(&running.listen[0], (0..FRAMES).flat_map(|n| frame(&vec![n as u8; LARGEST], "test/t")).collect());
    let mut came = 0;
    // Only the control gets to the end of this wait: what is lost with its stream never comes, and nothing says so.
    while came < FRAMES
        && let Ok(Some(arrival)) = timeout(Duration::from_secs(2), arrivals.recv()).await
    {
        assert_eq!(arrival.payload, vec![came as u8; LARGEST]);
        came += 1;
    }
    other.abort();
    came
}

/// The receiver's size check sees a frame and what it has read of the next one: with the margin all of them come.
#[tokio::test]
async fn back_to_back_frames_of_the_largest_size_come_through() {
    assert_eq!(burst(None).await, FRAMES);
}

/// The control: with a maximum that each frame fits, but not a frame and the beginning of the next one, they are lost. Such a maximum is refused.
#[tokio::test]
async fn without_the_margin_they_are_lost() {
    let tight = ByteSize::b(LARGEST as u64 + 256);
    assert!(burst(Some(tight)).await < FRAMES);
    let of_b = Settings { mesh: Mesh { max_transmit_size: Some(tight), ..Mesh::default() }, ..settings() };
    let refused = start(&of_b, &Identity::ephemeral(), vec![network()]).await;
    assert!(refused.unwrap_err().to_string().contains("mesh.max_transmit_size"));
}

/// A network that claims everything claims them, too; they are not for the pipeline, whose parents could not be told of them. Nor can they be joined.
#[tokio::test]
async fn messages_on_topics_that_are_none_are_refused_before_the_pipeline() {
    let meter = Meter::new();
    let _installed = meter.install();
    // Without scores: what comes behind the refused ones is still read.
    let of_b = Settings { score: Score { enabled: false, ..settings().score }, ..settings() };
    let mut node = Node::with(of_b, Identity::ephemeral(), NetworkOverlay { claims: Claims(vec!["*".into()]), ..network() }).await;
    node.join("test/t").await;
    let (none, endless) = ("", "t".repeat(MAX_TOPIC + 1));
    for name in [none, &endless] {
        let refused = node.gossip.subscribe(topic(name), node.inlet()).await;
        assert!(matches!(refused, Err(SubscribeError::Router { .. })), "{} bytes: {refused:?}", name.len());
    }
    let longest = "t".repeat(MAX_TOPIC);
    node.join(&longest).await;
    let frames = [(b"on none".as_slice(), none), (b"on an endless one", &endless), (b"on the longest", &longest), (b"last", "test/t")];
    let other = sender(&node.address(), frames.into_iter().flat_map(|(payload, topic)| frame(payload, topic)).collect());
    assert_eq!(&*node.expect("on the longest").await.topic.name, longest);
    node.expect("last").await;
    other.abort();
    assert_eq!(meter.value("pmq_gossip_topic_refused_total"), 2);
    assert_eq!(meter.value("pmq_gossip_messages_received_total"), 2);
}
