//! The verifier: what a parent says about a message, and its note of it.

use std::sync::Arc;

use super::Part;
use crate::oracle::{Network, Roster, fingerprint};
use crate::report::facts::{Fact, Ledger, now};
use pmq_client::Verdict;

/// Judges messages of all topics. A clone is the same judge.
#[derive(Debug, Clone)]
pub(crate) struct Judge {
    part: Part,
    roster: Arc<Roster>,
    ledger: Ledger,
}

impl Judge {
    /// A judge who knows the public keys and writes everything down.
    pub(crate) fn new(part: Part, roster: Arc<Roster>, ledger: Ledger) -> Self {
        Self { part, roster, ledger }
    }

    /// The verdict. It stands in the file before it is answered.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn judge(&self, topic: &str, payload: &[u8]) -> anyhow::Result<Verdict> {
        let (verdict, why) = match (self.part, self.check(topic, payload)) {
            // It watches and has no part in the overlay's work: nothing goes on from here, nobody is blamed.
            (Part::Witness, _) => (Verdict::Ignore, None),
            (_, Ok(())) => (Verdict::Accept, None),
            (Part::Member, Err(why)) => (Verdict::Reject, Some(why)),
            (Part::Dishonest, Err(why)) => (Verdict::Ignore, Some(why)),
        };
        let accept = verdict == Verdict::Accept;
        self.ledger.write(&Fact::Judged { at: now(), topic: topic.to_owned(), print: fingerprint(payload), accept, why })?;
        Ok(verdict)
    }

    fn check(&self, topic: &str, payload: &[u8]) -> Result<(), String> {
        if let Some(network) = Network::from_reports(topic) {
            self.roster.check_report(network, payload).map(drop).map_err(|invalid| invalid.to_string())
        } else if let Some(network) = Network::from_shares(topic) {
            self.roster.check_internal(network, payload).map(drop).map_err(|invalid| invalid.to_string())
        } else {
            Err(format!("no topic of the demo: {topic}"))
        }
    }
}
