//! Bytes that are no frames, or none of ours, from a socket that no library writes to.

use pmq_client::RefuseCode;
use pmq_protocol::wire::{Frame, Kind, PREFIX, Prefix, SessionId};

use crate::rig::hand::Hand;
use crate::rig::raw::{Raw, bytes_of};
use crate::rig::{Agent, Asks, Bench, Setting, text};

cases! {
    garbage: "Bytes that are no frame end that session, which is told so; another parent's goes on.",
    truncated: "A frame that ends early ends that session, which is told so; another parent's goes on.",
    oversized: "A frame that announces more than the limit ends that session at once, which is told so, and nothing is allocated for it; another parent's goes on.",
    nonsense: "A sound prefix in front of nonsense ends that session, which is told so; another parent's goes on.",
    before_the_hello: "A frame before the hello belongs to no session: it is refused and has no effect, and a hello is still welcome.",
    out_of_order: "A second hello and a frame that only agents send end that session, which is told so; another parent's goes on.",
}

/// Bytes of a hello's head, as `docs/wire.md` says.
const HEAD: usize = 52;

/// A parent that must not notice anything.
struct Bystander {
    consumer: Hand,
    _verifier: pmq_client::Client,
    messages: usize,
}

impl Bystander {
    async fn attach(agent: &Agent) -> Self {
        Self { _verifier: agent.accepting().await, consumer: agent.hand(Asks::consume()).await, messages: 0 }
    }

    async fn is_well(&mut self, bench: &Bench) {
        bench.publish_numbers(self.messages..self.messages + 1).await;
        assert_eq!(self.consumer.messages(1).await, [text(self.messages)]);
        self.consumer.settled().await;
        assert!(self.consumer.refusals.is_empty());
        self.messages += 1;
    }
}

fn hello() -> Vec<u8> {
    bytes_of(&Asks::consume().hello())
}

async fn garbage(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut other = Bystander::attach(&agent).await;
    for bytes in [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), vec![0xff; 4_096], vec![0; PREFIX]] {
        let mut raw = Raw::dial(&agent).await;
        raw.say(&bytes).await;
        let (code, text) = raw.refused().await;
        assert!(matches!(code, RefuseCode::Malformed | RefuseCode::Version), "{code}: {text}");
        other.is_well(bench).await;
    }
    // Where the transport has a greeting of its own, garbage may come before it.
    Raw::noise(&agent, &[0xaa; 200]).await;
    other.is_well(bench).await;
    // In the middle of a session it is no better.
    let mut raw = Raw::dial(&agent).await;
    raw.say(&hello()).await;
    raw.say(&[0xee; 300]).await;
    let (code, text) = raw.refused().await;
    assert!(matches!(code, RefuseCode::Malformed | RefuseCode::OutOfOrder | RefuseCode::Version), "{code}: {text}");
    other.is_well(bench).await;
}

async fn truncated(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut other = Bystander::attach(&agent).await;
    let hello = hello();
    for cut in [PREFIX + 1, PREFIX + 40, hello.len() - 1] {
        let mut raw = Raw::dial(&agent).await;
        raw.say_half(&hello[..cut]).await;
        let (code, text) = raw.refused().await;
        assert_eq!(code, RefuseCode::Malformed, "{cut}: {text}");
        other.is_well(bench).await;
    }
    // Nobody is left to be told.
    Raw::dial(&agent).await.break_off(&hello[..PREFIX + 10]).await;
    other.is_well(bench).await;
    agent.metric_when("pmq_attach_sessions", &[], 2).await;
}

/// The process's address space, in bytes: a buffer counts from its allocation on, not from its first use.
fn address_space(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

async fn oversized(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut other = Bystander::attach(&agent).await;
    let before = address_space(agent.pid());
    let sizes = [("payloads", 0, u32::MAX), ("payloads", 0, (16 << 20) + 1), ("headers", u32::MAX - 100, 0), ("headers", 256 << 10, 0)];
    for (part, names, payloads) in sizes {
        let prefix = Prefix { kind: Kind::Hello, count: 1, archive: HEAD as u32 + 8, names, payloads, session: SessionId(0) };
        let mut raw = Raw::dial(&agent).await;
        raw.say(&[&prefix.write()[..], &[0; 100]].concat()).await;
        let (code, text) = raw.refused().await;
        assert_eq!(code, RefuseCode::Malformed, "{text}");
        // A call's messages have one length for both.
        assert!((text.starts_with(part) || text.starts_with("message")) && text.contains("are allowed"), "{text}");
        other.is_well(bench).await;
    }
    let grown = address_space(agent.pid()).saturating_sub(before);
    assert!(grown < 2 << 30, "{grown} bytes for 4 GiB that were announced and never came");
}

async fn nonsense(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut other = Bystander::attach(&agent).await;
    let sound = hello();
    let changed = |at: usize, to: u8| {
        let mut bytes = sound.clone();
        bytes[at] = to;
        bytes
    };
    let root = PREFIX + HEAD;
    let cases = [
        ("an archive of ones", [&sound[..PREFIX], &vec![0xff; sound.len() - PREFIX]].concat()),
        ("roles that nobody knows", changed(PREFIX + 2, 0xff)),
        ("a policy that nobody knows", changed(PREFIX + 3, 9)),
        ("a root that points elsewhere", changed(root, 0)),
        ("a count that is not the prefix's", changed(root + 4, 9)),
        ("names that do not add up", changed(PREFIX + 44, 200)),
        ("a name that is no text", changed(sound.len() - 1, 0xff)),
    ];
    for (what, bytes) in cases {
        let mut raw = Raw::dial(&agent).await;
        raw.say(&bytes).await;
        let (code, text) = raw.refused().await;
        assert!(matches!(code, RefuseCode::Malformed | RefuseCode::Version), "{what}: {code}: {text}");
        other.is_well(bench).await;
    }
}

async fn before_the_hello(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut early = Hand::dial(&agent).await;
    early.ack(1);
    let refusal = early.refusal().await;
    assert_eq!((refusal.code, refusal.fatal), (RefuseCode::StaleSession, false), "{refusal:?}");
    early.settled().await;
    early.send_frame(Asks::consume().hello());
    early.when("the welcome", |early| (early.session != SessionId(0)).then_some(())).await;
    let _verifier = agent.accepting().await;
    bench.publish_numbers(0..1).await;
    assert_eq!(early.messages(1).await, [text(0)]);
}

async fn out_of_order(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut other = Bystander::attach(&agent).await;
    let twice = agent.hand(Asks::consume()).await;
    twice.send_frame(with_session(Asks::consume().hello(), twice.session));
    let mut disguised = agent.hand(Asks::consume()).await;
    disguised.send([pmq_protocol::wire::message::Done { network: 0, request: 1 }]);
    for (what, mut hand) in [("twice", twice), ("disguised", disguised)] {
        let end = hand.end().await;
        assert_eq!(end.code, RefuseCode::OutOfOrder, "{what}: {end:?}");
        other.is_well(bench).await;
    }
}

fn with_session(mut frame: Frame, session: SessionId) -> Frame {
    frame.prefix.session = session;
    frame
}
