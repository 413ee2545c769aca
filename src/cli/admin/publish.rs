//! `pmq publish`: lines as messages.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use tokio::time::Interval;

use super::connection::Connection;
use super::input::{self, Encoding};
use super::table::{counts, plain};
use super::{Where, block_on, interrupted};
use crate::cli::output::{note, print};
use crate::cli::{Exit, Failure, Globals, Output};
use pmq_agent::admin::{Answer, Ask, PublishAsk, PublishLine, Published};

/// Lines that may be under way without an answer. At the bound no further line is sent, which the summary's time shows.
const WAITING: u64 = 256;
/// Failures that are told in words.
const TOLD: usize = 5;

/// Arguments of `pmq publish`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each line is a message, without its newline; an empty line is an empty message. It goes the way that a parent's message goes: what neighbours \
would reject as malformed is not sent, and own consumers get it where the network says so. Exit code 0 if all went out (a message that the overlay \
has already counts as that), 1 if not, and 130 if Ctrl-C has cut it short.

  echo hello | pmq publish weather.reports
  pmq publish weather.reports messages.hex --hex --rate 50")]
pub(crate) struct Args {
    /// The topic
    topic: String,
    /// The file with the lines; else, or for -, standard input
    file: Option<PathBuf>,
    /// Messages a second, whether or not earlier ones are answered; without, as fast as the agent takes them
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,
    /// Refuses to publish unless this network claims the topic
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// Lines are base64
    #[arg(long, conflicts_with = "hex")]
    base64: bool,
    /// Lines are hexadecimal digits
    #[arg(long)]
    hex: bool,
    #[command(flatten)]
    place: Where,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("take a number of messages a second, from 0.001 to 1000000".to_owned()),
    }
}

/// What became of the lines.
#[derive(Debug, Default)]
pub(super) struct Summary {
    lines: u64,
    answered: u64,
    sent: u64,
    duplicate: u64,
    failed: BTreeMap<String, u64>,
    /// Fewest and most peers of a message that was sent.
    peers: Option<(u64, u64)>,
    /// The first failures in words.
    errors: Vec<String>,
}

impl Summary {
    pub(super) fn count(&mut self, published: &Published) {
        self.answered += 1;
        match published.status.as_str() {
            "ok" => {
                self.sent += 1;
                let (least, most) = self.peers.unwrap_or((published.peers, published.peers));
                self.peers = Some((least.min(published.peers), most.max(published.peers)));
            }
            "duplicate" => self.duplicate += 1,
            status => self.fail(published.line, status, published.text.as_deref().unwrap_or_default()),
        }
    }

    fn fail(&mut self, line: u64, status: &str, text: &str) {
        *self.failed.entry(status.to_owned()).or_default() += 1;
        if self.errors.len() < TOLD {
            self.errors.push(format!("line {line}: {}: {}", plain(status), plain(text)));
        }
    }

    pub(super) fn text(&self, took: Duration) -> String {
        let mut text = format!("{} sent", self.sent);
        match self.peers {
            Some((least, most)) if least == most => text += &format!(" to {least} peer{}", if least == 1 { "" } else { "s" }),
            Some((least, most)) => text += &format!(" to {least} to {most} peers"),
            None => {}
        }
        if self.duplicate > 0 {
            text += &format!(", {} duplicate", self.duplicate);
        }
        if !self.failed.is_empty() {
            text += &format!(", {} failed ({})", self.failed.values().sum::<u64>(), counts(&self.failed));
        }
        text + &format!(", in {:.2}s\n", took.as_secs_f64())
    }

    fn json(&self, took: Duration) -> String {
        let peers = self.peers.map(|(least, most)| json!({ "least": least, "most": most }));
        json!({
            "lines": self.lines, "sent": self.sent, "duplicate": self.duplicate, "failed": self.failed,
            "peers": peers, "errors": self.errors, "seconds": took.as_secs_f64(),
        })
        .to_string()
    }
}

