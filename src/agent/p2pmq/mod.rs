//! The Go predecessor's gRPC services, for parents that were written for it. Each call is an ordinary parent of this agent over the memory transport, on
//! behalf of whoever makes it: grants, credit, deadlines and everything else hold as for any other.
//!
//! ```text
//!  ControlService    one producer's session for each caller, kept: what it has subscribed to stays subscribed
//!  MsgRouter         a consumer's session for each Listen
//!  ValidationRouter  a verifier's session for each Handle; several of them share the messages
//! ```
//! What the messages have no place for (gaps, cursors, reasons, deadlines) is lost here and nowhere else: `docs/attach.md`, "Parents of the predecessor".

mod calls;
mod control;
mod handle;
mod listen;

use std::sync::Arc;

use tokio::sync::mpsc::{self, OwnedPermit};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Status};

pub use calls::CALLS;

use self::calls::{Callers, Calls};
use super::directory::{Directory, Network};
use super::parents::{Admission, Refusal};
use pmq_client::{Builder, Client, ClientError};
use pmq_protocol::wire::{MessageId, RefuseCode, Roles, check_topic};
use pmq_transports::Credential;
use pmq_transports::grpc::Caller;
use pmq_transports::grpc::p2pmq::control_service_server::ControlServiceServer;
use pmq_transports::grpc::p2pmq::msg_router_server::MsgRouterServer;
use pmq_transports::grpc::p2pmq::validation_router_server::ValidationRouterServer;

/// Longest request to listen, in bytes: the topics that it names.
const LISTEN: usize = 512 * 1024;

/// What the services share.
#[derive(Debug, Clone)]
pub(super) struct Inside {
    /// Where this agent takes parents from within.
    pub(super) url: Arc<str>,
    pub(super) directory: Arc<Directory>,
    pub(super) admission: Arc<Admission>,
    /// Cancelled when the agent says goodbye to its parents.
    pub(super) parting: CancellationToken,
}

impl Inside {
    /// Adds the services to those of one listener.
    pub(super) fn serve(&self, routes: Routes, caller: &Caller) -> Routes {
        let longest = self.directory.networks.iter().map(|network| network.max_message).max().unwrap_or_default().saturating_add(64 * 1024);
        let service = Service { inside: self.clone(), caller: caller.clone() };
        let control = ControlServiceServer::new(control::Control::new(service.clone())).max_decoding_message_size(longest);
        let listen = MsgRouterServer::new(listen::Listen(service.clone())).max_decoding_message_size(LISTEN);
        let handle = ValidationRouterServer::new(handle::Handle(service)).max_decoding_message_size(longest);
        let (listen, handle) = (listen.max_encoding_message_size(usize::MAX), handle.max_encoding_message_size(usize::MAX));
        let callers = Callers::default();
        routes
            .add_service(Calls::new(control, callers.clone(), self.door(caller, Roles::PRODUCE)))
            .add_service(Calls::new(listen, callers.clone(), self.door(caller, Roles::CONSUME)))
            .add_service(Calls::new(handle, callers, self.door(caller, Roles::VERIFY)))
    }

    /// Lets those in who may be `role` somewhere.
    fn door<B>(&self, caller: &Caller, role: Roles) -> impl Fn(&http::Request<B>) -> Result<Arc<str>, Status> + Clone + use<B> {
        let (inside, caller) = (self.clone(), caller.clone());
        move |request| {
            let who = caller.of(request.headers(), request.extensions())?;
            inside.networks(&who, role)?;
            Ok(who.owner())
        }
    }

    /// The networks on which `who` may be `role`.
    fn networks(&self, who: &Credential, role: Roles) -> Result<Vec<Arc<str>>, Status> {
        let names = self.directory.networks.iter().map(|network| network.name.clone());
        let granted: Vec<Arc<str>> = names.filter(|name| self.admission.grants(who, name).contains(role)).collect();
        if granted.is_empty() {
            return Err(Status::permission_denied(format!("{who} is not granted \"{role}\" on any network: see [[attach.grant]]")));
        }
        Ok(granted)
    }
}

#[derive(Debug, Clone)]
struct Service {
    inside: Inside,
    caller: Caller,
}

impl Service {
    /// Who makes that call.
    fn caller<T>(&self, request: &Request<T>) -> Result<Credential, Status> {
        self.caller.of(request.metadata().as_ref(), request.extensions())
    }

    /// Ready when the agent says goodbye.
    fn shutdown(&self) -> impl Future<Output = ()> + Send + use<> {
        self.inside.parting.clone().cancelled_owned()
    }

    /// The network that takes that topic.
    fn network_of(&self, topic: &str) -> Result<&Network, Status> {
        check_topic(topic).map_err(|length| Status::invalid_argument(length.to_string()))?;
        self.inside
            .directory
            .owner(topic)
            .ok_or_else(|| Status::not_found(format!("no network claims topic {topic:?}: add it to one, or set network.default.take")))
    }

    /// The beginning of a session for a caller, if there is room for one: a client would go on trying.
    fn builder(&self, who: &Credential, software: &'static str) -> Result<Builder, Status> {
        self.inside.admission.admit(who).map_err(|refusal| match refusal {
            Refusal::Full(..) => Status::resource_exhausted(refusal.to_string()),
            Refusal::Stranger(_) | Refusal::Unproven(_) => Status::permission_denied(refusal.to_string()),
        })?;
        Ok(Client::builder(&*self.inside.url).on_behalf(who.clone()).software(software))
    }
}

/// What goes out on one call's stream, and the place for its last word, which is kept from the beginning.
type Stream<T> = (mpsc::Sender<Result<T, Status>>, mpsc::Receiver<Result<T, Status>>, LastWord<T>);

/// Place for a call's status behind everything that went before.
struct LastWord<T>(OwnedPermit<Result<T, Status>>);

impl<T> LastWord<T> {
    fn say(self, status: Status) {
        drop(self.0.send(Err(status)));
    }
}

/// For `ahead` items that the caller has not taken yet.
fn stream<T>(ahead: usize) -> Result<Stream<T>, Status> {
    let (sender, receiver) = mpsc::channel(ahead + 1);
    let last = sender.clone().try_reserve_owned().map_err(|_| Status::internal("a new stream has no place"))?;
    Ok((sender, receiver, LastWord(last)))
}

/// What a call is told whose agent leaves.
fn leaving() -> Status {
    Status::unavailable("the agent is shutting down")
}

/// What a client's error is called in gRPC.
fn status(error: &ClientError) -> Status {
    match error {
        ClientError::Refused { code: RefuseCode::TooManySessions, text } => Status::resource_exhausted(text.clone()),
        ClientError::Refused { code: RefuseCode::RoleNotGranted, text } => Status::permission_denied(text.clone()),
        other => Status::unavailable(other.to_string()),
    }
}

/// An id as text: as it is, or in hex where that is none.
fn id_text(id: &MessageId) -> String {
    std::str::from_utf8(id.as_bytes()).map_or_else(|_| hex::encode(id.as_bytes()), str::to_owned)
}

#[cfg(test)]
mod tests;
