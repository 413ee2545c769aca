//! Random schedules over whole roads (promises 1).

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::plan;
use super::world::{World, payload};
use pmq_pipeline::{LinkId, QueueEvent};
use pmq_protocol::wire::{Reason, Ticket, Verdict, Window};

#[derive(Debug, Clone)]
struct Message {
    peer: u32,
    topic: u32,
    origin: u8,
    seq: u64,
    content: u8,
    size: usize,
    garbage: bool,
}

#[derive(Debug, Clone, Copy)]
enum From {
    Holder,
    Other(u8),
    Gone,
}

#[derive(Debug, Clone)]
enum Step {
    Arrive(Vec<Message>),
    Own,
    /// Window, and the place of the group in the chain; in a network without groups it is all one.
    Attach(u32, u64, usize),
    Shadow(u32, u64),
    Detach(Index),
    Pause(Index, bool),
    Window(Index, u32, u64),
    Released(Index, u32),
    HandOut,
    /// A verdict for any offer ever made: so also for one that has its verdict, or whose deadline is over.
    Verdict(Index, From, Verdict),
    /// A shadow's verdict for any offer ever made to one, by it or by another one.
    ShadowSays(Index, Option<Index>, Verdict),
    /// A ticket that nobody was given.
    Unknown(u64, Verdict),
    Settle,
    Pass(u64),
}

fn message() -> impl Strategy<Value = Message> {
    let seq = prop_oneof![8 => 0..24_u64, 1 => Just(u64::MAX), 1 => 1_000..1_010_u64];
    let size = prop_oneof![6 => Just(10_usize), 2 => Just(40), 1 => Just(900), 1 => Just(70_000)];
    (0..3_u32, prop_oneof![9 => 0..2_u32, 1 => Just(99)], 0..3_u8, seq, 0..2_u8, size, prop::bool::weighted(0.05))
        .prop_map(|(peer, topic, origin, seq, content, size, garbage)| Message { peer, topic, origin, seq, content, size, garbage })
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![6 => Just(Verdict::Accept), 1 => Just(Verdict::Ignore), 2 => Just(Verdict::Reject)]
}

fn step() -> impl Strategy<Value = Step> {
    let from = prop_oneof![8 => Just(From::Holder), 1 => any::<u8>().prop_map(From::Other), 1 => Just(From::Gone)];
    prop_oneof![
        8 => prop::collection::vec(message(), 1..6).prop_map(Step::Arrive),
        1 => Just(Step::Own),
        2 => (0..8_u32, 0..2_000_u64, 0..2_usize).prop_map(|(messages, bytes, group)| Step::Attach(messages, bytes, group)),
        1 => (0..8_u32, 0..2_000_u64).prop_map(|(messages, bytes)| Step::Shadow(messages, bytes)),
        4 => (any::<Index>(), prop::option::weighted(0.2, any::<Index>()), verdict()).prop_map(|(which, by, verdict)| Step::ShadowSays(which, by, verdict)),
        1 => any::<Index>().prop_map(Step::Detach),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(who, paused)| Step::Pause(who, paused)),
        1 => (any::<Index>(), 0..8_u32, 0..2_000_u64).prop_map(|(who, messages, bytes)| Step::Window(who, messages, bytes)),
        3 => (any::<Index>(), 1..4_u32).prop_map(|(who, messages)| Step::Released(who, messages)),
        8 => Just(Step::HandOut),
        12 => (any::<Index>(), from, verdict()).prop_map(|(which, from, verdict)| Step::Verdict(which, from, verdict)),
        1 => (any::<u64>(), verdict()).prop_map(|(ticket, verdict)| Step::Unknown(ticket, verdict)),
        6 => Just(Step::Settle),
        4 => prop_oneof![0..30_u64, 0..150_u64, Just(400)].prop_map(Step::Pass),
    ]
}

fn apply(world: &mut World, step: Step) -> Result<(), TestCaseError> {
    let pick = |world: &World, index: &Index| {
        let all: Vec<LinkId> = world.links.iter().chain(&world.shadows).copied().collect();
        (!all.is_empty()).then(|| *index.get(&all))
    };
    match step {
        Step::Arrive(messages) => world.arrive(messages.into_iter().map(|message| {
            let bytes =
                if message.garbage { vec![7; message.size] } else { payload(message.origin, message.seq, message.content, message.size) };
            (message.peer, message.topic, bytes)
        }))?,
        Step::Own => world.own(payload(9, 1, 1, 10)),
        Step::Attach(messages, bytes, group) if world.links.len() < 4 => world.attach(messages, bytes, group),
        Step::Shadow(messages, bytes) if world.shadows.len() < 2 => world.shadow(messages, bytes),
        Step::Shadow(..) => {}
        Step::ShadowSays(which, by, verdict) => {
            if !world.shown.is_empty() && !world.shadows.is_empty() {
                let (to, ticket) = *which.get(&world.shown);
                let link = by.map_or(to, |by| *by.get(&world.shadows));
                world.shadow_says(link, ticket, verdict)?;
            }
        }
        Step::Attach(..) => {}
        Step::Detach(who) => {
            if let Some(link) = pick(world, &who) {
                world.detach(link);
            }
        }
        Step::Pause(who, paused) => {
            if let Some(link) = pick(world, &who) {
                world.pipeline.queue.pause(link, paused);
            }
        }
        Step::Window(who, messages, bytes) => {
            if let Some(link) = pick(world, &who) {
                world.pipeline.queue.window(link, Window { messages, bytes });
            }
        }
        Step::Released(who, messages) => {
            if let Some(link) = pick(world, &who) {
                world.pipeline.queue.released(link, messages, 100);
            }
        }
        Step::HandOut => world.hand_out()?,
        Step::Verdict(which, from, verdict) => {
            if !world.offers.is_empty() {
                let (holder, ticket, _) = *which.get(&world.offers);
                let link = match from {
                    From::Holder => holder,
                    From::Other(other) => LinkId(u32::from(other)),
                    From::Gone => world.gone.last().copied().unwrap_or(LinkId(0)),
                };
                world.verdict(link, ticket, verdict)?;
            }
        }
        Step::Unknown(ticket, verdict) => world.verdict(LinkId(1), Ticket(ticket), verdict)?,
        Step::Settle => world.pipeline.settle(world.now).unwrap(),
        Step::Pass(ms) => world.pass(Duration::from_millis(ms)),
    }
    world.check()
}

