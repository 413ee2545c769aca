//! QUIC beside TCP: the same road, verdicts and limits over both, and through a node that speaks both.

use std::net::{TcpListener, UdpSocket};

use super::*;

const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

fn listening(addresses: &[&str]) -> Settings {
    Settings { listen: addresses.iter().map(|&address| address.to_owned()).collect(), ..settings() }
}

fn dialling(addresses: &[&str], peers: Vec<String>) -> Settings {
    Settings { peers, ..listening(addresses) }
}

/// The address of a node over one transport.
fn over(node: &Node, transport: &str) -> String {
    node.running.listen.iter().find(|address| address.contains(transport)).unwrap().clone()
}

/// A node's first listen address, without its id.
fn bare(node: &Node) -> String {
    node.address().split("/p2p/").next().unwrap().to_owned()
}

async fn connected(here: &Node, there: &Node, transport: Transport) {
    here.until(there, "connected over the right transport", |view| view.connected && view.transports == [transport]).await;
}

#[tokio::test]
async fn two_nodes_over_quic() {
    for host in ["/ip4/127.0.0.1", "/ip6/::1"] {
        let listen = format!("{host}/udp/0/quic-v1");
        let mut b = Node::new(listening(&[&listen])).await;
        let a = Node::new(dialling(&[&listen], vec![b.address()])).await;
        for node in [&a, &b] {
            node.join("test/t").await;
        }
        a.meshed(&b, "test/t").await;
        connected(&a, &b, Transport::Quic).await;
        connected(&b, &a, Transport::Quic).await;
        let published = a.publish("test/t", "over quic").await;
        let arrival = b.expect("over quic").await;
        assert_eq!((arrival.id, arrival.peer), (published.id, b.view(&a).await.unwrap().peer));
    }
}

/// The same port of both families and both transports is four addresses.
#[tokio::test]
async fn one_port_serves_all() {
    let first = Node::new(listening(&[TCP])).await;
    let port = bare(&first).rsplit('/').next().unwrap().to_owned();
    drop(first.gossip);
    timeout(BOUND, first.running.task).await.unwrap().unwrap();
    let all = ["/ip4/0.0.0.0/tcp/", "/ip6/::/tcp/", "/ip4/0.0.0.0/udp/", "/ip6/::/udp/"]
        .map(|start| format!("{start}{port}{}", if start.contains("udp") { "/quic-v1" } else { "" }));
    let node = Node::new(Settings { listen: all.to_vec(), ..settings() }).await;
    for protocol in ["/ip4/127.0.0.1/tcp/", "/ip6/::1/tcp/", "/ip4/127.0.0.1/udp/", "/ip6/::1/udp/"] {
        let addresses = node.gossip.listen_addresses().await.unwrap();
        assert!(addresses.iter().any(|address| address.starts_with(&format!("{protocol}{port}"))), "{protocol}: {addresses:?}");
    }
}

