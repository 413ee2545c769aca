//! What the nodes say to each other, and what they say to the world.
//!
//! Every message is a [`PmqHeader`], which the agents' codec reads, a content in postcard, which only parents read, and the signatures
//! of a quorum, if there is one:
//!
//! | topic | origin | sequence number | content | behind it |
//! |---|---|---|---|---|
//! | `<network>.shares` | the node ([`Roster::origin`](super::Roster::origin)) | 4 x round + kind | [`Internal`] | nothing |
//! | `<network>.reports` | the network | round | [`Body`] | its [`Signer`]s |
//!
//! The header is not signed by itself: every field of it follows from the content, which is, and verifiers compare them.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{Network, Node, NodeKey, Sig};
use pmq_client::{HeaderOrigin, PmqHeader};

/// A body that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no message of the demo")]
pub(crate) struct Unreadable;

/// One node's signed observation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Observation {
    /// Who observed.
    pub(crate) node: Node,
    /// What it saw, in thousandths of the unit.
    pub(crate) value: i64,
    /// Its signature over [`Round::observed`].
    pub(crate) sig: Sig,
}

/// Names one round of one network: what a report is known by everywhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Round {
    /// Whose round.
    pub(crate) network: Network,
    /// The numbering's epoch.
    pub(crate) epoch: u64,
    /// Its number, from 1.
    pub(crate) seq: u64,
}

impl Round {
    /// The bytes that a node signs for its observation.
    pub(crate) fn observed(self, node: Node, value: i64) -> Vec<u8> {
        let mut bytes = b"pmq demo observation\0".to_vec();
        bytes.push(self.network as u8);
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.seq.to_le_bytes());
        bytes.push(node);
        bytes.extend_from_slice(&value.to_le_bytes());
        bytes
    }
}

/// A round's result: what a quorum signs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Body {
    /// The round.
    pub(crate) round: Round,
    /// The observations, sorted by node.
    pub(crate) observations: Vec<Observation>,
    /// Their lower median: always a value that somebody observed.
    pub(crate) median: i64,
}

impl Body {
    /// The bytes that a node signs for the report.
    pub(crate) fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = b"pmq demo report\0".to_vec();
        bytes.extend_from_slice(&encode(self));
        bytes
    }

    /// Digest of the content without the quorum's signatures: two quorums over one content are no equivocation.
    pub(crate) fn tag(&self) -> u64 {
        tag(&self.signed_bytes())
    }
}

/// The lower median. 0 of nothing.
pub(crate) fn median(values: impl Iterator<Item = i64>) -> i64 {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values.len().checked_sub(1).and_then(|last| values.get(last / 2)).copied().unwrap_or_default()
}

/// One node's signature over a [`Body`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Signer {
    /// Who signed.
    pub(crate) node: Node,
    /// Its signature over [`Body::signed_bytes`].
    pub(crate) sig: Sig,
}

/// A finished report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// What was observed.
    pub(crate) body: Body,
    /// Who vouches for it, sorted by node.
    pub(crate) signers: Vec<Signer>,
}

impl Report {
    /// The message on the outbound topic.
    pub(crate) fn seal(&self) -> Vec<u8> {
        let round = self.body.round;
        seal(network_origin(round.network), round.epoch, round.seq, &encode(&self.body), &encode(&self.signers))
    }
}

/// The network's origin in the heads of its reports. Transmitters change, the numbering is the network's own.
pub(crate) fn network_origin(network: Network) -> [u8; 32] {
    let mut origin = [0; 32];
    for (to, from) in origin.iter_mut().zip(network.name().bytes()) {
        *to = from;
    }
    origin
}

/// A node's observation, to its own network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Share {
    /// The round.
    pub(crate) round: Round,
    /// The observation.
    pub(crate) observation: Observation,
}

/// A transmitter's result, for the other nodes to sign. Its own signature is with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Proposal {
    /// The result.
    pub(crate) body: Body,
    /// The transmitter.
    pub(crate) by: Signer,
}

/// A node's signature over a proposal that it has checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Endorsement {
    /// The round.
    pub(crate) round: Round,
    /// [`Body::tag`] of the proposal.
    pub(crate) tag: u64,
    /// The signature.
    pub(crate) by: Signer,
    /// Signature over round and tag, so that an endorsement can be checked by those who have not seen the proposal yet.
    pub(crate) seal: Sig,
}

