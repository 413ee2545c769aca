//! Links over a Unix socket: the agent binds, parents connect.

#[cfg(feature = "listen")]
mod listener;
mod reader;
mod writer;

use std::io;
use std::path::Path;

use tokio::net::UnixStream;

#[cfg(feature = "listen")]
pub use listener::Listener;
pub(super) use reader::Reader;
pub(super) use writer::Writer;

use super::address::MAX_PATH;
use super::ends::{Credential, Ends};
use super::{Address, LinkError};
use pmq_protocol::wire::Limits;

pub(super) async fn connect(path: &Path, limits: Limits) -> Result<Ends<Reader, Writer>, LinkError> {
    let what = || format!("connect to the agent's socket {}", path.display());
    if path.as_os_str().len() > MAX_PATH {
        return Err(LinkError::PathTooLong(path.to_owned()));
    }
    let stream = UnixStream::connect(path).await.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => LinkError::NobodyListens(Address::Unix(path.to_owned())),
        _ => LinkError::Io { what: what(), source },
    })?;
    link(stream, limits).map_err(LinkError::io(what()))
}

fn link(stream: UnixStream, limits: Limits) -> io::Result<Ends<Reader, Writer>> {
    let who = stream.peer_cred()?;
    let (read, write) = stream.into_split();
    Ok(Ends {
        peer: Credential::Uid { uid: who.uid(), gid: who.gid(), pid: who.pid() },
        incoming: Reader::new(read, limits),
        outgoing: Writer::new(write),
    })
}

/// Whether the error only says that the peer is gone.
fn gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected)
}
