//! `publish`: messages of the operator's, the way that a parent's go.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::task::{JoinError, JoinHandle};

use super::client::{Client, Over};
use super::{Admin, Answer, Code, Done, MAX_REQUEST, Problem, PublishAsk, PublishLine, Published, Publishing, tap};
use crate::requests::{Ask, Reply, Request, RequestError, publish_status};
use crate::{Holder, PublishOrder};
use pmq_protocol::wire::{PublishStatus, check_topic};

/// Messages of one client that may be under way. When there are so many, no further line is read.
pub const MAX_OUTSTANDING: usize = 64;
/// Payload bytes of one client that may be under way; a larger message passes alone.
pub const MAX_OUTSTANDING_BYTES: usize = 4 * 1024 * 1024;

/// What became of one: its line, its size.
type Outcome = (u64, usize, Result<Reply, RequestError>);

/// Longest line with a message of at most `max` bytes: what JSON escapes takes six bytes for one.
pub(super) fn longest_line(max: u64) -> u64 {
    max.saturating_mul(6).saturating_add(MAX_REQUEST as u64)
}

pub(super) async fn run(client: &mut Client, admin: &Admin, ask: PublishAsk) -> Result<(), Over> {
    let holder = Holder::admin();
    let result = messages(client, admin, &ask, holder).await;
    admin.directory.release(holder).await;
    result
}

async fn messages(client: &mut Client, admin: &Admin, ask: &PublishAsk, holder: Holder) -> Result<(), Over> {
    let (index, max) = place(admin, ask)?;
    client.lines.bound(usize::try_from(longest_line(max as u64)).unwrap_or(usize::MAX));
    let name = admin.directory.networks.get(index).map(|network| network.name.to_string()).unwrap_or_default();
    client.say(&Answer::Publishing(Publishing { network: name, max_message: max as u64 }));
    client.flush().await?;
    let mut under_way: FuturesUnordered<JoinHandle<Outcome>> = FuturesUnordered::new();
    let (mut line, mut bytes, mut open, mut answered) = (0, 0, true, 0);
    let mut turns = PublishOrder::default();
    while open || !under_way.is_empty() {
        let room = under_way.len() < MAX_OUTSTANDING && bytes < MAX_OUTSTANDING_BYTES;
        tokio::select! {
            biased;
            Some(ended) = under_way.next(), if !under_way.is_empty() => {
                let (line, size, result) = ended.map_err(|error| failed(&error))?;
                bytes -= size;
                answered += 1;
                client.say(&Answer::Published(published(line, result)));
                client.flush().await?;
            }
            next = client.lines.next(), if open && room => match next? {
                None => open = false,
                Some(text) => {
                    line += 1;
                    let payload = payload(line, &text)?;
                    let (this, size) = (line, payload.len());
                    bytes += size;
                    let request = Request { holder, network: index, ask: Ask::Publish(ask.topic.clone(), payload, turns.take()) };
                    let asked = admin.requests.ask(request);
                    // A task of its own: a message that is on its way to the overlay reaches own consumers, too, whether or not its client waits
                    // for the answer.
                    under_way.push(tokio::spawn(async move { (this, size, asked.await) }));
                }
            },
        }
    }
    client.say(&Answer::Done(Done { count: answered, lost: 0 }));
    client.flush().await
}

/// The network that claims the topic, which must be the one that was named, and the size of its largest message.
fn place(admin: &Admin, ask: &PublishAsk) -> Result<(usize, usize), Problem> {
    check_topic(&ask.topic).map_err(|length| Problem::new(Code::UnknownTopic, length.to_string()))?;
    let networks = &admin.directory.networks;
    let index = match &ask.network {
        Some(name) => tap::known(&admin.directory, name)?,
        None => networks.iter().position(|network| network.claims.matches(&ask.topic)).ok_or_else(|| {
            let claims: Vec<_> = networks.iter().map(|network| format!("{} {:?}", network.name, network.claims.0)).collect();
            Problem::new(Code::UnknownTopic, format!("no network claims topic {:?}; they claim: {}", ask.topic, claims.join(", ")))
        })?,
    };
    let network = networks.get(index).ok_or_else(|| Problem::new(Code::UnknownNetwork, "there is no such network"))?;
    admin.directory.topic(network, &ask.topic).map_err(|wrong| Problem::new(Code::UnknownTopic, wrong.to_string()))?;
    Ok((index, network.max_message))
}

fn payload(line: u64, text: &[u8]) -> Result<Bytes, Problem> {
    let bad = |wrong: String| Problem::new(Code::BadRequest, format!("message {line}: {wrong}"));
    match serde_json::from_slice(text).map_err(|wrong| bad(wrong.to_string()))? {
        PublishLine { text: Some(text), base64: None } => Ok(text.into()),
        PublishLine { text: None, base64: Some(text) } => {
            BASE64.decode(text).map(Bytes::from).map_err(|wrong| bad(format!("`base64` cannot be read: {wrong}")))
        }
        _ => Err(bad("it must have exactly one of `text` and `base64`".to_owned())),
    }
}

fn published(line: u64, result: Result<Reply, RequestError>) -> Published {
    let said = |status: PublishStatus, text| Published { line, status: status.as_str().to_owned(), id: None, peers: 0, text };
    match result {
        Ok(Reply::Published(out)) => {
            let status = if out.duplicate { PublishStatus::Duplicate } else { PublishStatus::Ok };
            Published { id: Some(out.id.to_string()), peers: out.eligible as u64, ..said(status, None) }
        }
        // No publish is answered so.
        Ok(Reply::Done) => said(PublishStatus::Failed, Some("answered as something else".to_owned())),
        Err(error) => said(publish_status(&error), Some(error.to_string())),
    }
}

fn failed(error: &JoinError) -> Over {
    tracing::error!(%error, "a publish of the control socket failed");
    Problem::new(Code::ShuttingDown, "a publish failed within the agent; its log says why").into()
}