impl Endorsement {
    /// Signs a proposal.
    pub(crate) fn new(body: &Body, node: Node, key: &NodeKey) -> Self {
        let (round, tag) = (body.round, body.tag());
        let by = Signer { node, sig: key.sign(&body.signed_bytes()) };
        Self { round, tag, by, seal: key.sign(&Self::sealed(round, tag)) }
    }

    /// The bytes under [`Endorsement::seal`].
    pub(crate) fn sealed(round: Round, tag: u64) -> Vec<u8> {
        let mut bytes = b"pmq demo endorsement\0".to_vec();
        bytes.extend_from_slice(&encode(&(round, tag)));
        bytes
    }
}

/// What travels on an internal topic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Internal {
    /// An observation.
    Share(Share),
    /// A result to sign.
    Proposal(Proposal),
    /// A signature.
    Endorsement(Endorsement),
}

/// Numbers of one round on an internal topic: one for each kind of message, since a node says each at most once.
pub(crate) const NUMBERS_PER_ROUND: u64 = 4;

impl Internal {
    /// The round that it belongs to.
    pub(crate) fn round(&self) -> Round {
        match self {
            Self::Share(share) => share.round,
            Self::Proposal(proposal) => proposal.body.round,
            Self::Endorsement(endorsement) => endorsement.round,
        }
    }

    /// The node that speaks.
    pub(crate) fn node(&self) -> Node {
        match self {
            Self::Share(share) => share.observation.node,
            Self::Proposal(proposal) => proposal.by.node,
            Self::Endorsement(endorsement) => endorsement.by.node,
        }
    }

    /// Its number within the node's own sequence.
    pub(crate) fn number(&self) -> u64 {
        let kind = match self {
            Self::Share(_) => 0,
            Self::Proposal(_) => 1,
            Self::Endorsement(_) => 2,
        };
        self.round().seq.saturating_mul(NUMBERS_PER_ROUND).saturating_add(kind)
    }

    /// The message on the internal topic; `origin` is the node's.
    pub(crate) fn seal(&self, origin: [u8; 32]) -> Vec<u8> {
        seal(origin, self.round().epoch, self.number(), &encode(self), &[])
    }
}

/// Header, content and signatures in one.
fn seal(origin: [u8; 32], epoch: u64, seq: u64, content: &[u8], signatures: &[u8]) -> Vec<u8> {
    // A content is some hundred bytes.
    let header = PmqHeader { origin: HeaderOrigin::Long(origin), epoch, seq, content: content.len() as u32 };
    let mut bytes = Vec::with_capacity(header.len() + content.len() + signatures.len());
    header.write(&mut bytes);
    bytes.extend_from_slice(content);
    bytes.extend_from_slice(signatures);
    bytes
}

/// Takes a report apart. Its header still has to be compared.
///
/// # Errors
/// [`Unreadable`] when a part is, or bytes are left over.
pub(crate) fn open_report(bytes: &[u8]) -> Result<(PmqHeader, Report), Unreadable> {
    let (header, content, signatures) = PmqHeader::split(bytes).map_err(|_| Unreadable)?;
    Ok((header, Report { body: decode(content)?, signers: decode(signatures)? }))
}

/// Takes an internal message apart. Its header still has to be compared.
///
/// # Errors
/// [`Unreadable`] when a part is, or bytes are left over.
pub(crate) fn open_internal(bytes: &[u8]) -> Result<(PmqHeader, Internal), Unreadable> {
    let (header, content, signatures) = PmqHeader::split(bytes).map_err(|_| Unreadable)?;
    if signatures.is_empty() { Ok((header, decode(content)?)) } else { Err(Unreadable) }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(Unreadable),
    }
}

#[allow(clippy::expect_used, reason = "integers, arrays and vectors of known length into a vector: postcard has nothing to refuse")]
fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("plain data is encodable")
}

/// The first 64 bits of SHA-256.
fn tag(bytes: &[u8]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(bytes));
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// A short name for exactly these bytes, for comparing what was sent with what arrived.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes).get(..16).unwrap_or_default())
}
