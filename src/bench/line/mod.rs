//! `pmq bench line`: A -> B -> C over real sockets, each a process of its own.
//!
//! ```text
//!            raw              A ---------------> B ---------------> C
//!            agents           A ---------------> B ---------------> C        `pmq run`, each with
//!                             |                  |                  |        attach: unix | zeromq
//!                          parent             parent             parent
//!                         publishes           accepts       accepts, consumes
//! ```
//! The raw nodes are [`pmq_gossip::Plain`]: the agent's transports and router with the agent's settings, read from the same files. Both send the same payloads.
//!
//! # Invariants
//! - A rate holds if every message was published and arrived, the last of them not later behind its due time than 5 % of the step and 50 ms, at A and at C:
//!   queues may hold that much, and no more. Of two tries one is enough.
//! - Every message is sent when it is due, in ramps as under the loads that are shares of what they find.
//! - CPU time of B is that of the messages that arrived, behind a step of the same rate that is its warm-up, before any ramp, at a rate that is the same for all. With steps
//!   of a second nothing that the router remembers expires within it.
//! - Latency of agents ends when the message is delivered to C's parent, so it contains two verdicts; the moment at which C's parent is first shown it stands beside.

mod args;
mod chain;
mod charts;
mod child;
mod measure;
mod message;
mod orders;
mod parent;
mod place;
mod ramp;
mod raw;
mod result;
mod sink;
mod words;

use std::io::Write;

pub(crate) use args::Args;

use super::report::write_svg;
use super::{Machine, Progress};
use charts::charts;
use measure::{Group, estimate, group, steps};
use result::Report;

/// Measures, and answers the result in words or as one JSON object.
///
/// # Errors
/// When a process cannot be started or ends early, or a file cannot be written.
pub(super) async fn run(args: &Args, json: bool) -> anyhow::Result<String> {
    let (report, groups) = measure(args).await?;
    args.common.plot.as_deref().map_or(Ok(()), |path| write_svg(path, &charts(&groups)))?;
    Ok(if json { serde_json::to_string(&report)? } else { words::words(&report) })
}

async fn measure(args: &Args) -> anyhow::Result<(Report, Vec<Group>)> {
    let machine = Machine::here();
    let (transports, sizes) = (args.transports(), args.sizes());
    let groups = transports.len() * sizes.len();
    let seconds = estimate(args).as_secs() * groups as u64;
    note(&format!(
        "about {} min {} s: {groups} times {} contenders, {} rounds",
        seconds / 60,
        seconds % 60,
        args.attach().len() + 1,
        args.common.rounds()
    ));
    let progress = Progress::new(groups * steps(args));
    let mut measured = Vec::with_capacity(groups);
    for overlay in transports {
        for size in &sizes {
            measured.push(group(args, overlay, *size, &progress).await?);
        }
    }
    progress.done();
    Ok((Report::new(machine, args, &measured), measured))
}

fn note(text: &str) {
    // There is nowhere left to say that stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "pmq bench: {text}");
}

/// One of the processes of a line.
///
/// # Errors
/// When it cannot do its part.
pub(crate) async fn node(kind: &str, setup: &str) -> anyhow::Result<()> {
    let of = |error: serde_json::Error| anyhow::anyhow!("the setup of {kind} is unreadable: {error}");
    match kind {
        "line-raw" => raw::run(serde_json::from_str(setup).map_err(of)?).await,
        "line-parent" => parent::run(serde_json::from_str(setup).map_err(of)?).await,
        kind => anyhow::bail!("there is no bench node {kind:?}"),
    }
}

#[cfg(test)]
mod tests;
