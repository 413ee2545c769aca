//! What no room can check alone.

use bytesize::ByteSize;

use super::complaints::Complaints;
use super::error::{ConfigError, Warning};
use super::help::choose;
use super::network_file::Read;
use super::overrides::{self, Override};
use super::sections::AgentFile;
use pmq_agent::settings::Who;
use pmq_transports::{Address, Credential, TokenFile};

/// Overrides that concern no network.
pub(super) fn unknown_networks(of_networks: &[Override], read: &[Read]) -> Result<(), ConfigError> {
    let names: Vec<_> = read.iter().map(|read| read.network.name.as_str()).collect();
    let asked = |setting| overrides::network_of(setting).unwrap_or_default();
    let known = |setting| names.iter().any(|name| overrides::plain(name) == overrides::plain(asked(setting)));
    match of_networks.iter().find(|setting| !known(*setting)) {
        Some(unknown) => Err(ConfigError {
            place: unknown.place.clone(),
            key: Some(unknown.keys.join(".").into()),
            value: None,
            what: format!("no network is called {:?}", asked(unknown)),
            help: choose(asked(unknown), &names),
        }),
        None => Ok(()),
    }
}

/// Checks the agent's settings and the networks against each other.
pub(super) fn cross(file: &AgentFile, read: &[Read], complain: &Complaints<'_>) -> Result<Vec<Warning>, ConfigError> {
    for (index, this) in read.iter().enumerate() {
        for other in &read[..index] {
            apart(this, other)?;
        }
    }
    let names: Vec<_> = read.iter().map(|read| read.network.name.as_str()).collect();
    if let Some(name) = file.network.default.take.as_deref().filter(|name| !names.contains(name)) {
        return Err(complain.at("network.default.take", &format!("there is no network {name:?}"), &choose(name, &names)));
    }
    let tokens: Vec<_> = file.attach.zeromq.token.iter().chain(&file.attach.grpc.token).map(|token| token.name.as_str()).collect();
    for (index, grant) in file.attach.grant.iter().enumerate() {
        if let Some(name) = grant.token.as_deref().filter(|name| !tokens.contains(name)) {
            let help = if tokens.is_empty() {
                "add [[attach.zeromq.token]] or [[attach.grpc.token]] with that name".to_owned()
            } else {
                choose(name, &tokens)
            };
            return Err(complain.at(&format!("attach.grant.{index}.token"), &format!("there is no token {name:?}"), &help));
        }
        let certificates: Vec<_> = file.attach.grpc.client.iter().map(|client| client.name.as_str()).collect();
        if let Some(name) = grant.certificate.as_deref().filter(|name| !certificates.contains(name)) {
            let help =
                if certificates.is_empty() { "add [[attach.grpc.client]] with that name".to_owned() } else { choose(name, &certificates) };
            return Err(complain.at(
                &format!("attach.grant.{index}.certificate"),
                &format!("no [[attach.grpc.client]] is {name:?}"),
                &help,
            ));
        }
        if let Some((at, name)) = grant.networks.iter().enumerate().find(|(_, name)| *name != "*" && !names.contains(&name.as_str())) {
            let key = format!("attach.grant.{index}.networks.{at}");
            return Err(complain.at(&key, &format!("there is no network {name:?}"), &choose(name, &[names.as_slice(), &["*"]].concat())));
        }
    }
    for network in read.iter().map(|read| &read.network) {
        let name = &network.name;
        file.gossip.mesh.carries(network.max_message).map_err(|wrong| {
            let error = complain.about("gossip", wrong);
            ConfigError { what: format!("too small for network {name:?}: {}", error.what), ..error }
        })?;
        if file.attach.max_frame_payload.as_u64() < network.max_message {
            let what = format!("a message of network {name:?} may have {} and would fit no frame", ByteSize(network.max_message));
            return Err(complain.at("attach.max_frame_payload", &what, &format!("take at least {}", network.max_message)));
        }
    }
    let (zeromq, grpc) = (&file.attach.zeromq, &file.attach.grpc);
    let (trust_loopback, tokens) = (zeromq.trust_loopback, &zeromq.token);
    let zeromq = OverTcp { key: "attach.zeromq", bind: &zeromq.bind, trust_loopback, tokens, instead: "zmq+ipc" };
    let (trust_loopback, tokens) = (grpc.trust_loopback, &grpc.token);
    let grpc = OverTcp { key: "attach.grpc", bind: &grpc.bind, trust_loopback, tokens, instead: "grpc+unix" };
    let mut warnings = over_tcp(file, complain, &zeromq);
    warnings.extend(over_tcp(file, complain, &grpc));
    let peers = file.attach.grant.iter().any(|grant| grant.peer.is_some());
    if !file.attach.quic.bind.is_empty() && !peers {
        let what = "no grant names a peer id, so every parent over QUIC is turned away";
        warnings.push(complain.at("attach.quic.bind", what, "add [[attach.grant]] with peer = \"PEERID\""));
    }
    if !file.attach.grant.iter().any(|grant| matches!(grant.who(), Who::OwnUser | Who::Uid(_))) {
        let what = "no grant names a user, so every parent at a Unix socket is refused: the first grant takes the place of the default one";
        warnings.push(complain.at("attach.grant", what, "add [[attach.grant]] with uid = \"self\" if there are any"));
    }
    let tls = &file.attach.grpc.tls.certificate_file;
    let idle = !file.attach.grpc.client.is_empty() || !tls.as_os_str().is_empty();
    if idle && !file.attach.grpc.bind.iter().any(|address| matches!(address, Address::Grpcs { .. })) {
        let what = "no address is grpcs://, so certificates have no effect";
        warnings.push(complain.at("attach.grpc.bind", what, "add \"grpcs://0.0.0.0:8001\" to it, or delete the certificates"));
    }
    for (index, client) in file.attach.grpc.client.iter().enumerate() {
        if !file.attach.grant.iter().any(|grant| grant.certificate.as_ref() == Some(&client.name)) {
            let what = format!("no grant names {:?}, so whoever shows this certificate is refused", client.name);
            let help = format!("add [[attach.grant]] with certificate = {:?}", client.name);
            warnings.push(complain.at(&format!("attach.grpc.client.{index}"), &what, &help));
        }
    }
    let exposed = file.ops.enabled && !file.ops.listen.ip().is_loopback();
    let open = "metrics and health can be read from other machines, without authentication";
    if exposed {
        warnings.push(complain.at("ops.listen", open, "restrict it by a firewall, or take a loopback address"));
    }
    Ok(warnings)
}

