//! QUIC beside TCP: the same road, verdicts and limits over both, and through a node that speaks both.

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

#[tokio::test]
async fn two_nodes_over_quic() {
    let mut b = Node::new(listening(&[QUIC])).await;
    let a = Node::new(dialling(&[QUIC], vec![b.address()])).await;
    for node in [&a, &b] {
        node.join("test/t").await;
    }
    a.meshed(&b, "test/t").await;
    for (here, there) in [(&a, &b), (&b, &a)] {
        assert_eq!(here.view(there).await.unwrap().transports, [Transport::Quic]);
    }
    let published = a.publish("test/t", "over quic").await;
    let arrival = b.expect("over quic").await;
    assert_eq!((arrival.id, arrival.peer), (published.id, b.view(&a).await.unwrap().peer));
}
