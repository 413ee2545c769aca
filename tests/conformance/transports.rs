//! The transports that the suite runs over.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::rig::address;
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
    Transport { name: "unix", about: UNIX, host: Host::Process, settings: none, url: unix, token: None, dial: Dial::Stream },
    Transport { name: "zmq+ipc", about: IPC, host: Host::Process, settings: bind_ipc, url: ipc, token: None, dial: Dial::Zmtp },
    Transport { name: "zmq+tcp", about: TCP, host: Host::Process, settings: bind_tcp, url: tcp, token: Some(TOKEN), dial: Dial::Zmtp },
    Transport { name: "memory", about: MEMORY, host: Host::Thread, settings: none, url: memory, token: None, dial: Dial::Memory },
];

const UNIX: &str = "Unix sockets. Raw bytes are written to the socket.";
const IPC: &str = "ZeroMQ over `ipc://`. Raw bytes are written to the socket, most of them behind a ZMTP handshake by hand.";
const TCP: &str = "ZeroMQ over `tcp://` on loopback, with a token. Raw bytes as above.";
const MEMORY: &str = "Within one process: the agent is a thread of the suite with a runtime of its own, and is killed by dropping that; so is a parent that is killed. \
                      There is no socket: raw bytes are pushed into the pipe as frames that no encoder made. Descriptors cannot be told apart there and are not counted.";

/// What parents show over TCP.
const TOKEN: &str = "a secret of the conformance suite";

/// The Unix socket is there in any case.
fn none(_: &Path, _: usize) -> String {
    String::new()
}

fn unix(dir: &Path, _: usize) -> String {
    format!("unix://{}", dir.join("agent.sock").display())
}

fn memory(_: &Path, number: usize) -> String {
    format!("memory:agent-{number}")
}

fn ipc(dir: &Path, _: usize) -> String {
    // In a directory that the agent makes, for its owner alone.
    format!("zmq+ipc://{}", dir.join("zmq/agent.ipc").display())
}

fn bind_ipc(dir: &Path, number: usize) -> String {
    format!("[attach.zeromq]\nbind = [{:?}]\n", ipc(dir, number))
}

fn tcp(_: &Path, number: usize) -> String {
    format!("zmq+tcp://{}", address(number, 1))
}

fn bind_tcp(dir: &Path, number: usize) -> String {
    let file = dir.join("token");
    std::fs::write(&file, TOKEN).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!("[attach.zeromq]\nbind = [{:?}]\n[[attach.zeromq.token]]\nname = \"self\"\nfile = {file:?}\n", tcp(dir, number))
}
