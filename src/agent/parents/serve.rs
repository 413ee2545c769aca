//! The accept loop.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::admit::Admission;
use super::registry::Registry;
use super::session::{Ended, Parent, Session};
use super::writer::Writer;
use crate::Holder;
use crate::directory::Directory;
use crate::requests::Requests;
use pmq_protocol::session::{AgentEnd, AgentTerms};
use pmq_protocol::wire::SessionId;
use pmq_transports::{Address, Link, LinkError, Listener};

/// Names of sessions among the subscriptions; never reused while the agent runs.
static HOLDERS: AtomicU64 = AtomicU64::new(1);

/// What every session needs.
#[derive(Debug, Clone)]
pub struct Parents {
    /// Networks, topics, overlay.
    pub directory: Arc<Directory>,
    /// Carries out requests.
    pub requests: Requests,
    /// Who may attach as what.
    pub admission: Arc<Admission>,
    /// Who is attached.
    pub registry: Registry,
    /// What sessions are offered.
    pub terms: Arc<AgentTerms>,
    /// Cancelled when the agent shuts down.
    pub shutdown: CancellationToken,
}

/// Accepts parents at every listener until the agent shuts down, then waits for their sessions to end.
///
/// # Errors
/// [`LinkError`] when one of them accepts no further parent; all sessions are ended by that.
pub async fn serve(listeners: Vec<Listener>, parents: Parents) -> Result<(), LinkError> {
    try_join_all(listeners.into_iter().map(|listener| accept(listener, parents.clone()))).await.map(drop)
}

async fn accept(mut listener: Listener, parents: Parents) -> Result<(), LinkError> {
    let via = listener.address().clone();
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            link = listener.accept() => drop(sessions.spawn(attach(link?, via.clone(), parents.clone()))),
            // Takes the ended ones out of the set, which keeps it as small as the bound on sessions.
            Some(ended) = sessions.join_next(), if !sessions.is_empty() => look(ended),
            () = parents.shutdown.cancelled() => break,
        }
    }
    drop(listener);
    while let Some(ended) = sessions.join_next().await {
        look(ended);
    }
    Ok(())
}

fn look(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a session failed");
    }
}

async fn attach(link: Link, via: Address, parents: Parents) {
    let peer = link.peer.clone();
    match parents.admission.admit(&peer) {
        Err(refusal) => {
            tracing::warn!(%peer, %refusal, "a parent was refused");
            metrics::counter!("pmq_attach_refused_total", "why" => refusal.name()).increment(1);
            refuse(link, parents.terms, refusal.code(), &refusal.to_string()).await;
        }
        Ok(place) => {
            let holder = Holder::Session(HOLDERS.fetch_add(1, Ordering::Relaxed));
            let session = SessionId(rand::random::<u64>().max(1));
            let max_window = parents.terms.max_window;
            let end = AgentEnd::new(place.grants.clone(), parents.terms, session, Instant::now());
            let steers = parents.directory.networks.iter().all(|network| place.may_produce(&network.name));
            let seat = parents.registry.register(session, peer.clone(), via.clone());
            let parent = Parent { holder, owner: peer.owner(), steers, via, seat };
            let attached = metrics::gauge!("pmq_attach_sessions");
            attached.increment(1.0);
            let ended = Session::new(end, parents.directory, parents.requests, parent, max_window).run(link, parents.shutdown).await;
            attached.decrement(1.0);
            match ended {
                Ended::Left | Ended::Detached(_) | Ended::Shutdown => tracing::info!(%peer, reason = %ended, "parent detached"),
                ended => tracing::warn!(%peer, reason = %ended, "parent detached"),
            }
        }
    }
}

/// Says no before any frame is read.
async fn refuse(link: Link, terms: Arc<AgentTerms>, code: pmq_protocol::wire::RefuseCode, text: &str) {
    let mut end = AgentEnd::new(Vec::new(), terms, SessionId(0), Instant::now());
    end.close(0, code, text);
    let mut writer = Writer::new(link.outgoing);
    // A peer that does not read does without the reason.
    let _ = tokio::time::timeout(Duration::from_millis(500), poll_fn(|cx| writer.poll_close(&mut end, cx))).await;
}
