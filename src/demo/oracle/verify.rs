//! The verifier's rules. Sequence numbers are none of its business: the window has the thresholds.

use super::message::{Body, Endorsement, Internal, Report, Signer, Unreadable, median, network_origin, open_internal, open_report};
use super::{Network, Node, Roster};
use pmq_client::{HeaderOrigin, PmqHeader};

/// Why a message is invalid. All of these are a Reject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    /// No header or no content.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Published on another network's topic.
    #[error("a message of {0:?} on another network's topic")]
    Topic(Network),
    /// The header is not the one that follows from the content.
    #[error("the header says otherwise than the content")]
    Header,
    /// Other bytes than those of this content: no signature covers how it is written.
    #[error("the bytes are not those of this content")]
    Encoding,
    /// Nodes are missing, doubled, or not in order.
    #[error("{what} of {count} distinct nodes in order, at least {need} are needed")]
    Quorum {
        /// Of what.
        what: &'static str,
        /// Distinct nodes that were counted up to the first doubled one.
        count: usize,
        /// How many are needed.
        need: usize,
    },
    /// The median is another one.
    #[error("median {claimed}, the observations say {right}")]
    Median {
        /// As claimed.
        claimed: i64,
        /// As computed.
        right: i64,
    },
    /// A signature that is not the node's, or a node that is not in the roster.
    #[error("{what} is not signed by node {node}")]
    Signature {
        /// Of what.
        what: &'static str,
        /// Who is said to have signed.
        node: Node,
    },
}

impl Roster {
    /// Checks a message of an outbound topic: the cheap questions first, then every signature.
    ///
    /// # Errors
    /// [`Invalid`] names the first rule that is broken.
    pub(crate) fn check_report(&self, network: Network, bytes: &[u8]) -> Result<Report, Invalid> {
        let (header, report) = open_report(bytes)?;
        let round = report.body.round;
        if round.network != network {
            return Err(Invalid::Topic(round.network));
        }
        if !says(&header, network_origin(network), round.epoch, round.seq) {
            return Err(Invalid::Header);
        }
        if report.seal() != bytes {
            return Err(Invalid::Encoding);
        }
        quorum("signatures", report.signers.iter().map(|signer| signer.node), self.faults(network) + 1)?;
        self.check_body(&report.body)?;
        let signed = report.body.signed_bytes();
        for signer in &report.signers {
            self.check_signer(network, signer, &signed)?;
        }
        Ok(report)
    }

    /// Checks a message of an internal topic.
    ///
    /// # Errors
    /// [`Invalid`] names the first rule that is broken.
    pub(crate) fn check_internal(&self, network: Network, bytes: &[u8]) -> Result<Internal, Invalid> {
        let (header, message) = open_internal(bytes)?;
        let (round, node) = (message.round(), message.node());
        if round.network != network {
            return Err(Invalid::Topic(round.network));
        }
        let origin = self.origin(network, node).ok_or(Invalid::Signature { what: "the message", node })?;
        if !says(&header, origin, round.epoch, message.number()) {
            return Err(Invalid::Header);
        }
        if message.seal(origin) != bytes {
            return Err(Invalid::Encoding);
        }
        match &message {
            Internal::Share(share) => {
                let seen = share.observation;
                if !self.signed(network, node, &round.observed(node, seen.value), &seen.sig) {
                    return Err(Invalid::Signature { what: "an observation", node });
                }
            }
            Internal::Proposal(proposal) => {
                self.check_body(&proposal.body)?;
                self.check_signer(network, &proposal.by, &proposal.body.signed_bytes())?;
            }
            Internal::Endorsement(endorsement) => {
                if !self.signed(network, node, &Endorsement::sealed(round, endorsement.tag), &endorsement.seal) {
                    return Err(Invalid::Signature { what: "an endorsement", node });
                }
            }
        }
        Ok(message)
    }

    /// Enough observations that an honest node's lies in the middle, the right median, and every observer's signature.
    fn check_body(&self, body: &Body) -> Result<(), Invalid> {
        let network = body.round.network;
        let need = self.nodes(network) - self.faults(network);
        quorum("observations", body.observations.iter().map(|seen| seen.node), need)?;
        let right = median(body.observations.iter().map(|seen| seen.value));
        if body.median != right {
            return Err(Invalid::Median { claimed: body.median, right });
        }
        for seen in &body.observations {
            if !self.signed(network, seen.node, &body.round.observed(seen.node, seen.value), &seen.sig) {
                return Err(Invalid::Signature { what: "an observation", node: seen.node });
            }
        }
        Ok(())
    }

    fn check_signer(&self, network: Network, signer: &Signer, bytes: &[u8]) -> Result<(), Invalid> {
        if self.signed(network, signer.node, bytes, &signer.sig) {
            Ok(())
        } else {
            Err(Invalid::Signature { what: "the report", node: signer.node })
        }
    }
}

/// Whether the header, which the agents go by, is the one that follows from the content.
fn says(header: &PmqHeader, origin: [u8; 32], epoch: u64, seq: u64) -> bool {
    (header.origin, header.epoch, header.seq) == (HeaderOrigin::Long(origin), epoch, seq)
}

/// Distinct nodes, in order so that one content has one encoding, and enough of them.
fn quorum(what: &'static str, nodes: impl Iterator<Item = Node>, need: usize) -> Result<(), Invalid> {
    let (mut count, mut last, mut ordered) = (0, None, true);
    for node in nodes {
        ordered &= last < Some(node);
        last = Some(node);
        count += usize::from(ordered);
    }
    if ordered && count >= need { Ok(()) } else { Err(Invalid::Quorum { what, count, need }) }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
