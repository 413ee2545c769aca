//! `tap`: outcomes as they happen. Resolves names and filters here, on the client's own time; the pipeline has handed over fixed records long before.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::client::{Client, Over};
use super::{Admin, Answer, Code, Done, Lost, Message, Missed, Problem, Said, TapAsk, Tapping};
use crate::directory::Directory;
use pmq_pipeline::{Claims, Peer, TapItem, TapRecord, TapSubject, TapSubscription};
use pmq_protocol::wire::Verdict;

/// Records that are written at a time.
const BURST: usize = 64;
/// Neighbours whose ids are kept; all are forgotten, and asked for again, when there are more.
const MAX_NAMES: usize = 4096;
/// Gossip has this long to name neighbours; then a message is shown without.
const NAMES_WITHIN: Duration = Duration::from_secs(1);

/// What is shown.
struct Filter {
    topics: Claims,
    outcomes: Vec<Verdict>,
}

impl Filter {
    fn new(ask: &TapAsk) -> Self {
        Self { topics: Claims(ask.topics.clone()), outcomes: ask.outcomes.iter().map(|&outcome| outcome.into()).collect() }
    }

    fn passes(&self, seen: &TapRecord) -> bool {
        (self.topics.0.is_empty() || self.topics.matches(&seen.topic.name))
            && (self.outcomes.is_empty() || self.outcomes.contains(&seen.outcome.verdict))
    }
}

/// Ids of neighbours.
#[derive(Default)]
struct Names(HashMap<Peer, Option<String>>);

impl Names {
    /// Makes sure of the neighbours of a burst, with one question for those that are new.
    async fn learn(&mut self, directory: &Directory, burst: &[(usize, TapItem)], filter: &Filter) {
        let of = |sight: &TapItem| match sight {
            TapItem::Record(seen @ TapRecord { what: TapSubject::Message { peer, .. }, .. }) if filter.passes(seen) => Some(*peer),
            _ => None,
        };
        let mut unknown: Vec<Peer> = burst.iter().filter_map(|(_, sight)| of(sight)).filter(|peer| !self.0.contains_key(peer)).collect();
        if unknown.is_empty() {
            return;
        }
        unknown.sort_unstable();
        unknown.dedup();
        if self.0.len() + unknown.len() > MAX_NAMES {
            self.0.clear();
        }
        // Without an answer the ids are asked for again with the next burst.
        if let Ok(Ok(names)) = tokio::time::timeout(NAMES_WITHIN, directory.gossip.names(unknown.clone())).await {
            self.0.extend(unknown.into_iter().zip(names));
        }
    }

    fn get(&self, peer: Peer) -> Option<String> {
        self.0.get(&peer).cloned().flatten()
    }
}

/// Counts the tap while it is open.
struct Counted(metrics::Gauge);

impl Counted {
    fn new() -> Self {
        let taps = metrics::gauge!("pmq_taps");
        taps.increment(1.0);
        Self(taps)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

pub(super) async fn run(client: &mut Client, admin: &Admin, ask: TapAsk) -> Result<(), Over> {
    let directory = &admin.directory;
    let chosen = choose(directory, &ask.networks)?;
    let filter = Filter::new(&ask);
    // Before the client is told, so that whatever happens after that is seen.
    let looks = chosen.iter().filter_map(|&index| Some(sights(index, directory.networks.get(index)?.tap.look())));
    let mut sights = stream::select_all(looks).ready_chunks(BURST);
    let _counted = Counted::new();
    let networks = chosen.iter().filter_map(|&index| Some(directory.networks.get(index)?.name.to_string())).collect();
    client.say(&Answer::Tapping(Tapping { networks }));
    client.flush().await?;
    let (mut names, mut done) = (Names::default(), Done { count: 0, lost: 0 });
    while ask.limit.is_none_or(|limit| done.count < limit) {
        let burst = tokio::select! {
            burst = sights.next() => burst.unwrap_or_default(),
            line = client.lines.next() => match line? {
                None => return Err(Over::Left),
                Some(_) => return Err(Problem::new(Code::BadRequest, "a tap takes no further lines").into()),
            },
        };
        names.learn(directory, &burst, &filter).await;
        for (index, sight) in burst {
            let Some(network) = directory.networks.get(index) else { continue };
            match sight {
                TapItem::Lost(lost) => {
                    done.lost += lost;
                    metrics::counter!("pmq_tap_lost_total", "network" => network.name.to_string()).increment(lost);
                    client.say(&Answer::Lost(Lost { network: network.name.to_string(), lost }));
                }
                TapItem::Record(seen) if filter.passes(&seen) && ask.limit.is_none_or(|limit| done.count < limit) => {
                    done.count += 1;
                    client.say(&shown(&network.name, seen, &names));
                }
                TapItem::Record(_) => {}
            }
        }
        client.flush().await?;
    }
    client.say(&Answer::Done(done));
    client.flush().await
}

/// The networks of those names, or all.
fn choose(directory: &Directory, names: &[String]) -> Result<Vec<usize>, Problem> {
    if names.is_empty() {
        return Ok((0..directory.networks.len()).collect());
    }
    let mut chosen = names.iter().map(|name| known(directory, name)).collect::<Result<Vec<_>, _>>()?;
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

/// The network of that name.
pub(super) fn known(directory: &Directory, name: &str) -> Result<usize, Problem> {
    directory.network(name).map(|(index, _)| index).ok_or_else(|| {
        let known: Vec<_> = directory.networks.iter().map(|network| &*network.name).collect();
        Problem::new(Code::UnknownNetwork, format!("there is no network {name:?}; this agent has {}", known.join(", ")))
    })
}

fn sights(index: usize, look: TapSubscription) -> BoxStream<'static, (usize, TapItem)> {
    stream::unfold(look, move |mut look| async move { Some(((index, look.next().await?), look)) }).boxed()
}

fn shown(network: &str, seen: TapRecord, names: &Names) -> Answer {
    let TapRecord { topic, outcome, ended, what } = seen;
    let at = clock(ended);
    let (network, topic) = (network.to_owned(), topic.name.to_string());
    let (reason, outcome) = (outcome.reason.as_str().to_owned(), outcome.verdict.as_str().to_owned());
    match what {
        TapSubject::Missed(count) => Answer::Missed(Missed { at, network, topic, count, outcome, reason }),
        TapSubject::Message { peer, id, size, arrived, said } => {
            let waited_us = micros(ended.saturating_duration_since(arrived));
            let verdict_us = said.as_ref().map(|said| micros(said.took));
            let said = said.filter(|said| said.code != 0 || said.text.is_some());
            let said = said.map(|said| Said { code: said.code, text: said.text.as_deref().unwrap_or_default().to_owned() });
            Answer::Message(Message {
                at,
                network,
                topic,
                id: id.to_string(),
                peer: names.get(peer),
                size,
                outcome,
                reason,
                waited_us,
                verdict_us,
                said,
            })
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The time of day of an instant that was a moment ago. Only for the eye: nothing is decided by it.
fn clock(then: Instant) -> String {
    humantime::format_rfc3339_millis(SystemTime::now() - then.elapsed()).to_string()
}
