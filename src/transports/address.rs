//! Where an agent is found.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::LinkError;

/// Where an agent is found.
///
/// ```
/// use pmq::transports::Address;
///
/// let address: Address = "unix:///run/pmq/agent.sock".parse()?;
/// assert_eq!(address, Address::Unix("/run/pmq/agent.sock".into()));
/// assert_eq!("memory:node-1".parse::<Address>()?.to_string(), "memory:node-1");
/// assert!("tcp://127.0.0.1:1".parse::<Address>().is_err());
/// # Ok::<(), pmq::transports::LinkError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// A Unix socket, `unix:///absolute/path`.
    Unix(PathBuf),
    /// A name in this process, `memory:NAME`.
    Memory(Arc<str>),
}

impl FromStr for Address {
    type Err = LinkError;

    fn from_str(url: &str) -> Result<Self, LinkError> {
        let bad = |what| LinkError::Address { url: url.to_owned(), what };
        if let Some(path) = url.strip_prefix("unix://") {
            if !path.starts_with('/') {
                return Err(bad("the socket's path must be absolute: write unix:///run/pmq/agent.sock"));
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        if let Some(name) = url.strip_prefix("memory:") {
            if name.is_empty() {
                return Err(bad("a name is missing: write memory:NAME"));
            }
            return Ok(Self::Memory(name.into()));
        }
        Err(bad("unknown scheme: write unix:///path or memory:NAME"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Memory(name) => write!(f, "memory:{name}"),
        }
    }
}
