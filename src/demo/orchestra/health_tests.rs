#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use serde_json::json;

use super::*;

#[test]
fn an_agents_answer_is_read() {
    let health = read(&json!({
        "ready": true,
        "subsystems": {
            "gossip": { "ready": true, "detail": { "peers": [
                { "peer_id": "12D3", "score": -120.5, "graylisted": true, "mesh": ["weather.reports"], "transports": ["quic"] },
            ] } },
            "networks": { "ready": true, "detail": [
                { "name": "weather", "verdicts": { "accept": 5, "ignore": 2, "reject": 1 }, "forwarded": 4, "delivered": 5,
                  "hop_us": { "p50": 300, "p99": 900, "p999": 1000 } },
            ] },
        },
    }));
    assert!(health.ready);
    let weather = health.networks["weather"];
    assert_eq!((weather.accept, weather.ignore, weather.reject, weather.forwarded, weather.delivered), (5, 2, 1, 4, 5));
    assert_eq!(weather.hop, [300, 900, 1000]);
    let peer = &health.peers["12D3"];
    assert!(peer.graylisted && peer.score < -120.0 && peer.mesh == ["weather.reports"] && peer.transports == ["quic"]);
    assert!(!read(&json!({})).ready);
}

#[tokio::test]
async fn an_agent_that_is_not_there_says_nothing() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert!(ask(free).await.is_none());
}
