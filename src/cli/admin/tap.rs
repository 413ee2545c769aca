//! `pmq tap`: outcomes as they happen.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use super::connection::Connection;
use super::table::plain;
use super::{Where, block_on};
use crate::cli::output::show;
use crate::cli::{Failure, Globals, Output};
use pmq_agent::admin::{Answer, Ask, Lost, Message, Missed, Outcome, Said, TapAsk};

/// Arguments of `pmq tap`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Shows every outcome from now on, until Ctrl-C (exit code 130, as the shell has it). What this command does not take in time is lost and counted in its place; the agent \
never waits for it. A line: time, network, outcome, reason, time from arrival to the outcome, bytes, topic, sending peer (its end), id, the parent's own reason. \
`--output json` shows everything, one object a line (docs/control.md).

  pmq tap                               everything
  pmq tap 'weather.*' --outcome reject  what is held against peers, and who sent it
  pmq tap --limit 100 --output json | jq -r .message.reason | sort | uniq -c")]
pub(crate) struct Args {
    /// Topics, or patterns in which * stands for any run of characters; none = all
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    /// Only these networks
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    network: Vec<String>,
    /// Only these ends
    #[arg(long, value_enum, value_delimiter = ',')]
    outcome: Vec<Outcome>,
    /// Ends after so many messages
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(arguments: &Args, globals: &Globals) -> Result<(), Failure> {
    let path = arguments.place.path(globals)?;
    let ask = Ask::Tap(TapAsk {
        topics: arguments.topics.clone(),
        networks: arguments.network.clone(),
        outcomes: arguments.outcome.clone(),
        limit: arguments.limit,
    });
    block_on(follow(&path, &ask, globals.output))
}

/// Without a handler of its own for Ctrl-C: the signal also ends a tap that waits for whoever reads its output.
async fn follow(path: &Path, ask: &Ask, output: Output) -> Result<(), Failure> {
    let mut connection = Connection::ask(path, ask).await?;
    loop {
        let (answer, line) = connection.next().await?;
        let text = match &answer {
            Answer::Tapping(_) if output == Output::Json => continue,
            Answer::Tapping(_) => head(),
            Answer::Message(message) => row(message),
            Answer::Missed(missed) => uncounted(missed),
            Answer::Lost(Lost { network, lost }) => format!("-- {lost} outcomes of network {} were not seen --\n", plain(network)),
            Answer::Done(_) => return Ok(()),
            _ => return Err(connection.foreign()),
        };
        let flow = match output {
            Output::Text => show(&text)?,
            Output::Json => show(&format!("{}\n", String::from_utf8_lossy(&line)))?,
        };
        if flow == ControlFlow::Break(()) {
            return Ok(());
        }
    }
}

fn head() -> String {
    line(["TIME", "NETWORK", "OUTCOME", "REASON", "WAITED", "BYTES", "TOPIC", "PEER", "ID"])
}

fn row(message: &Message) -> String {
    let waited = time(Duration::from_micros(message.waited_us));
    let peer = message.peer.as_deref().map_or("-", tail);
    let size = message.size.to_string();
    let (network, topic) = (plain(&message.network), plain(&message.topic));
    let (at, outcome, reason) = (clock(&message.at), plain(&message.outcome), plain(&message.reason));
    let said = match &message.said {
        None => String::new(),
        Some(Said { code, text }) if text.is_empty() => format!("  said {code}"),
        Some(Said { code, text }) => format!("  said {code}: {}", plain(text)),
    };
    let id = format!("{}{said}", plain(&message.id));
    line([at, &network, &outcome, &reason, &waited, &size, &topic, peer, &id])
}

fn uncounted(missed: &Missed) -> String {
    let (network, topic) = (plain(&missed.network), plain(&missed.topic));
    let (outcome, reason, what) = (plain(&missed.outcome), plain(&missed.reason), format!("{} messages", missed.count));
    line([clock(&missed.at), &network, &outcome, &reason, "-", "-", &topic, "-", &what])
}

/// One row. The widths suit most names; a longer one moves only its own line.
fn line([at, network, outcome, reason, waited, size, topic, peer, id]: [&str; 9]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{at:<12}  {network:<12}  {outcome:<7}  {reason:<17}  {waited:>8}  {size:>8}  {topic:<24}  {peer:<8}  {id}");
    text
}

/// The time of day of an RFC 3339 time.
fn clock(at: &str) -> &str {
    at.split_once('T').map_or(at, |(_, time)| time.trim_end_matches('Z'))
}

/// The end of a peer's id: the beginnings are all alike.
fn tail(peer: &str) -> &str {
    peer.char_indices().rev().nth(7).and_then(|(at, _)| peer.get(at..)).unwrap_or(peer)
}

/// In the unit that fits.
fn time(time: Duration) -> String {
    match time.as_micros() {
        micros @ 0..1_000 => format!("{micros}us"),
        micros @ 1_000..1_000_000 => format!("{:.1}ms", micros as f64 / 1_000.0),
        _ => format!("{:.2}s", time.as_secs_f64()),
    }
}