/// What is common to the transports over which TCP parents show a token.
struct OverTcp<'a> {
    /// The section's name.
    key: &'static str,
    bind: &'a [Address],
    trust_loopback: bool,
    tokens: &'a [TokenFile],
    /// Where the system says who is there.
    instead: &'static str,
}

/// What lets more people in over TCP than is safe, or fewer than was meant.
fn over_tcp(file: &AgentFile, complain: &Complaints<'_>, over: &OverTcp<'_>) -> Vec<Warning> {
    let OverTcp { key, bind, trust_loopback, tokens, instead } = over;
    let sockets = || {
        bind.iter().enumerate().filter_map(|(index, at)| match at {
            Address::ZmqTcp(at) | Address::Grpc(at) => Some((index, at)),
            _ => None,
        })
    };
    let mut warnings = Vec::new();
    for (index, _) in sockets().filter(|(_, at)| !at.ip().is_loopback()) {
        let what = "parents attach over a network without encryption: whoever can listen there has the token and every message";
        warnings.push(complain.at(&format!("{key}.bind.{index}"), what, "take a loopback address, QUIC, or gRPC over TLS"));
    }
    if *trust_loopback && sockets().any(|(_, at)| at.ip().is_loopback()) {
        let what = "every user of this machine is taken for the agent's own user over TCP on loopback";
        warnings.push(complain.at(&format!("{key}.trust_loopback"), what, &format!("take {instead}, or give parents a token")));
    }
    let granted = |name: &str| {
        file.attach.grant.iter().any(|grant| match grant.who() {
            Who::OwnUser => name == Credential::OWN,
            Who::Token(granted) => granted == name,
            Who::Uid(_) | Who::Peer(_) | Who::Certificate(_) => false,
        })
    };
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| !granted(&token.name)) {
        let what = format!("no grant names {:?}, so whoever shows this token is refused", token.name);
        let help = format!("add [[attach.grant]] with token = {:?}", token.name);
        warnings.push(complain.at(&format!("{key}.token.{index}"), &what, &help));
    }
    warnings
}

/// Two networks must differ in name and in what they claim.
fn apart(this: &Read, other: &Read) -> Result<(), ConfigError> {
    let (a, b) = (&this.network, &other.network);
    let error = |place, key: &str, value: &str, what, help: &str| ConfigError {
        place,
        key: Some(key.into()),
        value: Some(format!("{value:?}").into()),
        what,
        help: help.to_owned(),
    };
    if overrides::plain(&a.name) == overrides::plain(&b.name) {
        let what = format!("the network in {} is called {:?}", other.file.display(), b.name);
        return Err(error(
            this.name_at.clone(),
            "name",
            &a.name,
            what,
            "give each its own name; capitals, - and _ do not tell names apart",
        ));
    }
    for mine in &a.claims.0 {
        if let Some(theirs) = b.claims.0.iter().find(|theirs| overlap(mine.as_bytes(), theirs.as_bytes())) {
            let what = format!("network {:?} claims {theirs:?}, which names some of the same topics", b.name);
            return Err(error(this.topics_at.clone(), "topics", mine, what, "a topic belongs to one network: narrow one of the patterns"));
        }
    }
    Ok(())
}

/// Whether some topic matches both patterns.
fn overlap(a: &[u8], b: &[u8]) -> bool {
    // reach[j]: whether the patterns from here and from j on have a topic in common; from the ends backwards.
    let mut below = vec![false; b.len() + 1];
    for i in (0..=a.len()).rev() {
        let mut row = vec![false; b.len() + 1];
        for j in (0..=b.len()).rev() {
            row[j] = match (a.get(i), b.get(j)) {
                (None, None) => true,
                (Some(b'*'), rest) => below[j] || (rest.is_some() && row[j + 1]),
                (rest, Some(b'*')) => row[j + 1] || (rest.is_some() && below[j]),
                (Some(x), Some(y)) => x == y && below[j + 1],
                (None, Some(_)) | (Some(_), None) => false,
            };
        }
        below = row;
    }
    below[0]
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
