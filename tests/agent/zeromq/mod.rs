//! Agents as processes of their own, with parents that attach over ZeroMQ: by our own library, by libzmq, and by sockets that keep to nothing.

mod attach;
mod enormous;
mod interop;
mod libzmq;
mod memory;

use pmq_testing::{Agent, Setup};

/// An agent that listens over ipc, and over TCP with a token.
pub fn setup(deadline: &str) -> Setup {
    with_zeromq(Setup::new(deadline))
}

pub fn with_zeromq(setup: Setup) -> Setup {
    pmq_testing::write(&setup.dir.path().join("parent.token"), "0123456789abcdef0123\n", 0o600);
    let ipc = setup.dir.path().join("zmq/zmq.ipc");
    let more = format!(
        "[attach.zeromq]\nbind = [\"zmq+ipc://{}\", \"zmq+tcp://127.0.0.1:0\"]\n[[attach.zeromq.token]]\nname = \"self\"\nfile = \"parent.token\"\n",
        ipc.display()
    );
    setup.more(&more)
}

pub const TOKEN: &[u8] = b"0123456789abcdef0123";

/// The agent's addresses: ipc and TCP.
pub async fn addresses(agent: &Agent) -> [String; 2] {
    let health = agent.health_when("attach", |health| health["subsystems"]["attach"]["ready"] == true).await;
    let listed = &health["subsystems"]["attach"]["detail"];
    [1, 2].map(|index| listed[index].as_str().unwrap().to_owned())
}
