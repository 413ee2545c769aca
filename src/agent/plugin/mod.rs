//! The agent as a plugin of hashicorp/go-plugin: started by its parent, found through a line on standard output, gone with its parent.
//!
//! ```text
//!  host (go-plugin)                                agent
//!  environment: cookie, versions, certificate -->  from_environment()
//!                       <-- 1|1|unix|PATH|grpc|CERT  announce(), once parents may attach
//!  health "plugin", Attach, p2pmq's services ---->
//!  GRPCController/Shutdown ---------------------->  gone()
//!  killed -------------------------------------->   gone()
//! ```
//! `docs/attach.md`, "go-plugin", says what a host has to set.

mod host;
mod services;
mod tls;

use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use self::host::Host;
use self::tls::Proof;
use pmq_transports::grpc::Guard;

/// The variable that says that a host has started this process.
const COOKIE_KEY: &str = "PMQ_PLUGIN";

/// Its value: no secret, only a sign that whoever set it knows what follows.
const COOKIE: &str = "4b7e0c1a9d5f42c8b6a3e9d17c05f8e2";

/// The version of go-plugin's own protocol.
const CORE: u32 = 1;

/// The version of what the agent serves.
const VERSION: u32 = 1;

/// What a drain may take: a host kills after two seconds.
pub(super) const WITHIN: Duration = Duration::from_millis(1_500);

/// Why the agent cannot be a plugin.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// Another plugin's cookie.
    #[error("{COOKIE_KEY} is set to something else than the cookie of docs/attach.md: unset it to run the agent by itself")]
    Cookie,
    /// No version that both know.
    #[error("the host knows the versions {0:?} of this plugin, and it has {VERSION} alone")]
    Versions(String),
    /// The certificate cannot be read.
    #[error("PLUGIN_CLIENT_CERT holds no certificate in PEM: {0}")]
    Certificate(String),
    /// No certificate of its own.
    #[error("no certificate can be made: {0}")]
    Tls(String),
    /// The operating system's answer.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// The answer.
        source: std::io::Error,
    },
}

/// A process that a host has started.
#[derive(Debug)]
pub struct Plugin {
    /// A directory of its own, for the socket. Removed with this.
    dir: PathBuf,
    proof: Option<Proof>,
    host: Host,
    /// Cancelled when the host wants the agent to leave.
    leave: CancellationToken,
}

impl Plugin {
    /// Whether a host has started this process, and how it wants to talk to it.
    ///
    /// # Errors
    /// [`PluginError`] where the host's environment cannot be served.
    pub fn from_environment() -> Result<Option<Self>, PluginError> {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        match var(COOKIE_KEY) {
            None => return Ok(None),
            Some(cookie) if cookie != COOKIE => return Err(PluginError::Cookie),
            Some(_) => {}
        }
        let host = Host::of_this_process().map_err(|source| PluginError::Io { what: "watch the host", source })?;
        let versions = var("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_else(|| VERSION.to_string());
        if !versions.split(',').any(|version| version.trim().parse() == Ok(VERSION)) {
            return Err(PluginError::Versions(versions));
        }
        let proof = var("PLUGIN_CLIENT_CERT").map(|pem| Proof::new(pem.as_bytes())).transpose()?;
        let parent = var("PLUGIN_UNIX_SOCKET_DIR").or_else(|| var("XDG_RUNTIME_DIR")).map_or_else(std::env::temp_dir, PathBuf::from);
        let dir = parent.join(format!("pmq-{:x}-{:x}", std::process::id(), rand::random::<u32>()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .map_err(|source| PluginError::Io { what: "make a directory for the socket", source })?;
        Ok(Some(Self { dir, proof, host, leave: CancellationToken::new() }))
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.join("agent.sock")
    }

    /// What the host has to prove, where it wants both ends to.
    pub(super) fn tls(&self) -> Option<Guard> {
        self.proof.as_ref().map(|proof| proof.guard.clone())
    }

    /// Adds what go-plugin expects.
    pub(super) fn serve(&self, routes: Routes) -> Routes {
        services::add(routes, self.leave.clone())
    }

    /// Tells the host where the agent is found.
    pub(super) fn announce(&self, socket: &Path) -> Result<(), PluginError> {
        let certificate = self.proof.as_ref().map_or_else(String::new, |proof| STANDARD_NO_PAD.encode(&proof.certificate));
        let mut out = std::io::stdout().lock();
        writeln!(out, "{CORE}|{VERSION}|unix|{}|grpc|{certificate}", socket.display())
            .and_then(|()| out.flush())
            .map_err(|source| PluginError::Io { what: "tell the host where the agent is", source })
    }

    /// Ready when the host wants the agent to leave, or is gone.
    pub fn gone(&self) -> impl Future<Output = ()> + use<> {
        let (host, leave) = (self.host.clone(), self.leave.clone());
        async move {
            tokio::select! {
                () = leave.cancelled() => tracing::info!("the host says that the agent may leave"),
                () = host.gone() => tracing::info!("the host is gone"),
            }
        }
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            tracing::warn!(dir = %self.dir.display(), %error, "the socket's directory stays behind");
        }
    }
}