fn run(text: &str, steps: Vec<Step>) -> Result<World, TestCaseError> {
    let mut world = World::new(&plan(text));
    for step in steps {
        apply(&mut world, step)?;
    }
    world.finish()?;
    Ok(world)
}

const WHOLE: &str = r#"
[[stage]]
use = "admission"
rate = 20
burst = 8
in_flight = 6
in_flight_total = 12
[[stage]]
use = "decode"
codec = "pmq"
[[stage]]
use = "admission"
by = "origin"
rate = 300
burst = 60
in_flight = 5
[[stage]]
use = "sequence-window"
skip = 4
validity = 16
window = 64
origins = 2
warm_after = 1
[[stage]]
use = "validation-queue"
deadline = "200ms"
max_messages = 8
max_bytes = "2KiB"
FALLBACK
[[stage]]
use = "delivery"
"#;

const BARE: &str = r#"
[[stage]]
use = "validation-queue"
deadline = "200ms"
max_messages = 8
max_bytes = "2KiB"
[[stage]]
use = "delivery"
"#;

/// Two groups in a chain.
const CHAIN: &str = "groups = [\"format\", \"content\"]";

const TRUSTING: &str = r#"fallback = { no_verifier = "accept-unverified", queue_full = "accept-unverified", timeout = "accept-unverified", paused = "accept-unverified", verifier_lost = "accept-unverified" }"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn outcomes_add_up_on_a_whole_road(steps in prop::collection::vec(step(), 1..120)) {
        run(&WHOLE.replace("FALLBACK", ""), steps)?;
    }

    #[test]
    fn outcomes_add_up_on_a_bare_road(steps in prop::collection::vec(step(), 1..120)) {
        run(BARE, steps)?;
    }

    #[test]
    fn outcomes_add_up_on_a_road_with_a_chain(steps in prop::collection::vec(step(), 1..120)) {
        run(&WHOLE.replace("FALLBACK", CHAIN), steps)?;
    }

    #[test]
    fn outcomes_add_up_where_unverified_messages_are_accepted(steps in prop::collection::vec(step(), 1..120)) {
        run(&WHOLE.replace("FALLBACK", TRUSTING), steps)?;
    }
}

/// The schedules above are worth something only if they lead everywhere.
#[test]
fn the_schedules_reach_every_end() {
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec(step(), 60..120);
    let (mut ends, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..300 {
        let steps = strategy.new_tree(&mut runner).unwrap().current();
        let world = run(&WHOLE.replace("FALLBACK", ""), steps).unwrap();
        ends.extend(world.reports.values().map(|outcome| outcome.reason as u8));
        refused.extend(world.refused);
    }
    let expected = [
        Reason::Verified,
        Reason::TopicUnknown,
        Reason::TooLarge,
        Reason::QuotaPeer,
        Reason::QuotaOrigin,
        Reason::QuotaTotal,
        Reason::RatePeer,
        Reason::Malformed,
        Reason::Duplicate,
        Reason::Conflict,
        Reason::Stale,
        Reason::Expired,
        Reason::NoVerifier,
        Reason::QueueFull,
        Reason::Timeout,
        Reason::Paused,
        Reason::VerifierLost,
        Reason::Shutdown,
    ];
    let missing: Vec<Reason> = expected.into_iter().filter(|&reason| !ends.contains(&(reason as u8))).collect();
    assert!(missing.is_empty(), "no schedule ended in {missing:?}");
    assert_eq!(refused, BTreeSet::from([1, 2, 3, 4]), "unknown, duplicate, late, stale session");
}

#[test]
fn the_schedules_reach_conflicts_and_comparisons() {
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec(step(), 60..120);
    let (mut conflicts, mut accepts, mut compared) = (0, 0, 0);
    for _ in 0..300 {
        let steps = strategy.new_tree(&mut runner).unwrap().current();
        let mut world = run(&WHOLE.replace("FALLBACK", CHAIN), steps).unwrap();
        conflicts += world.reports.values().filter(|outcome| outcome.reason == Reason::VerifierConflict).count();
        accepts += world.reports.values().filter(|outcome| outcome.verdict == Verdict::Accept).count();
        compared += world.pipeline.queue.news().iter().filter(|news| matches!(news, QueueEvent::Compared(_))).count();
    }
    assert!(conflicts > 0 && accepts > 0 && compared > 0, "{conflicts} conflicts, {accepts} accepts, {compared} comparisons");
}
