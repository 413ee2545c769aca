//! Settings of the ZeroMQ listeners.

use std::collections::HashSet;

use super::super::address::MAX_PATH;
use super::super::{Address, LinkError, TokenFile, settings, tokens};
use pmq_protocol::{InvalidSetting, setting};

/// Bytes of the names under which sockets are bound, with the slash: two numbers of 32 bits and two dots.
const OWN_NAME: usize = 20;

/// Settings of the ZeroMQ listeners.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ZeromqSettings {
    /// Where to listen: `zmq+ipc:///path` (in a directory with mode 0700), `zmq+tcp://ip:port`. None = no ZeroMQ.
    pub bind: Vec<Address>,
    /// Allows TCP beyond loopback. The token crosses the network in the clear and so does everything else.
    pub insecure: bool,
    /// Takes parents without a token, over TCP on loopback, for the agent's own user: any user of the machine.
    pub trust_loopback: bool,
    /// Links accepted a second at each address, with a burst of one second's worth (1 to 10,000).
    pub accept_rate: u32,
    /// Frames of one parent that may wait to be read by its session; one that sends more is cut off.
    pub inbox_frames: u32,
    /// The same by bytes. One frame of any allowed size passes when nothing waits.
    #[serde(deserialize_with = "size")]
    pub inbox_bytes: u64,
    /// What parents have to show over TCP.
    pub token: Vec<TokenFile>,
}

impl Default for ZeromqSettings {
    fn default() -> Self {
        Self {
            bind: Vec::new(),
            insecure: false,
            trust_loopback: false,
            accept_rate: 50,
            inbox_frames: 4096,
            inbox_bytes: 64 * 1024 * 1024,
            token: Vec::new(),
        }
    }
}

/// As other sizes: "64MiB".
fn size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(|size: bytesize::ByteSize| size.as_u64())
}

impl ZeromqSettings {
    /// Reads the files that it names, as a start does. The first that cannot be used, with the key below `attach.zeromq` that names it.
    ///
    /// # Errors
    /// The key, and [`LinkError::Token`] or [`LinkError::Io`].
    pub fn check_files(&self) -> Result<(), (String, LinkError)> {
        let tcp = self.bind.iter().any(|address| matches!(address, Address::ZmqTcp(_)));
        tokens::check_files(if tcp { &self.token } else { &[] })
    }

    /// Checks what can be checked without touching the disk.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let bind = |index, what, help| Err(InvalidSetting::new("bind", what, help).item(index));
        let mut seen = HashSet::new();
        for (index, address) in self.bind.iter().enumerate() {
            match address {
                Address::ZmqIpc(path) => {
                    // A longer name is needed there while it is bound.
                    let fits = |dir: &std::path::Path| dir.parent().is_some() && dir.as_os_str().len() + OWN_NAME <= MAX_PATH;
                    if path.file_name().is_none() || !path.parent().is_some_and(fits) || path.as_os_str().len() > MAX_PATH {
                        let what = "it must name a file in a directory of its own, the directory in at most 87 bytes and all of it in 107";
                        return bind(index, what, "write zmq+ipc:///run/pmq/zmq.ipc");
                    }
                }
                Address::ZmqTcp(socket) => {
                    if !socket.ip().is_loopback() && !self.insecure {
                        let what = "it can be reached from other machines, and ZeroMQ has no encryption here";
                        return bind(index, what, "take 127.0.0.1, or set insecure = true if that is what is meant");
                    }
                    if self.token.is_empty() && !(self.trust_loopback && socket.ip().is_loopback()) {
                        let what = "it is TCP, where a parent has to show a token, and there is none";
                        return bind(index, what, "add [[attach.zeromq.token]] with a file");
                    }
                }
                Address::Unix(_)
                | Address::Quic { .. }
                | Address::Grpc(_)
                | Address::Grpcs { .. }
                | Address::GrpcUnix(_)
                | Address::Memory(_) => {
                    return bind(index, "no address of ZeroMQ", "write zmq+ipc:///path or zmq+tcp://127.0.0.1:5570");
                }
            }
            if !seen.insert(address) {
                return Err(settings::twice(index));
            }
        }
        settings::accept_rate(self.accept_rate)?;
        if let Some((key, _)) =
            [("inbox_frames", u64::from(self.inbox_frames)), ("inbox_bytes", self.inbox_bytes)].iter().find(|(_, n)| *n == 0)
        {
            return Err(InvalidSetting::new(*key, "no frame could come", "take at least 1").value(0));
        }
        setting::at_most([("inbox_bytes", self.inbox_bytes, setting::MAX_SIZE)])?;
        tokens::check(&self.token)
    }
}
