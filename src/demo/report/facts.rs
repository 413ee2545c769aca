//! What every parent process writes down: one JSON object a line, in its own file, before it acts on it.
//!
//! # Invariants
//! - A fact stands in the file before the answer that follows from it leaves the process, so that SIGKILL cannot hide anything.
//! - Times are nanoseconds of the machine's monotonic clock, the same for all processes.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::oracle::{Kind, Round};

/// Nanoseconds since some moment before the demo began.
pub(crate) type Nanos = u64;

/// The machine's monotonic clock.
pub(crate) fn now() -> Nanos {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // Both are never negative, and 64 bits of nanoseconds last for 584 years of uptime.
    (now.tv_sec as u64) * 1_000_000_000 + now.tv_nsec as u64
}

/// A record's place: the delivery stream and the counter within it.
pub(crate) type Place = (u64, u64);

/// One thing that happened to one parent process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub(crate) enum Fact {
    /// A process began, and has not called its agent yet.
    Up {
        /// When.
        at: Nanos,
    },
    /// A message was offered, and this is the verdict. Written before the verdict is given.
    Judged {
        /// When.
        at: Nanos,
        /// Its topic.
        topic: String,
        /// Names exactly its bytes.
        print: String,
        /// Whether the verdict is Accept.
        accept: bool,
        /// Why not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A report or an internal message is about to be published.
    Publishing {
        /// When the publish call begins.
        at: Nanos,
        /// Its topic.
        topic: String,
        /// Names exactly its bytes.
        print: String,
        /// The round, if it is a report.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        report: Option<Round>,
    },
    /// The publish call was answered.
    Published {
        /// When.
        at: Nanos,
        /// Its topic.
        topic: String,
        /// The same as before.
        print: String,
        /// What went wrong, if anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A report was delivered. Written before it is acknowledged.
    Delivered {
        /// When.
        at: Nanos,
        /// The round.
        round: Round,
        /// Names exactly its bytes.
        print: String,
        /// The delivery stream's place, by which a record that is delivered again after a restart is known.
        place: Place,
    },
    /// Records are missing from the stream.
    Gap {
        /// When.
        at: Nanos,
        /// The topic, or the network in whose stream it stands.
        network: String,
        /// How many messages.
        count: u64,
        /// The delivery stream's place.
        place: Place,
    },
    /// Messages had no verdict.
    Unverified {
        /// When.
        at: Nanos,
        /// Their topic.
        topic: String,
        /// How many.
        count: u64,
        /// Why.
        cause: String,
        /// The delivery stream's place.
        place: Place,
    },
    /// An invalid message is about to be published: the dishonest node's own books.
    Lied {
        /// When.
        at: Nanos,
        /// Its topic.
        topic: String,
        /// What is wrong with it.
        kind: Kind,
        /// The round that it claims.
        round: Round,
        /// Names exactly its bytes.
        print: String,
    },
    /// Something that the process could not do and that is worth a line in the summary.
    Trouble {
        /// When.
        at: Nanos,
        /// What.
        what: String,
    },
}

impl Fact {
    /// When it happened.
    pub(crate) fn at(&self) -> Nanos {
        match self {
            Self::Up { at }
            | Self::Judged { at, .. }
            | Self::Publishing { at, .. }
            | Self::Published { at, .. }
            | Self::Delivered { at, .. }
            | Self::Gap { at, .. }
            | Self::Unverified { at, .. }
            | Self::Lied { at, .. }
            | Self::Trouble { at, .. } => *at,
        }
    }
}

/// A process's file. A clone writes to the same one.
#[derive(Debug, Clone)]
pub(crate) struct Ledger(Arc<File>);

impl Ledger {
    /// Opens the file to append to it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path).with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self(Arc::new(file)))
    }

    /// Appends one line, in one write: it survives the process.
    ///
    /// # Errors
    /// When the file cannot be written; a process without its books must not go on.
    pub(crate) fn write(&self, fact: &Fact) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(fact)?;
        line.push(b'\n');
        (&*self.0).write_all(&line).context("cannot write the facts file")
    }
}

/// Reads a process's file. A line that SIGKILL cut off has no effect, since a process acts only after its line is written.
///
/// # Errors
/// When the file cannot be read, or a whole line is no fact.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Fact>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    let mut facts = Vec::new();
    for (index, line) in whole.lines().enumerate() {
        facts.push(serde_json::from_str(line).with_context(|| format!("{} line {}", path.display(), index + 1))?);
    }
    Ok(facts)
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
