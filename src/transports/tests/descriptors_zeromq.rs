#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! Out of file descriptors under ZeroMQ, whose own accept loop does not pause. A process of its own, since the limit is the process's.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use pmq_protocol::wire::Limits;
use pmq_transports::{Address, Listener, connect};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Time that this thread, which runs the whole test, has spent on a processor.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split_whitespace().next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn accept_backs_off_without_a_busy_loop_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pmq/zmq.ipc");
    let address = Address::ZmqIpc(path.clone());
    let mut listener = Listener::bind(&address, 1000, Limits::default()).await.unwrap();
    // It waits in the backlog: connecting needs no descriptor of the agent's.
    let waiting = UnixStream::connect(&path).unwrap();
    let whole = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(waiting.as_raw_fd() as u64 + 1), maximum: whole.maximum }).unwrap();

    let starved = tokio::time::timeout(Duration::from_millis(1500), listener.accept()).await;
    setrlimit(Resource::Nofile, whole).unwrap();
    assert!(starved.is_err(), "accepted without a descriptor");
    let used = cpu();
    assert!(used < Duration::from_millis(500), "{used:?} on the processor: a busy loop");
    let both = async { tokio::join!(listener.accept(), connect(&address, Limits::default())) };
    let (agent, parent) = tokio::time::timeout(Duration::from_secs(10), both).await.expect("accepts again");
    assert!(agent.is_ok() && parent.is_ok());
}
