//! The first line of a client: what it asks for.

use serde::{Deserialize, Serialize};

use super::{Code, Problem};
use pmq_protocol::wire::{Verdict, check_topic};

/// Version of the protocol. Raised when an older client would misread an answer.
pub const VERSION: u32 = 1;

/// Longest request, in bytes. Lines of a publish have a bound of their own.
pub const MAX_REQUEST: usize = 64 * 1024;

/// Most patterns of a tap: each message's topic is compared with each of them.
const MAX_PATTERNS: usize = 64;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// To see outcomes.
    Tap(TapAsk),
    /// To publish what follows.
    Publish(PublishAsk),
    /// To see who is attached.
    Parents,
}

/// Which outcomes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TapAsk {
    /// Names, or patterns in which `*` stands for any run of characters; none = all.
    pub topics: Vec<String>,
    /// Names of networks; none = all.
    pub networks: Vec<String>,
    /// Which ends; none = all.
    pub outcomes: Vec<Outcome>,
    /// Ends after so many messages.
    pub limit: Option<u64>,
}

/// An end by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Forwarded and delivered.
    Accept,
    /// Dropped.
    Ignore,
    /// Dropped, and the sender penalised.
    Reject,
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accept => Self::Accept,
            Outcome::Ignore => Self::Ignore,
            Outcome::Reject => Self::Reject,
        }
    }
}

/// Where to publish. The messages follow, a line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishAsk {
    /// The topic.
    pub topic: String,
    /// The network; else the one that claims the topic.
    #[serde(default)]
    pub network: Option<String>,
}

/// One message to be published: exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublishLine {
    /// As text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// As bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tap: Option<TapAsk>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    publish: Option<PublishAsk>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parents: Option<Nothing>,
}

/// Another version may have other fields, so it is looked at first and alone.
#[derive(Deserialize)]
struct Versioned {
    v: Option<u32>,
}

/// Reads a request.
///
/// # Errors
/// The [`Problem`] to be answered.
pub fn read(line: &[u8]) -> Result<Ask, Problem> {
    let bad =
        |wrong: &dyn std::fmt::Display| Problem::new(Code::BadRequest, format!("the request cannot be read: {wrong}; see docs/control.md"));
    match serde_json::from_slice::<Versioned>(line).map_err(|wrong| bad(&wrong))?.v {
        Some(VERSION) => {}
        Some(other) => {
            let text = format!(
                "version {other} of the control protocol is asked for, and this agent speaks {VERSION}; use the `pmq` of the agent's own version"
            );
            return Err(Problem::new(Code::Version, text));
        }
        None => return Err(bad(&format!("`v` is missing, write \"v\":{VERSION}"))),
    }
    let line: Line = serde_json::from_slice(line).map_err(|wrong| bad(&wrong))?;
    let ask = match line {
        Line { tap: Some(ask), publish: None, parents: None, .. } => Ask::Tap(ask),
        Line { tap: None, publish: Some(ask), parents: None, .. } => Ask::Publish(ask),
        Line { tap: None, publish: None, parents: Some(_), .. } => Ask::Parents,
        _ => return Err(bad(&"it must have exactly one of `tap`, `publish` and `parents`")),
    };
    if let Ask::Tap(tap) = &ask {
        if tap.topics.len() > MAX_PATTERNS {
            return Err(bad(&format!("`topics` names {}, and {MAX_PATTERNS} are possible", tap.topics.len())));
        }
        // As the patterns of a network's file: a pattern beyond these lengths matches no topic.
        tap.topics.iter().try_for_each(|pattern| check_topic(pattern)).map_err(|length| bad(&format!("`topics`: {length}")))?;
    }
    Ok(ask)
}

/// Writes a request, without the newline.
#[must_use]
pub fn write(ask: &Ask) -> String {
    let line = match ask {
        Ask::Tap(tap) => Line { tap: Some(tap.clone()), ..Line::default() },
        Ask::Publish(publish) => Line { publish: Some(publish.clone()), ..Line::default() },
        Ask::Parents => Line { parents: Some(Nothing {}), ..Line::default() },
    };
    serde_json::json!(Line { v: VERSION, ..line }).to_string()
}
