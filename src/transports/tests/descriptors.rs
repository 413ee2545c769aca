#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! Out of file descriptors. A process of its own, since the limit is the process's.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use pmq_protocol::wire::Limits;
use pmq_transports::{Address, Listener};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Time that this thread, which runs the whole test, has spent on a processor.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split_whitespace().next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn accept_backs_off_without_a_busy_loop_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pmq/agent.sock");
    let mut listener = Listener::bind(&Address::Unix(path.clone()), 1000, Limits::default()).await.unwrap();
    // It waits in the backlog: connecting needs no descriptor of the agent's.
    let parent = UnixStream::connect(&path).unwrap();
    let whole = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(parent.as_raw_fd() as u64 + 1), maximum: whole.maximum }).unwrap();

    let before = Instant::now();
    let starved = tokio::time::timeout(Duration::from_millis(1500), listener.accept()).await;
    assert!(starved.is_err(), "accepted without a descriptor, after {:?}", before.elapsed());

    setrlimit(Resource::Nofile, whole).unwrap();
    let used = cpu();
    assert!(used < Duration::from_millis(500), "{used:?} on the processor: a busy loop");
    tokio::time::timeout(Duration::from_secs(5), listener.accept()).await.expect("accepts again").unwrap();
}
