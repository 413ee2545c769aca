//! The whole agent without an overlay, in this process, and a parent for it.
//!
//! ```text
//!   messages --> inlet --> driver, stages --> sessions --> listeners --> parent
//!   reports  <----------- driver, stages <-- sessions <-- listeners <-- verdicts
//!                         \______ Rig ______/\_________ Host _________/
//! ```
//!
//! Arrivals are put where the router puts them, and reports are taken where the router takes them. [`Host`] is the lower half: sessions in front of a
//! network whose `ups` are the caller's.

mod agent;
mod host;
mod messages;
mod parent;

use std::time::Duration;

use anyhow::Context;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use agent::Rig;
pub use host::{Host, network};
pub use messages::{Messages, Received, SMALLEST, due, messages, received, share_and_clone, topic};
pub use parent::{Parent, Work};

use pmq_pipeline::{Claims, Part, Plan};
use pmq_protocol::wire::Window;
use pmq_stages::{NetworkContext, Registry};

/// The network's name.
pub const NETWORK: &str = "bench";
/// From a message's arrival to its fallback: longer than any measurement waits.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Largest payload, in bytes.
pub const MAX_MESSAGE: usize = 2 << 20;
/// What the parent gives credit for, in each role.
pub const WINDOW: Window = Window { messages: 4_096, bytes: 48 << 20 };

/// Every stage, none of which has a reason to refuse what [`Messages`] makes.
pub const FULL: &str = r#"
[[stage]]
use = "admission"
rate = 4000000000
burst = 4000000000
byte_rate = "1TiB"
byte_burst = "1TiB"
[[stage]]
use = "decode"
codec = "pmq"
[[stage]]
use = "sequence-window"
[[stage]]
use = "validation-queue"
deadline = "30s"
[[stage]]
use = "delivery"
"#;

/// Nothing in front of the queue.
pub const EMPTY: &str = "[[stage]]\nuse = 'validation-queue'\ndeadline = '30s'\n[[stage]]\nuse = 'delivery'\n";

/// Reads the stages of a network's file.
///
/// # Errors
/// When the text is no list of `[[stage]]`, or a stage cannot work so or there.
pub fn plan(text: &str) -> anyhow::Result<Plan> {
    let context = NetworkContext { name: NETWORK.into(), claims: Claims(vec!["*".into()]), max_message: MAX_MESSAGE, max_topics: 16 };
    let registry = Registry::standard();
    let mut document = DeTable::parse(text)?.into_inner();
    let Some(DeValue::Array(stages)) = document.remove("stage").map(Spanned::into_inner) else { anyhow::bail!("there is no [[stage]]") };
    let part = |stage: Spanned<DeValue<'_>>| -> anyhow::Result<Part> {
        let span = stage.span();
        let DeValue::Table(mut table) = stage.into_inner() else { anyhow::bail!("a stage is a table") };
        let name = table.remove("use").context("a stage has no `use`")?;
        let name = name.get_ref().as_str().context("`use` names no stage")?;
        Ok(registry.parse(name, Spanned::new(span, DeValue::Table(table)), &context)?)
    };
    Ok(Plan::new(stages.into_iter().map(part).collect::<anyhow::Result<_>>()?)?)
}

#[cfg(test)]
mod tests;
