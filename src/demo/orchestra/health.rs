//! What the agents say of themselves: `/health`, read over plain HTTP on loopback.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1024 * 1024;
/// An agent that takes longer has nothing to say this time.
const WITHIN: Duration = Duration::from_secs(2);

/// One agent at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    /// All its subsystems are.
    pub(crate) ready: bool,
    /// Its networks by name.
    pub(crate) networks: BTreeMap<String, NetworkHealth>,
    /// Its neighbours by peer id.
    pub(crate) peers: BTreeMap<String, PeerHealth>,
}

/// One network of an agent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NetworkHealth {
    /// Outcomes.
    pub(crate) accept: u64,
    /// Outcomes.
    pub(crate) ignore: u64,
    /// Outcomes.
    pub(crate) reject: u64,
    /// Accepted messages that the router sent on.
    pub(crate) forwarded: u64,
    /// Messages handed to consumers.
    pub(crate) delivered: u64,
    /// Parents that verify.
    pub(crate) verifiers: u64,
    /// Parents that consume.
    pub(crate) consumers: u64,
    /// Microseconds from arrival to report: p50, p99, p999.
    pub(crate) hop: [u64; 3],
}

/// One neighbour of an agent.
#[derive(Debug, Clone, Default)]
pub(crate) struct PeerHealth {
    /// Its score.
    pub(crate) score: f64,
    /// Whether nothing of it is read.
    pub(crate) graylisted: bool,
    /// Topics in whose mesh it is.
    pub(crate) mesh: Vec<String>,
    /// What its connections run over.
    pub(crate) transports: Vec<String>,
}

/// Asks an agent. `None` when it does not answer.
pub(crate) async fn ask(port: u16) -> Option<Health> {
    let answer = tokio::time::timeout(WITHIN, get(port)).await.ok()?.ok()?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body)?;
    Some(read(&serde_json::from_str(body).ok()?))
}

/// One HTTP/1.0 request: the answer ends with the connection, and is never chunked.
async fn get(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("GET /health HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer).await?;
    Ok(answer)
}

fn read(answer: &Value) -> Health {
    let detail = |name: &str| answer.pointer(&format!("/subsystems/{name}/detail"));
    let networks = detail("networks").and_then(Value::as_array).into_iter().flatten().filter_map(|network| {
        let number = |path: &str| network.pointer(path).and_then(Value::as_u64).unwrap_or_default();
        let health = NetworkHealth {
            accept: number("/verdicts/accept"),
            ignore: number("/verdicts/ignore"),
            reject: number("/verdicts/reject"),
            forwarded: number("/forwarded"),
            delivered: number("/delivered"),
            verifiers: number("/verifiers"),
            consumers: number("/consumers"),
            hop: [number("/hop_us/p50"), number("/hop_us/p99"), number("/hop_us/p999")],
        };
        Some((network.get("name")?.as_str()?.to_owned(), health))
    });
    let peers =
        detail("gossip").and_then(|gossip| gossip.get("peers")).and_then(Value::as_array).into_iter().flatten().filter_map(|peer| {
            let texts = |key: &str| {
                let texts = peer.get(key).and_then(Value::as_array).into_iter().flatten();
                texts.filter_map(Value::as_str).map(str::to_owned).collect()
            };
            let health = PeerHealth {
                score: peer.get("score").and_then(Value::as_f64).unwrap_or_default(),
                graylisted: peer.get("graylisted").and_then(Value::as_bool).unwrap_or_default(),
                mesh: texts("mesh"),
                transports: texts("transports"),
            };
            Some((peer.get("peer_id")?.as_str()?.to_owned(), health))
        });
    Health { ready: answer.get("ready").and_then(Value::as_bool).unwrap_or_default(), networks: networks.collect(), peers: peers.collect() }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
