//! The accept loop.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::{Client, Over};
use super::{Answer, Ask, Code, Problem, parents, publish, request, tap};
use crate::directory::Directory;
use crate::parents::Registry;
use crate::requests::Requests;
use pmq_transports::{AcceptError, LocalSocket};

/// A client has this long to ask.
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// How long the last words may take.
const FAREWELL: Duration = Duration::from_millis(500);
/// Pause while the process is out of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(200);

/// What every client of the control socket needs.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Networks, topics, overlay.
    pub directory: Arc<Directory>,
    /// Carries out publishes.
    pub requests: Requests,
    /// Who is attached.
    pub registry: Registry,
    /// The agent's own user.
    pub own_uid: u32,
    /// Clients at a time.
    pub max_clients: u32,
    /// Cancelled when the agent shuts down.
    pub shutdown: CancellationToken,
}

/// Serves clients until the agent shuts down, then waits for their last words.
pub(crate) async fn serve(socket: LocalSocket, admin: Admin) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.stream() => match accepted {
                Ok(stream) => match admit(&stream, &admin, clients.len()) {
                    Ok(()) => drop(clients.spawn(attend(stream, admin.clone()))),
                    Err(problem) => refuse(&stream, problem).await,
                },
                Err(AcceptError::Exhausted(wrong)) => {
                    tracing::warn!(%wrong, "cannot accept a client of the control socket; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(AcceptError::Peer(wrong)) => tracing::debug!(%wrong, "a client of the control socket left while it was accepted"),
                Err(AcceptError::Broken(wrong)) => {
                    // What the agent is for goes on without it.
                    tracing::error!(%wrong, "the control socket failed; `pmq tap`, `publish` and `parents` need a restart of the agent");
                    break;
                }
            },
            // Takes the ended ones out of the set, which keeps it as small as its bound.
            Some(ended) = clients.join_next(), if !clients.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a client of the control socket failed");
                }
            }
            () = admin.shutdown.cancelled() => break,
        }
    }
    drop(socket);
    // Their requests end at shutdown, too, each within the time of a farewell.
    while clients.join_next().await.is_some() {}
}

async fn attend(stream: UnixStream, admin: Admin) {
    let clients = metrics::gauge!("pmq_control_clients");
    clients.increment(1.0);
    converse(Client::new(stream), &admin).await;
    clients.decrement(1.0);
}

fn admit(stream: &UnixStream, admin: &Admin, clients: usize) -> Result<(), Problem> {
    let who =
        stream.peer_cred().map_err(|wrong| Problem::new(Code::NotPermitted, format!("the system does not say who you are: {wrong}")))?;
    permitted(who.uid(), admin.own_uid)?;
    if clients >= admin.max_clients as usize {
        let text = format!("{clients} clients are served, which is the bound of control.max_clients; end one, or raise it");
        return Err(Problem::new(Code::Busy, text));
    }
    Ok(())
}

/// The agent's own user, and root, who can be anybody.
pub(super) fn permitted(uid: u32, own: u32) -> Result<(), Problem> {
    if uid == own || uid == 0 {
        return Ok(());
    }
    Err(Problem::new(
        Code::NotPermitted,
        format!("uid {uid} may not control the agent of uid {own}; run this command as that user, or as root"),
    ))
}

/// Says no before anything is read.
async fn refuse(stream: &UnixStream, problem: Problem) {
    tracing::warn!(text = problem.text, "a client of the control socket was refused");
    let why = if problem.code == Code::Busy { "busy" } else { "not-permitted" };
    metrics::counter!("pmq_control_refused_total", "why" => why).increment(1);
    let line = serde_json::json!(Answer::Error(problem)).to_string() + "\n";
    // A fresh socket has room for a line; one that has not does without the reason.
    if let Ok(Ok(())) = tokio::time::timeout(PAUSE, stream.writable()).await {
        let _ = stream.try_write(line.as_bytes());
    }
}

/// Serves the connection until either side ends it, or the agent does.
async fn converse(mut client: Client, admin: &Admin) {
    // CORRECTNESS: dropped at shutdown, `answer` leaves the rest of a line in `out`, so that the farewell begins a line of its own.
    let ended = tokio::select! {
        ended = answer(&mut client, admin) => ended,
        () = admin.shutdown.cancelled() => Err(Problem::new(Code::ShuttingDown, "the agent is shutting down").into()),
    };
    match ended {
        Ok(()) | Err(Over::Left) => {}
        Err(Over::Problem(problem)) => {
            tracing::debug!(code = ?problem.code, text = problem.text, "a request at the control socket was not carried out");
            client.say(&Answer::Error(problem));
            // A client that does not read does without the reason.
            let _ = tokio::time::timeout(FAREWELL, client.flush()).await;
        }
        Err(wrong) => tracing::debug!(%wrong, "a client of the control socket was closed"),
    }
}

async fn answer(client: &mut Client, admin: &Admin) -> Result<(), Over> {
    let asked = tokio::time::timeout(ASK_WITHIN, client.lines.next()).await;
    let late = || Problem::new(Code::TooSlow, format!("nothing was asked within {ASK_WITHIN:?}; send the request at once"));
    let Some(line) = asked.map_err(|_| late())?? else { return Err(Over::Left) };
    match request::read(&line)? {
        Ask::Tap(ask) => tap::run(client, admin, ask).await,
        Ask::Publish(ask) => publish::run(client, admin, ask).await,
        Ask::Parents => parents::run(client, admin).await,
    }
}
