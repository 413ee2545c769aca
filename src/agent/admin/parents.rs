//! `parents`: who is attached, and how they stand.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::sync::oneshot;

use super::client::{Client, Over};
use super::{Admin, Answer, Consuming, Credit, Done, OnNetwork, Parent, Verifying};
use crate::directory::Network;
use crate::parents::{Place, SessionInfo};
use pmq_pipeline::{ConsumerView, DriverMessage, LinkId, LinkView, VerifierView};
use pmq_protocol::wire::{Outstanding, Roles, Window};

/// A driver has this long to say how its links stand.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What one driver says, by link; `None` if it says nothing in time.
type Views = Option<HashMap<LinkId, LinkView>>;

pub(super) async fn run(client: &mut Client, admin: &Admin) -> Result<(), Over> {
    let sittings = admin.registry.list();
    let wanted: BTreeSet<usize> = sittings.iter().flat_map(|info| info.places.iter().map(|place| place.network)).collect();
    let networks = &admin.directory.networks;
    let asked = wanted.into_iter().filter_map(|index| Some((index, networks.get(index)?)));
    let views: HashMap<usize, Views> =
        futures::future::join_all(asked.map(async |(index, network)| (index, inspect(network).await))).await.into_iter().collect();
    let count = sittings.len() as u64;
    for info in sittings {
        let parent = parent(info, |index| Some((networks.get(index)?.name.to_string(), views.get(&index)?.as_ref())));
        client.say(&Answer::Parent(parent));
        client.flush().await?;
    }
    client.say(&Answer::Done(Done { count, lost: 0 }));
    client.flush().await
}

async fn inspect(network: &Network) -> Views {
    let (answer, answered) = oneshot::channel();
    let asked = async {
        network.ups.send(DriverMessage::Inspect(answer)).await.ok()?;
        answered.await.ok()
    };
    let views = tokio::time::timeout(ANSWER_WITHIN, asked).await.ok()??;
    Some(views.into_iter().map(|view| (view.link, view)).collect())
}

fn parent<'v>(info: SessionInfo, network: impl Fn(usize) -> Option<(String, Option<&'v HashMap<LinkId, LinkView>>)>) -> Parent {
    let SessionInfo { session, who, over, software, since, places, counts } = info;
    let refused = [
        ("unknown-ticket", counts.unknown_tickets),
        ("stale-session", counts.stale_frames),
        ("not-granted", counts.not_granted),
        ("rate", counts.rate),
    ];
    let networks = places.into_iter().filter_map(|place| {
        let (name, views) = network(place.network)?;
        Some(on_network(name, place, views))
    });
    Parent {
        session: format!("{:016x}", session.0),
        who: who.to_string(),
        over: over.to_string(),
        software,
        since_s: since.elapsed().as_secs_f64(),
        refused: refused.into_iter().filter(|(_, count)| *count > 0).map(|(why, count)| (why.to_owned(), count)).collect(),
        networks: networks.collect(),
    }
}

fn on_network(network: String, place: Place, views: Option<&HashMap<LinkId, LinkView>>) -> OnNetwork {
    // A link that its driver does not know has just come or gone.
    let view = views.and_then(|views| views.get(&place.link));
    let counts = |counts: &mut dyn Iterator<Item = (&'static str, u64)>| counts.map(|(why, count)| (why.to_owned(), count)).collect();
    OnNetwork {
        network,
        roles: roles(place.roles),
        verify: view.and_then(|view| Some(verifying(view.verify.as_ref()?, counts(&mut view.refused.iter())))),
        consume: view.and_then(|view| Some(consuming(view.consume.as_ref()?, counts(&mut view.dropped.iter())))),
        silent: views.is_none(),
    }
}

fn verifying(view: &VerifierView, refused: std::collections::BTreeMap<String, u64>) -> Verifying {
    Verifying {
        group: view.group.to_string(),
        shadow: view.shadow,
        window: window(view.window),
        outstanding: outstanding(view.outstanding),
        paused: view.paused,
        refused,
    }
}

fn consuming(view: &ConsumerView, dropped: std::collections::BTreeMap<String, u64>) -> Consuming {
    Consuming {
        name: view.name.to_string(),
        policy: view.policy.as_str().to_owned(),
        window: window(view.window),
        outstanding: outstanding(view.outstanding),
        acked: view.acked,
        sent: view.sent,
        lag: view.lag,
        dropped,
    }
}

fn roles(roles: Roles) -> Vec<String> {
    let all = [(Roles::VERIFY, "verify"), (Roles::CONSUME, "consume"), (Roles::PRODUCE, "produce"), (Roles::SHADOW, "shadow")];
    all.into_iter().filter(|(role, _)| roles.contains(*role)).map(|(_, name)| name.to_owned()).collect()
}

fn window(window: Window) -> Credit {
    Credit { messages: window.messages, bytes: window.bytes }
}

fn outstanding(outstanding: Outstanding) -> Credit {
    Credit { messages: outstanding.messages, bytes: outstanding.bytes }
}
