//! The transports that the suite runs over.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use pmq_client::Builder;
use pmq_transports::quic::Identity;
use pmq_transports::{Proof, Token};

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
    pub shows: Shows,
    /// A peer of no library's making.
    pub dial: Dial,
    /// How soon the end of a process at the other end is noticed: at once where its socket closes with it, else by the heartbeat.
    pub end_seen: Duration,
}

/// Where an agent under test runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Host {
    /// `pmq run`: killed by SIGKILL.
    Process,
    /// A thread of the test with a runtime of its own: killed by dropping the runtime.
    Thread,
}

/// What a parent shows of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shows {
    /// The system says who it is.
    Nothing,
    /// The suite's token.
    Token,
    /// The suite's key.
    Key,
}

impl Transport {
    /// What a parent shows here.
    pub fn proof(&self) -> Proof {
        match self.shows {
            Shows::Nothing => Proof::default(),
            Shows::Token => Token::new(TOKEN.as_bytes()).unwrap().into(),
            Shows::Key => key().into(),
        }
    }

    /// Has the library's parent show it.
    pub fn show(&self, builder: Builder) -> Builder {
        match self.proof() {
            Proof { token: Some(token), .. } => builder.token(token),
            Proof { identity: Some(identity), .. } => builder.identity(identity),
            _ => builder,
        }
    }

    /// The token that it shows, as bytes.
    pub fn token(&self) -> &'static [u8] {
        if self.shows == Shows::Token { TOKEN.as_bytes() } else { b"" }
    }

    /// Whom a grant for the suite's parents names: a line of `[[attach.grant]]`.
    pub fn granted(&self) -> String {
        match self.shows {
            Shows::Nothing | Shows::Token => String::new(),
            Shows::Key => format!("peer = {:?}\n", key().peer_id()),
        }
    }
}

/// The key of the suite's parents, as bytes: made by the first process of a run and handed on to those that it starts.
const KEY: &str = "PMQ_CONFORMANCE_KEY";

fn secret() -> &'static [u8] {
    static SECRET: OnceLock<Vec<u8>> = OnceLock::new();
    SECRET.get_or_init(|| match std::env::var(KEY) {
        Ok(handed_on) => hex::decode(handed_on).unwrap(),
        Err(_) => libp2p_identity::Keypair::generate_ed25519().to_protobuf_encoding().unwrap(),
    })
}

fn key() -> Identity {
    Identity::from_protobuf(secret()).unwrap()
}

/// The suite's keys for raw bytes: the parent's.
pub fn keypair() -> libp2p_identity::Keypair {
    libp2p_identity::Keypair::from_protobuf_encoding(secret()).unwrap()
}

/// What a process of this run needs to show what the others show.
pub fn handed_on() -> [(&'static str, String); 1] {
    [(KEY, hex::encode(secret()))]
}

/// The agent's key, made before it starts.
fn agent(dir: &Path) -> String {
    pmq_gossip::Identity::load_or_generate(&dir.join("identity.key")).unwrap().peer_id()
}

fn grpc(_: &Path, number: usize) -> String {
    format!("grpc://{}", address(number, 1))
}

fn bind_grpc(dir: &Path, number: usize) -> String {
    let file = token_file(dir);
    format!("[attach.grpc]\nbind = [{:?}]\n[[attach.grpc.token]]\nname = \"self\"\nfile = {file:?}\n", grpc(dir, number))
}

fn bind_legacy(dir: &Path, number: usize) -> String {
    format!("[attach.grpc]\nbind = [{:?}]\ntrust_loopback = true\n", grpc(dir, number))
}

fn token_file(dir: &Path) -> PathBuf {
    let file = dir.join("token");
    std::fs::write(&file, TOKEN).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file
}

fn quic(dir: &Path, number: usize) -> String {
    format!("quic://{}/{}", address(number, 1), agent(dir))
}

fn bind_quic(_: &Path, number: usize) -> String {
    format!("[attach.quic]\nbind = [\"{}\"]\n", address(number, 1))
}

const AT_ONCE: Duration = Duration::from_secs(1);
const HEARTBEAT: Duration = Duration::from_secs(3);

/// A new transport is one line here, and one of [`Dial`] if its bytes on the socket are others.
pub const TRANSPORTS: &[Transport] = &[
    Transport {
        name: "unix",
        about: UNIX,
        host: Host::Process,
        settings: none,
        url: unix,
        shows: Shows::Nothing,
        dial: Dial::Stream,
        end_seen: AT_ONCE,
    },
    Transport {
        name: "zmq+ipc",
        about: IPC,
        host: Host::Process,
        settings: bind_ipc,
        url: ipc,
        shows: Shows::Nothing,
        dial: Dial::Zmtp,
        end_seen: AT_ONCE,
    },
    Transport {
        name: "zmq+tcp",
        about: TCP,
        host: Host::Process,
        settings: bind_tcp,
        url: tcp,
        shows: Shows::Token,
        dial: Dial::Zmtp,
        end_seen: AT_ONCE,
    },
    Transport {
        name: "memory",
        about: MEMORY,
        host: Host::Thread,
        settings: none,
        url: memory,
        shows: Shows::Nothing,
        dial: Dial::Memory,
        end_seen: AT_ONCE,
    },
    Transport {
        name: "quic",
        about: QUIC,
        host: Host::Process,
        settings: bind_quic,
        url: quic,
        shows: Shows::Key,
        dial: Dial::Quic,
        end_seen: HEARTBEAT,
    },
    Transport {
        name: "grpc",
        about: GRPC,
        host: Host::Process,
        settings: bind_grpc,
        url: grpc,
        shows: Shows::Token,
        dial: Dial::Grpc,
        end_seen: AT_ONCE,
    },
];

/// The predecessor's services, whose column is made in `legacy`.
pub const LEGACY: Transport = Transport {
    name: "grpc-legacy",
    about: PREDECESSOR,
    host: Host::Process,
    settings: bind_legacy,
    url: grpc,
    shows: Shows::Nothing,
    dial: Dial::Grpc,
    end_seen: AT_ONCE,
};

const PREDECESSOR: &str = "The services of the Go predecessor (`proto/p2pmq`) on loopback, without a token. Where a cell says n/a, their messages cannot carry the promise.";
const UNIX: &str = "Unix sockets. Raw bytes are written to the socket.";
const IPC: &str = "ZeroMQ over `ipc://`. Raw bytes are written to the socket, most of them behind a ZMTP handshake by hand.";
const TCP: &str = "ZeroMQ over `tcp://` on loopback, with a token. Raw bytes as above.";
const MEMORY: &str = "Within one process: the agent is a thread of the suite with a runtime of its own, and is killed by dropping that; so is a parent that is killed. \
                      There is no socket: raw bytes are pushed into the pipe as frames that no encoder made. Descriptors cannot be told apart there and are not counted.";

const GRPC: &str =
    "gRPC on loopback, `pmq.v1.Attach`, with a token. Raw bytes are the messages of a call that the suite made over HTTP/2 by hand.";
const QUIC: &str = "QUIC on loopback, both ends known by their keys. A process that is killed is missed by the heartbeat, after 3 s: no socket closes with it. Raw bytes are written to the control lane of a connection that the suite made by itself.";

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
    let file = token_file(dir);
    format!("[attach.zeromq]\nbind = [{:?}]\n[[attach.zeromq.token]]\nname = \"self\"\nfile = {file:?}\n", tcp(dir, number))
}
