//! The lower half: an agent's sessions in front of networks whose drivers are the caller's.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{DEADLINE, MAX_MESSAGE, NETWORK};
use pmq_agent::directory::{Directory, Network};
use pmq_agent::parents::{Admission, Parents, Registry, serve};
use pmq_agent::requests::Requests;
use pmq_agent::settings::{Attach, Grant};
use pmq_gossip::{Identity, MessageIdFunction, Settings, start};
use pmq_pipeline::{Claims, DriverMessage, Inlet, Overflowed, Plan, Snapshot, Tap};
use pmq_protocol::session::{AgentTerms, NetworkTerms};
use pmq_transports::{LinkError, Listener};

/// How long a request of a parent may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A network whose driver takes `ups`. The router's way in leads nowhere and its snapshot stays empty, unless the caller puts others in their place.
#[must_use]
pub fn network(plan: Arc<Plan>, ups: mpsc::Sender<DriverMessage>) -> Network {
    Network {
        name: NETWORK.into(),
        claims: Claims(vec!["*".into()]),
        deadline: DEADLINE,
        max_message: MAX_MESSAGE,
        loopback: true,
        message_id: MessageIdFunction::default(),
        plan,
        ups,
        inlet: Inlet::new(mpsc::channel(1).0, Overflowed::default()),
        snapshot: watch::channel(Snapshot::default()).1,
        tap: Tap::default(),
    }
}

/// An agent's sessions, with a gossip that listens nowhere and knows nobody, which requests need. Dropped, it takes its sessions with it.
#[derive(Debug)]
pub struct Host {
    /// What the sessions share.
    pub directory: Arc<Directory>,
    /// `None` once the sessions are to end.
    shutdown: Option<DropGuard>,
    sessions: JoinHandle<Result<(), LinkError>>,
}

impl Host {
    /// Lets parents in at `listeners`, on the current runtime. Whoever is this user may be everything; so may those of `grants`.
    ///
    /// # Errors
    /// When gossip does not start.
    pub async fn start(networks: Vec<Network>, listeners: Vec<Listener>, mut grants: Vec<Grant>) -> anyhow::Result<Self> {
        grants.push(Grant::default());
        let alone = Settings { listen: Vec::new(), ..Settings::default() };
        let (gossip, _) = start(&alone, &Identity::ephemeral(), Vec::new()).await?;
        let terms = networks.iter().map(|network| NetworkTerms {
            name: network.name.clone(),
            deadline: network.deadline,
            max_payload: u32::try_from(network.max_message).unwrap_or(u32::MAX),
            groups: network.plan.queue.groups(),
        });
        let terms = AgentTerms { networks: terms.collect(), ..AgentTerms::default() };
        let directory = Arc::new(Directory::new(networks, gossip, 16));
        let shutdown = CancellationToken::new();
        let parents = Parents {
            requests: Requests::new(&directory, PATIENCE),
            directory: directory.clone(),
            admission: Arc::new(Admission::new(&Attach { grant: grants, ..Attach::default() }, rustix::process::geteuid().as_raw())),
            terms: Arc::new(terms),
            shutdown: shutdown.clone(),
            registry: Registry::default(),
        };
        Ok(Self { directory, shutdown: Some(shutdown.drop_guard()), sessions: tokio::spawn(serve(listeners, parents)) })
    }

    /// Says goodbye to all parents and frees the addresses.
    ///
    /// # Errors
    /// When a listener had failed.
    pub async fn end(mut self) -> anyhow::Result<()> {
        drop(self.shutdown.take());
        Ok((&mut self.sessions).await??)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.sessions.abort();
    }
}