/// Two that speak TCP alone, two that speak QUIC alone, and one between them that speaks both: its verdicts decide what passes from one side to the other.
#[tokio::test]
async fn a_mesh_of_both_transports() {
    let mut both = Node::new(listening(&[TCP, QUIC])).await;
    let of = |transport: &str| dialling(&[transport], vec![over(&both, if transport == TCP { "/tcp/" } else { "/quic-v1" })]);
    let mut tcp = [Node::new(of(TCP)).await, Node::new(of(TCP)).await];
    let mut quic = [Node::new(of(QUIC)).await, Node::new(of(QUIC)).await];
    for node in tcp.iter().chain(&quic).chain([&both]) {
        node.join("test/t").await;
    }
    for (nodes, transport) in [(&tcp, Transport::Tcp), (&quic, Transport::Quic)] {
        for node in nodes {
            node.meshed(&both, "test/t").await;
            connected(&both, node, transport).await;
        }
    }
    for (from, text, refused) in [(&tcp[0], "tcp to quic", "ignored from tcp"), (&quic[0], "quic to tcp", "rejected from quic")] {
        from.publish("test/t", refused).await;
        let arrival = both.expect(refused).await;
        both.report(&arrival, if refused.starts_with("rejected") { Verdict::Reject } else { Verdict::Ignore }).await;
        from.publish("test/t", text).await;
        let arrival = both.expect(text).await;
        both.report(&arrival, Verdict::Accept).await;
    }
    // What was not accepted would have come first: a connection keeps the order.
    tcp[1].expect("tcp to quic").await;
    tcp[1].expect("quic to tcp").await;
    quic[1].expect("tcp to quic").await;
    quic[1].expect("quic to tcp").await;
    tcp[0].expect("quic to tcp").await;
    quic[0].expect("tcp to quic").await;
    assert!(both.view(&quic[0]).await.unwrap().score < 0.0, "a Reject counts over QUIC");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_denied() {
    let meter = Meter::new();
    let _installed = meter.install();
    let mut of_b = listening(&[TCP, QUIC]);
    of_b.connections.incoming = 1;
    let b = Node::new(of_b).await;
    let a = Node::new(dialling(&[], vec![over(&b, "/quic-v1")])).await;
    connected(&b, &a, Transport::Quic).await;
    // The limit is one for both transports.
    for transport in ["/quic-v1", "/tcp/"] {
        let failed = meter.value("pmq_gossip_incoming_failed_total");
        let c = Node::new(dialling(&[], vec![over(&b, transport)])).await;
        meter.reaches("pmq_gossip_incoming_failed_total", failed + 2).await;
        assert_eq!(b.view(&c).await, None, "the router has never heard of it");
    }
    connected(&b, &a, Transport::Quic).await;
    // Without the limit, all of them.
    let b = Node::new(listening(&[TCP, QUIC])).await;
    for (transport, kind) in [("/quic-v1", Transport::Quic), ("/quic-v1", Transport::Quic), ("/tcp/", Transport::Tcp)] {
        let node = Node::new(dialling(&[], vec![over(&b, transport)])).await;
        connected(&b, &node, kind).await;
    }
}

#[tokio::test]
async fn only_allowed_peers_connect() {
    let meter = Meter::new();
    let _installed = meter.install();
    let (a_key, c_key) = (Identity::ephemeral(), Identity::ephemeral());
    let b = Node::new(Settings { allow: Some(vec![a_key.peer_id()]), ..listening(&[QUIC]) }).await;
    let a = Node::with(dialling(&[], vec![b.address()]), a_key.clone(), network()).await;
    connected(&b, &a, Transport::Quic).await;
    let c = Node::with(dialling(&[], vec![b.address()]), c_key.clone(), network()).await;
    meter.reaches("pmq_gossip_incoming_failed_total", 1).await;
    assert_eq!(b.view(&c).await, None);
    b.gossip.allow(AllowChange::Replace(vec![c_key.peer_id()])).await.unwrap();
    b.until(&a, "disconnected", |view| !view.connected && view.transports.is_empty()).await;
    connected(&b, &c, Transport::Quic).await;
}

/// A socket that takes packets and never answers: the dial ends with its own timeout, and not with QUIC's.
#[tokio::test]
async fn a_dial_without_an_answer_is_given_up() {
    let meter = Meter::new();
    let _installed = meter.install();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/udp/{}/quic-v1/p2p/{}", silent.local_addr().unwrap().port(), Identity::ephemeral().peer_id());
    let start = Instant::now();
    let _a = Node::new(Settings { dial_timeout: Duration::from_millis(300), ..dialling(&[], vec![address]) }).await;
    meter.reaches("pmq_gossip_dial_failed_total", 1).await;
    assert!((Duration::from_millis(300)..Duration::from_secs(3)).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let first = Node::new(listening(&[QUIC])).await;
    let taken = bare(&first);
    let error = start(&listening(&[TCP, &taken]), &Identity::ephemeral(), vec![network()]).await.unwrap_err().to_string();
    assert!(error.contains(&taken) && error.contains("in use") && error.contains("`listen`"), "{error}");
}

/// A peer with an address over each transport of which one is dead: it is reached over the other one, whichever is named first; and when the other one is dead after a
/// restart, over that which was dead before.
#[tokio::test]
async fn either_address_of_a_peer_will_do() {
    for quic_is_dead in [false, true] {
        // Nobody answers here, and nobody else takes the port meanwhile.
        let (tcp_port, udp_port) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let dead = |quic: bool| match quic {
            true => format!("/ip4/127.0.0.1/udp/{}/quic-v1", udp_port.local_addr().unwrap().port()),
            false => format!("/ip4/127.0.0.1/tcp/{}", tcp_port.local_addr().unwrap().port()),
        };
        let key = Identity::ephemeral();
        let b = Node::with(listening(&[if quic_is_dead { TCP } else { QUIC }]), key.clone(), network()).await;
        let (gone, back) = (dead(quic_is_dead), b.address());
        let peers = vec![format!("{gone}/p2p/{}", key.peer_id()), back];
        let a = Node::new(Settings { dial_timeout: Duration::from_millis(500), ..dialling(&[], peers) }).await;
        let (now, then) = if quic_is_dead { (Transport::Tcp, Transport::Quic) } else { (Transport::Quic, Transport::Tcp) };
        connected(&a, &b, now).await;
        let Node { gossip, running, .. } = b;
        drop(gossip);
        timeout(BOUND, running.task).await.unwrap().unwrap();
        drop((tcp_port, udp_port));
        let b = Node::with(listening(&[&gone]), key, network()).await;
        connected(&a, &b, then).await;
    }
}

/// A node in a runtime of its own, which can be ended without a word to anybody.
struct Mortal {
    node: Node,
    runtime: tokio::runtime::Runtime,
}

impl Mortal {
    async fn new(settings: Settings, identity: Identity) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let node = runtime.spawn(Node::with(settings, identity, network())).await.unwrap();
        Self { node, runtime }
    }

    /// Answers when its sockets are closed.
    async fn kill(self) -> String {
        let address = bare(&self.node);
        self.runtime.shutdown_background();
        let port: u16 = address.trim_end_matches("/quic-v1").rsplit('/').next().unwrap().parse().unwrap();
        let start = Instant::now();
        while UdpSocket::bind(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < BOUND, "port {port} is still open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        address
    }
}

fn impatient(mut settings: Settings) -> Settings {
    settings.quic.max_idle_timeout = Duration::from_millis(400);
    settings
}

/// Silence for several idle timeouts ends no connection to a peer that lives; one that died without a word is noticed, and dialled again.
#[tokio::test]
async fn a_killed_peer_is_noticed_and_redialled() {
    let key = Identity::ephemeral();
    let mortal = Mortal::new(impatient(listening(&[QUIC])), key.clone()).await;
    let a = Node::new(impatient(dialling(&[], vec![mortal.node.address()]))).await;
    a.join("test/t").await;
    connected(&a, &mortal.node, Transport::Quic).await;
    let (meter, quiet) = (Instant::now(), Duration::from_millis(1500));
    while meter.elapsed() < quiet {
        assert!(a.view(&mortal.node).await.unwrap().connected, "kept alive");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let peer_id = mortal.node.gossip.peer_id().to_owned();
    let address = mortal.kill().await;
    let start = Instant::now();
    while a.gossip.peers().await.unwrap().iter().any(|view| view.peer_id == peer_id && view.connected) {
        assert!(start.elapsed() < Duration::from_secs(3), "not noticed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut second = Node::with(impatient(listening(&[&address])), key, network()).await;
    second.join("test/t").await;
    a.meshed(&second, "test/t").await;
    a.publish("test/t", "after the restart").await;
    second.expect("after the restart").await;
}

/// One that died without a word and is back, elsewhere, before that was noticed: the old connection lives on here, and a router greets nobody twice.
#[tokio::test]
async fn a_peer_that_is_back_before_its_death_is_noticed_begins_anew() {
    let key = Identity::ephemeral();
    let a = Node::new(listening(&[QUIC])).await;
    a.join("test/t").await;
    let mortal = Mortal::new(dialling(&[QUIC], vec![a.address()]), key.clone()).await;
    connected(&a, &mortal.node, Transport::Quic).await;
    mortal.kill().await;
    let mut second = Node::with(dialling(&[QUIC], vec![a.address()]), key, network()).await;
    second.join("test/t").await;
    let start = Instant::now();
    a.meshed(&second, "test/t").await;
    assert!(start.elapsed() < Settings::default().quic.max_idle_timeout, "not before the old connection has timed out");
    second.publish("test/t", "it knows what I have joined").await;
    a.publish("test/t", "and I know what it has joined").await;
    second.expect("and I know what it has joined").await;
}

/// The same with one that this node had dialled: its new connection looks as if both had dialled at once, so the old one must be gone first.
#[tokio::test]
async fn a_peer_that_was_dialled_and_is_back_before_its_death_is_noticed_begins_anew() {
    let patience = Duration::from_secs(3);
    let patient = |mut settings: Settings| {
        settings.quic.max_idle_timeout = patience;
        settings
    };
    let key = Identity::ephemeral();
    let mortal = Mortal::new(patient(listening(&[QUIC])), key.clone()).await;
    let a = Node::new(patient(dialling(&[QUIC], vec![mortal.node.address()]))).await;
    for node in [&a, &mortal.node] {
        node.join("test/t").await;
    }
    a.meshed(&mortal.node, "test/t").await;
    let handle = a.view(&mortal.node).await.unwrap().peer;
    mortal.kill().await;
    let killed = Instant::now();
    let mut second = Node::with(patient(dialling(&[QUIC], vec![a.address()])), key, network()).await;
    second.join("test/t").await;
    connected(&second, &a, Transport::Quic).await;
    assert!(killed.elapsed() < patience / 2, "the old connection may be gone already, and nothing is tested");
    a.meshed(&second, "test/t").await;
    assert!(killed.elapsed() > patience / 2, "not by the old connection's end");
    second.publish("test/t", "it knows what I have joined").await;
    a.publish("test/t", "and I know what it has joined").await;
    second.expect("and I know what it has joined").await;
    assert_eq!(a.view(&second).await.unwrap().peer, handle);
}

/// A node that stops says so to all, and does so before its task ends: what runs after that is the end of a process.
#[tokio::test]
async fn a_node_that_stops_takes_its_leave() {
    const PEERS: usize = 48;
    let (up, is_up) = tokio::sync::oneshot::channel();
    let (stop, stops) = tokio::sync::oneshot::channel();
    let process = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let node = Node::new(listening(&[QUIC])).await;
            up.send(node.address()).unwrap();
            stops.await.unwrap();
            node.gossip.stop(Duration::ZERO).await.unwrap();
            timeout(BOUND, node.running.task).await.unwrap().unwrap();
        });
    });
    let address = timeout(BOUND, is_up).await.unwrap().unwrap();
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        peers.push(Node::new(dialling(&[], vec![address.clone()])).await);
    }
    let connected = async || {
        let mut connected = 0;
        for peer in &peers {
            connected += peer.gossip.peers().await.unwrap().iter().filter(|view| view.connected).count();
        }
        connected
    };
    let until = async |wanted: usize, bound: Duration| {
        let start = Instant::now();
        while connected().await != wanted {
            assert!(start.elapsed() < bound, "{} of {PEERS} are connected after {bound:?}, not {wanted}", connected().await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    until(PEERS, BOUND).await;
    stop.send(()).unwrap();
    until(0, Settings::default().quic.max_idle_timeout / 2).await;
    process.join().unwrap();
}
