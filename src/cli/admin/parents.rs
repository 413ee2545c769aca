//! `pmq parents`: who is attached.

use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;
use serde_json::json;

use super::connection::Connection;
use super::table::{aligned, counts, plain};
use super::{Where, block_on};
use crate::cli::output::print;
use crate::cli::{Exit, Failure, Globals, Output};
use pmq_agent::admin::{Answer, Ask, Consuming, Credit, OnNetwork, Parent, Verifying};

/// Arguments of `pmq parents`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A line for each session, and below it one for each network and role. HELD: messages and bytes that the parent has without an answer, of those that it \
lets the agent have on its way. LAG: records of the network's log that wait for its credit.")]
pub(crate) struct Args {
    /// How long the agent may take to answer
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(arguments: &Args, globals: &Globals) -> Result<(), Failure> {
    let path = arguments.place.path(globals)?;
    let parents = block_on(async {
        let asked = tokio::time::timeout(arguments.timeout, list(&path)).await;
        let late =
            || Failure::new(Exit::Unavailable, format!("the agent at {} did not answer within {:?}", path.display(), arguments.timeout));
        asked.map_err(|_| late())?
    })?;
    match globals.output {
        Output::Json => print(&json!({ "parents": parents }).to_string()),
        Output::Text => print(&table(&parents)),
    }
}

async fn list(path: &Path) -> Result<Vec<Parent>, Failure> {
    let mut connection = Connection::ask(path, &Ask::Parents).await?;
    let mut parents = Vec::new();
    loop {
        match connection.next().await? {
            (Answer::Parent(parent), _) => parents.push(parent),
            (Answer::Done(_), _) => return Ok(parents),
            _ => return Err(connection.foreign()),
        }
    }
}

pub(super) fn table(parents: &[Parent]) -> String {
    if parents.is_empty() {
        return "no parent is attached\n".to_owned();
    }
    let head = ["SESSION", "WHO", "SINCE", "SOFTWARE", "OVER", "REFUSED"];
    let mut sessions = vec![head.map(str::to_owned).to_vec()];
    let mut rows = vec![["NETWORK", "ROLE", "HELD", "BYTES", "LAG", "STATE"].map(str::to_owned).to_vec()];
    for parent in parents {
        sessions.push(session(parent));
        rows.extend(parent.networks.iter().flat_map(on_network));
    }
    // All rows below all sessions have the same columns.
    let sessions = aligned(&sessions, "");
    let mut rows = aligned(&rows, "  ").into_iter();
    let mut text: String = sessions.iter().take(1).cloned().chain(rows.next()).collect();
    for (session, parent) in sessions.iter().skip(1).zip(parents) {
        text += session;
        text.extend(rows.by_ref().take(parent.networks.iter().map(|network| on_network(network).len()).sum()));
    }
    text
}

fn session(parent: &Parent) -> Vec<String> {
    // Whole seconds are enough for the eye.
    let since = Duration::from_secs(parent.since_s.max(0.0) as u64);
    let software = if parent.software.is_empty() { "(no hello yet)".to_owned() } else { plain(&parent.software) };
    let since = humantime::format_duration(since).to_string();
    vec![parent.session.clone(), plain(&parent.who), since, software, plain(&parent.over), counts(&parent.refused)]
}

fn on_network(network: &OnNetwork) -> Vec<Vec<String>> {
    let rows = network.roles.iter().map(|role| {
        let [held, bytes, lag, state] = match (role.as_str(), &network.verify, &network.consume) {
            ("verify" | "shadow", Some(verify), _) => verifying(verify),
            ("consume", _, Some(consume)) => consuming(consume),
            ("produce", _, _) => Default::default(),
            _ if network.silent => ["", "", "", "its road does not answer"].map(str::to_owned),
            _ => ["", "", "", "not attached to its road"].map(str::to_owned),
        };
        vec![plain(&network.network), plain(role), held, bytes, lag, state]
    });
    rows.collect()
}

fn verifying(verify: &Verifying) -> [String; 4] {
    let mut state = vec![if verify.paused { "paused".to_owned() } else { "open".to_owned() }];
    state.extend((!verify.group.is_empty()).then(|| format!("group {}", plain(&verify.group))));
    state.extend((!verify.refused.is_empty()).then(|| format!("verdicts refused: {}", counts(&verify.refused))));
    let [held, bytes] = credit(&verify.outstanding, &verify.window);
    [held, bytes, String::new(), state.join("; ")]
}

fn consuming(consume: &Consuming) -> [String; 4] {
    let mut state = vec![plain(&consume.policy)];
    state.extend((!consume.name.is_empty()).then(|| format!("name {}", plain(&consume.name))));
    state.push(format!("at {} of {}", consume.acked, consume.sent));
    state.extend((!consume.dropped.is_empty()).then(|| format!("lost: {}", counts(&consume.dropped))));
    let [held, bytes] = credit(&consume.outstanding, &consume.window);
    [held, bytes, consume.lag.to_string(), state.join("; ")]
}

fn credit(outstanding: &Credit, window: &Credit) -> [String; 2] {
    let size = |bytes| ByteSize(bytes).display().iec().to_string();
    [format!("{}/{}", outstanding.messages, window.messages), format!("{} / {}", size(outstanding.bytes), size(window.bytes))]
}
