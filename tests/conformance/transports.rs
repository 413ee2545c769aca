//! The transports that the suite runs over.

use std::path::Path;

use crate::rig::raw::Dial;

/// What a transport is to the suite.
pub struct Transport {
    /// Its column.
    pub name: &'static str,
    /// What it is and how its cases reach it, for the table.
    pub about: &'static str,
    /// Where the agent under test runs.
    pub host: Host,
    /// Lines of the agent's file, given its directory and a number that no other agent of this run has.
    pub settings: fn(&Path, usize) -> String,
    /// Where parents attach, given the same.
    pub url: fn(&Path, usize) -> String,
    /// What its parents show.
    pub token: Option<&'static str>,
    /// A peer of no library's making.
    pub dial: Dial,
}

/// Where an agent under test runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Host {
    /// `pmq run`: killed by SIGKILL.
    Process,
    /// A thread of the test with a runtime of its own: killed by dropping the runtime.
    Thread,
}

/// A new transport is one line here, and one of [`Dial`] if its bytes on the socket are others.
pub const TRANSPORTS: &[Transport] = &[
    Transport {
        name: "unix",
        about: UNIX,
        host: Host::Process,
        settings: |_, _| String::new(),
        url: unix,
        token: None,
        dial: Dial::Stream,
    },
    Transport {
        name: "memory",
        about: MEMORY,
        host: Host::Thread,
        settings: |_, _| String::new(),
        url: memory,
        token: None,
        dial: Dial::Memory,
    },
    Transport { name: "zmq+ipc", about: IPC, host: Host::Thread, settings: |_, _| String::new(), url: ipc, token: None, dial: Dial::Zmtp },
];

const IPC: &str = "ZeroMQ over `ipc://`. Raw bytes are written to the socket, most of them behind a ZMTP handshake by hand.";
const UNIX: &str = "Unix sockets. Raw bytes are written to the socket.";
const MEMORY: &str = "Within one process: the agent is a thread of the suite with a runtime of its own, and is killed by dropping that; so is a parent that is killed. \
                      There is no socket: raw bytes are pushed into the pipe as frames that no encoder made. Descriptors cannot be told apart there and are not counted.";

fn unix(dir: &Path, _: usize) -> String {
    format!("unix://{}", dir.join("agent.sock").display())
}

fn memory(_: &Path, number: usize) -> String {
    format!("memory:agent-{number}")
}

fn ipc(dir: &Path, _: usize) -> String {
    format!("zmq+ipc://{}", dir.join("zmq/agent.ipc").display())
}
