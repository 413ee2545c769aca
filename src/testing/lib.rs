//! Agents as processes of their own, parents at them, and waiting for what must come: what the tests of the whole have in common.
//!
//! [`Setup`] writes an agent's files and starts it; [`Agent`] ends with the test. Everything is on loopback, in a directory of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod agent;
mod operator;
mod setup;

use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt as _;
use pmq_client::{Client, Consumer, Delivery};

pub use agent::Agent;
pub use operator::{Lines, Ran};
pub use setup::{Setup, network};

/// Longest wait for anything that must come.
pub const SOON: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Waits for what must come.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("{what} did not come within {SOON:?}"))
}

/// Asks until there is an answer.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    soon(what, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(POLL).await;
        }
    })
    .await
}

/// The program under test, which stands beside the test's own folder.
#[must_use]
pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("pmq");
    assert!(program.exists(), "{} is not built: `cargo test` builds it", program.display());
    program
}

/// See [`Agent::verifier`].
pub fn judge(client: &Client, network: &str) {
    let verdicts = |batch: &mut [pmq_client::Incoming]| {
        for message in batch {
            match message.payload.windows(4).any(|part| part == b"good") {
                true => message.accept(),
                false if message.payload.starts_with(b"bad") => message.reject(),
                false => message.ignore(),
            }
        }
    };
    client.verify(network, verdicts).unwrap();
}

/// The next delivery, acked.
pub async fn next(consumer: &mut Consumer) -> Delivery {
    let delivery = soon("a delivery", consumer.next()).await.expect("the consumer's stream has ended");
    consumer.ack(&delivery);
    delivery
}

/// The next delivery, which must be a message.
pub async fn message(consumer: &mut Consumer) -> String {
    match next(consumer).await {
        Delivery::Message { payload, .. } => String::from_utf8_lossy(&payload).into_owned(),
        other => panic!("no message: {other:?}"),
    }
}

/// A directory that only we can write to, with a file of that mode in it.
pub fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A and B, who are peers, with a parent that publishes at A.
pub async fn pair(a: Setup, b: Setup) -> (Agent, Client, Agent) {
    let a = a.start().await;
    let b = b.peer(&a).start().await;
    for agent in [&a, &b] {
        agent.meshed("weather", 1).await;
    }
    let parent = a.producer("weather").await;
    (a, parent, b)
}
