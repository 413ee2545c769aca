//! `[attach]`: what parents may have, and who they may be.

use bytesize::ByteSize;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use pmq_protocol::{InvalidSetting, setting};
use pmq_transports::grpc::GrpcSettings;
use pmq_transports::quic::{self, QuicSettings};
use pmq_transports::{UnixSettings, ZeromqSettings};

/// Bounds of all attach sessions together and of each of them, and who may open one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attach {
    /// Sessions at a time, over all transports.
    pub max_sessions: u32,
    /// Largest window by count that a parent is granted, in messages; a larger wish is cut to it.
    pub max_window_messages: u32,
    /// Largest window by bytes that a parent is granted; a larger wish is cut to it.
    pub max_window_bytes: ByteSize,
    /// Payload bytes of one frame, checked before anything is allocated.
    pub max_frame_payload: ByteSize,
    /// The Unix socket.
    pub unix: UnixSettings,
    /// ZeroMQ.
    pub zeromq: ZeromqSettings,
    /// QUIC.
    pub quic: QuicSettings,
    /// gRPC.
    pub grpc: GrpcSettings,
    /// Who may attach, as what. Without any grant: the user that runs the agent, as everything.
    pub grant: Vec<Grant>,
}

impl Default for Attach {
    fn default() -> Self {
        Self {
            max_sessions: 32,
            max_window_messages: 65_536,
            max_window_bytes: ByteSize::mib(64),
            max_frame_payload: ByteSize::mib(16),
            unix: UnixSettings::default(),
            zeromq: ZeromqSettings::default(),
            quic: QuicSettings::default(),
            grpc: GrpcSettings::default(),
            grant: vec![Grant::default()],
        }
    }
}

impl Attach {
    /// Checks what one value alone cannot tell.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let counts = [
            ("max_sessions", u64::from(self.max_sessions)),
            ("max_window_messages", u64::from(self.max_window_messages)),
            ("max_window_bytes", self.max_window_bytes.as_u64()),
            ("max_frame_payload", self.max_frame_payload.as_u64()),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(InvalidSetting::new(key, "no parent could attach or get a message", "take at least 1").value(0));
        }
        setting::at_most([("max_window_bytes", self.max_window_bytes.as_u64(), setting::MAX_SIZE)])?;
        if self.max_frame_payload.as_u64() > u64::from(u32::MAX) {
            let what = "it is more than a frame can carry";
            return Err(InvalidSetting::new("max_frame_payload", what, "take at most 4GiB - 1").value(self.max_frame_payload));
        }
        Ok(())
    }
}

/// What a parent may do. The names are those of the hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Gets messages for a verdict.
    Verify,
    /// Gets what was accepted.
    Consume,
    /// Publishes, subscribes, steers.
    Produce,
    /// Gets what verifiers get; its verdicts have no effect.
    Shadow,
}

/// Whom a grant is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// The user that runs the agent.
    OwnUser,
    /// A user by number.
    Uid(u32),
    /// Whoever holds a token, by the token's name.
    Token(String),
    /// Whoever holds a key, by its peer id in base58.
    Peer(String),
    /// Whoever holds a certificate, by the certificate's name.
    Certificate(String),
}

impl<'de> Deserialize<'de> for Who {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl Visitor<'_> for Seen {
            type Value = Who;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a user's number (`id -u NAME` tells it) or \"self\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Who, E> {
                if text == "self" { Ok(Who::OwnUser) } else { Err(E::invalid_value(Unexpected::Str(text), &self)) }
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Who, E> {
                u32::try_from(number).map(Who::Uid).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Who, E> {
                u32::try_from(number).map(Who::Uid).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            }
        }
        deserializer.deserialize_any(Seen)
    }
}

/// What the parents of one user, or of the holders of one token, key or certificate, may do. Whatever no grant names is refused by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grant {
    /// Whose parents: a uid, or "self" for the user that runs the agent.
    pub uid: Who,
    /// In place of `uid`: the name of a token.
    pub token: Option<String>,
    /// In place of `uid`: the peer id of a parent's key, as `pmq key inspect` shows it (QUIC).
    pub peer: Option<String>,
    /// In place of `uid`: the name of a certificate (gRPC over TLS).
    pub certificate: Option<String>,
    /// Roles that they may claim.
    pub roles: Vec<Role>,
    /// Networks that they may claim, by name; "*" = all.
    pub networks: Vec<String>,
    /// Sessions of that user, or with that token, key or certificate, at a time.
    pub max_sessions: u32,
}

impl Default for Grant {
    fn default() -> Self {
        Self {
            uid: Who::OwnUser,
            token: None,
            peer: None,
            certificate: None,
            roles: vec![Role::Verify, Role::Consume, Role::Produce, Role::Shadow],
            networks: vec!["*".to_owned()],
            max_sessions: 16,
        }
    }
}

impl Grant {
    /// Whom it is for.
    #[must_use]
    pub fn who(&self) -> Who {
        // One that is no peer id is refused by `check` and matches nobody.
        let peer = self.peer.as_ref().map(|peer| Who::Peer(quic::peer_id(peer).unwrap_or_else(|| peer.clone())));
        let certificate = self.certificate.clone().map(Who::Certificate);
        self.token.clone().map(Who::Token).or(peer).or(certificate).unwrap_or_else(|| self.uid.clone())
    }

    /// Whether it covers that network.
    #[must_use]
    pub fn covers(&self, network: &str) -> bool {
        self.networks.iter().any(|name| name == "*" || name == network)
    }

    /// Checks what one value alone cannot tell.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let named = [
            ("token", self.token.is_some()),
            ("peer", self.peer.is_some()),
            ("certificate", self.certificate.is_some()),
            ("uid", self.uid != Who::OwnUser),
        ];
        let mut named = named.into_iter().filter_map(|(key, is)| is.then_some(key));
        if let (Some(first), Some(second)) = (named.next(), named.next()) {
            let what = format!("it stands beside a `{second}`, and a grant is for one of them");
            return Err(InvalidSetting::new(first, what, "write two grants"));
        }
        if self.peer.as_ref().is_some_and(|peer| quic::peer_id(peer).is_none()) {
            return Err(InvalidSetting::new("peer", "it is no peer id", "`pmq key inspect FILE` shows that of a key"));
        }
        let nothing = [
            ("roles", self.roles.is_empty(), "name some of \"verify\", \"consume\", \"produce\", \"shadow\""),
            ("networks", self.networks.is_empty(), "name networks, or \"*\" for all"),
            ("max_sessions", self.max_sessions == 0, "take at least 1"),
        ];
        if let Some((key, _, help)) = nothing.into_iter().find(|(_, nothing, _)| *nothing) {
            return Err(InvalidSetting::new(key, "this grant allows nothing", format!("{help}, or delete the grant")));
        }
        Ok(())
    }
}