pub(crate) fn run(arguments: &Args, globals: &Globals) -> Result<(), Failure> {
    let path = arguments.place.path(globals)?;
    let input = input::open(arguments.file.as_deref())?;
    let mut summary = Summary::default();
    let started = Instant::now();
    let ended = block_on(publish(&path, arguments, input, &mut summary));
    // Nothing was sent: the failure says all.
    if summary.lines == 0 && ended.is_err() {
        return ended;
    }
    for line in summary.answered..summary.lines {
        summary.fail(line + 1, "unanswered", "the connection has ended; it may have been sent");
    }
    match globals.output {
        Output::Text => {
            print(&summary.text(started.elapsed()))?;
            summary.errors.iter().for_each(|error| note(error));
        }
        Output::Json => print(&summary.json(started.elapsed()))?,
    }
    ended?;
    if summary.failed.is_empty() { Ok(()) } else { Err(Failure::said(Exit::Failed)) }
}

async fn publish(path: &Path, arguments: &Args, input: Box<dyn Read + Send>, summary: &mut Summary) -> Result<(), Failure> {
    let ask = Ask::Publish(PublishAsk { topic: arguments.topic.clone(), network: arguments.network.clone() });
    let mut connection = Connection::ask(path, &ask).await?;
    let largest = match connection.next().await? {
        (Answer::Publishing(publishing), _) => usize::try_from(publishing.max_message).unwrap_or(usize::MAX),
        _ => return Err(connection.foreign()),
    };
    let encoding = match (arguments.base64, arguments.hex) {
        (true, _) => Encoding::Base64,
        (_, true) => Encoding::Hex,
        _ => Encoding::Raw,
    };
    // What is a little too large is the agent's to refuse; both encodings take two bytes for one at most.
    let mut lines = input::lines(input, largest.saturating_mul(2).saturating_add(1024))?;
    let mut pace = arguments.rate.map(|rate| tokio::time::interval(Duration::from_secs_f64(1.0 / rate)));
    let (mut open, mut due) = (true, pace.is_none());
    let mut interrupted = pin!(interrupted());
    // A line that is no message ends the input; what was sent before it is still answered.
    let mut wrong = None;
    loop {
        let room = summary.lines - summary.answered < WAITING;
        tokio::select! {
            biased;
            () = &mut interrupted => return Err(Failure::new(Exit::Interrupted, "interrupted")),
            answer = connection.next() => match answer? {
                (Answer::Published(published), _) => summary.count(&published),
                (Answer::Done(_), _) if !open => return wrong.map_or(Ok(()), Err),
                _ => return Err(connection.foreign()),
            },
            () = tick(&mut pace), if !due => due = true,
            line = lines.recv(), if open && due && room => {
                due = pace.is_none();
                match line.map(|line| message(summary.lines + 1, line, encoding)) {
                    Some(Ok(message)) => {
                        summary.lines += 1;
                        // It fails when the agent has closed: what it has said before that is read next.
                        let _ = connection.send(message.as_bytes()).await;
                    }
                    end => {
                        wrong = end.and_then(Result::err);
                        open = false;
                        connection.finish().await;
                    }
                }
            }
        }
    }
}

/// The next time for a message. Missed ones are made up for, so that the rate holds on average.
async fn tick(pace: &mut Option<Interval>) {
    if let Some(pace) = pace {
        pace.tick().await;
    }
}

fn message(number: u64, line: io::Result<Vec<u8>>, encoding: Encoding) -> Result<String, Failure> {
    let wrong = |what: String| Failure::new(Exit::Data, format!("line {number} {what}; nothing from there on was sent"));
    let payload = encoding.decode(line.map_err(|error| wrong(error.to_string()))?).map_err(wrong)?;
    Ok(json!(PublishLine { text: None, base64: Some(BASE64.encode(payload)) }).to_string())
}
