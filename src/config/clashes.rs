//! Addresses and paths that two parts of one agent would bind, and paths that no socket can have.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::complaints::Complaints;
use super::error::ConfigError;
use super::network_file::Read;
use super::sections::AgentFile;
use pmq_gossip::Transport;
use pmq_protocol::InvalidSetting;
use pmq_transports::{Address, UnixSettings};

/// What a setting has the agent bind.
#[derive(Debug)]
enum Bound {
    Socket {
        transport: Transport,
        address: SocketAddr,
        /// Whether `::` takes the port of `0.0.0.0` along; libp2p's sockets do not.
        dual: bool,
    },
    File(PathBuf),
}

impl Bound {
    fn socket(transport: Transport, address: SocketAddr) -> Self {
        Self::Socket { transport, address, dual: true }
    }

    fn clashes(&self, other: &Self) -> bool {
        match (self, other) {
            // Compared by components, so that "//" and "/./" make no difference.
            (Self::File(a), Self::File(b)) => a.components().eq(b.components()),
            (Self::Socket { transport: a, address: x, .. }, Self::Socket { transport: b, address: y, .. }) => {
                a == b && x.port() == y.port() && x.port() != 0 && (self.covers(*y) || other.covers(*x))
            }
            _ => false,
        }
    }

    /// Whether this socket takes what comes to that address.
    fn covers(&self, other: SocketAddr) -> bool {
        let Self::Socket { address, dual, .. } = self else { return false };
        let (mine, other) = (address.ip().to_canonical(), other.ip().to_canonical());
        mine == other || (mine.is_unspecified() && (mine.is_ipv4() == other.is_ipv4() || (mine.is_ipv6() && *dual)))
    }
}

/// Everything that the agent binds, by the key that says so.
fn bound(file: &AgentFile) -> Vec<(String, Bound)> {
    let mut all = vec![("attach.unix.path".to_owned(), Bound::File(file.attach.unix.path.clone()))];
    if file.control.enabled {
        all.push(("control.path".to_owned(), Bound::File(file.control.place(&file.attach.unix.path))));
    }
    if file.ops.enabled {
        all.push(("ops.listen".to_owned(), Bound::socket(Transport::Tcp, file.ops.listen)));
    }
    let gossip = |(index, transport, address)| (format!("gossip.listen.{index}"), Bound::Socket { transport, address, dual: false });
    all.extend(file.gossip.sockets().map(gossip));
    let quic = file.attach.quic.bind.iter().enumerate();
    all.extend(quic.map(|(index, address)| (format!("attach.quic.bind.{index}"), Bound::socket(Transport::Quic, *address))));
    for (section, addresses) in [("zeromq", &file.attach.zeromq.bind), ("grpc", &file.attach.grpc.bind)] {
        all.extend(addresses.iter().enumerate().filter_map(|(index, address)| {
            let bound = match address {
                Address::ZmqTcp(socket) | Address::Grpc(socket) => Bound::socket(Transport::Tcp, *socket),
                Address::Grpcs { host, port } => Bound::socket(Transport::Tcp, SocketAddr::new(host.parse().ok()?, *port)),
                Address::ZmqIpc(path) | Address::GrpcUnix(path) => Bound::File(path.clone()),
                Address::Unix(_) | Address::Quic { .. } | Address::Memory(_) => return None,
            };
            Some((format!("attach.{section}.bind.{index}"), bound))
        }));
    }
    all
}

/// Refuses what the agent could not bind because of its own files.
pub(super) fn check(file: &AgentFile, complain: &Complaints<'_>) -> Result<(), ConfigError> {
    let beside = UnixSettings { path: file.control.place(&file.attach.unix.path), ..UnixSettings::default() };
    if let (true, None, Err(wrong)) = (file.control.enabled, &file.control.path, beside.check()) {
        let what = format!("the control socket beside it would be {}: {}", beside.path.display(), wrong.what);
        let wrong = InvalidSetting::new("path", what, "choose a shorter one, or set control.path");
        return Err(complain.about("attach.unix", wrong));
    }
    let all = bound(file);
    for (index, (key, this)) in all.iter().enumerate() {
        let Some((other, _)) = all[..index].iter().find(|(_, other)| this.clashes(other)) else { continue };
        // The one that was written is to be changed.
        let (key, other) = if complain.written(key) { (key, other) } else { (other, key) };
        let (what, help) = match this {
            Bound::Socket { .. } => ("port", "give each a port of its own"),
            Bound::File(_) => ("path", "give each a path of its own"),
        };
        let default = if complain.written(other) { "" } else { " by default" };
        return Err(complain.at(key, &format!("{} takes the same {what}{default}", complain.shown(other)), help));
    }
    Ok(())
}

/// Refuses more topics to be joined at start than the agent may know.
pub(super) fn topics(file: &AgentFile, read: &[Read], complain: &Complaints<'_>) -> Result<(), ConfigError> {
    let topics: std::collections::BTreeSet<&String> = read.iter().flat_map(|read| &read.network.subscribe).collect();
    let (count, most) = (topics.len(), file.agent.max_topics);
    if count <= most {
        return Ok(());
    }
    let what = format!("the networks subscribe to {count} topics at start");
    Err(complain.about("agent", InvalidSetting::new("max_topics", what, format!("take at least {count}")).value(most)))
}
