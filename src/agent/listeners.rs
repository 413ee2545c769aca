//! The addresses at which parents attach.

use std::sync::Arc;

use super::error::RunError;
use super::p2pmq::Inside;
use super::plugin::Plugin;
use super::settings::{Attach, Who};
use pmq_protocol::wire::Limits;
use pmq_transports::{Address, Listener, quic};

/// Calls of the predecessor's services that become sessions, a second.
const WITHIN: u32 = 1_000;

/// Binds all of them, in the order of the settings. `name` is who the agent is over QUIC; `inside` serves the predecessor's calls.
pub(super) async fn bind(
    attach: &Attach,
    limits: Limits,
    name: &quic::Identity,
    inside: &Inside,
    plugin: Option<&Plugin>,
) -> Result<Vec<Listener>, RunError> {
    let unix = Listener::bind_unix(&attach.unix, limits).await;
    let mut listeners = vec![unix.map_err(|source| RunError::Attach { key: "attach.unix.path".to_owned(), source })?];
    for address in &attach.zeromq.bind {
        let bound = Listener::bind_zeromq(address, &attach.zeromq, limits).await;
        listeners.push(bound.map_err(|source| {
            let key = attach.zeromq.check_files().err().map_or_else(|| "bind".to_owned(), |(key, _)| key);
            RunError::Attach { key: format!("attach.zeromq.{key}"), source }
        })?);
    }
    for socket in &attach.quic.bind {
        let parents = attach.grant.iter().filter_map(|grant| if let Who::Peer(id) = grant.who() { Some(id) } else { None });
        let bound = Listener::bind_quic(*socket, attach.quic.accept_rate, name, parents, limits);
        listeners.push(bound.map_err(|source| RunError::Attach { key: "attach.quic.bind".to_owned(), source })?);
    }
    for address in &attach.grpc.bind {
        let bound = Listener::bind_grpc(address, &attach.grpc, limits, |routes, caller| inside.serve(routes, caller)).await;
        listeners.push(bound.map_err(|source| {
            let key = attach.grpc.check_files().err().map_or_else(|| "bind".to_owned(), |(key, _)| key);
            RunError::Attach { key: format!("attach.grpc.{key}"), source }
        })?);
    }
    if let Some(plugin) = plugin {
        let socket = plugin.socket();
        let bound = Listener::bind_grpc_tls(&socket, plugin.tls(), limits, |routes, caller| plugin.serve(inside.serve(routes, caller)));
        listeners.push(bound.await.map_err(|source| RunError::Attach { key: "attach.grpc".to_owned(), source })?);
    }
    Ok(listeners)
}

/// Where calls of the predecessor's services become sessions; `None` where there are no such services.
pub(super) async fn within(attach: &Attach, limits: Limits, name: Arc<str>, plugin: Option<&Plugin>) -> Result<Option<Listener>, RunError> {
    if attach.grpc.bind.is_empty() && plugin.is_none() {
        return Ok(None);
    }
    let bound = Listener::bind(&Address::Memory(name), WITHIN, limits).await;
    bound.map(Some).map_err(|source| RunError::Attach { key: "attach.grpc.bind".to_owned(), source })
}
