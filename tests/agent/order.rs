//! The order of the stages in a network's file is the order in which a message meets them.

use std::fs;
use std::time::Instant;

use bytes::Bytes;
use pmq_config::{Request, load};
use pmq_pipeline::{Arrival, Peer, Pipeline, Topics};
use pmq_protocol::wire::{MessageId, Reason, Verdict};

const DECODE: &str = "[[stage]]\nuse = \"decode\"\ncodec = \"pmq\"\n";
const ADMISSION: &str = "[[stage]]\nuse = \"admission\"\nin_flight = 1\n";
const REST: &str = "[[stage]]\nuse = \"validation-queue\"\n[[stage]]\nuse = \"delivery\"\n";

/// Sends twice, from one peer, bytes that no codec can read, through the pipeline of a file with these stages.
fn outcomes(stages: &[&str]) -> Vec<(Verdict, Reason)> {
    let dir = tempfile::tempdir().unwrap();
    let head = "version = 1\nname = \"net\"\ntopics = [\"prices\"]\nsubscribe = [\"prices\"]\n";
    fs::write(dir.path().join("net.toml"), format!("{head}{}", stages.concat())).unwrap();
    let agent = dir.path().join("pmq.toml");
    fs::write(&agent, "version = 1\nnetworks = [\"net.toml\"]\n[gossip]\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\n").unwrap();
    let config = load(&Request { file: Some(agent), ..Request::default() }).unwrap_or_else(|error| panic!("{error}"));

    let mut pipeline = Pipeline::new(&config.settings.networks[0].plan, 1);
    let now = Instant::now();
    let topic = Topics::new(1).intern("prices").unwrap();
    let message = |number: u8| Arrival {
        peer: Peer(1),
        topic: topic.clone(),
        id: MessageId::new(&[number]).unwrap(),
        payload: Bytes::from_static(b"garbage"),
        arrived: now,
    };
    pipeline.arrive(&mut vec![message(1), message(2)], now).unwrap();
    pipeline.reports().iter().map(|report| (report.outcome.verdict, report.outcome.reason)).collect()
}

#[test]
fn two_stages_that_change_places_change_the_outcome() {
    // Decode first: both are read, and both are the sender's fault.
    assert_eq!(outcomes(&[DECODE, ADMISSION, REST]), [(Verdict::Reject, Reason::Malformed); 2]);
    // Admission first: the second one finds the quota of its peer taken, and is never read.
    let mut swapped = outcomes(&[ADMISSION, DECODE, REST]);
    swapped.sort_by_key(|(_, reason)| *reason as u8);
    assert_eq!(swapped, [(Verdict::Ignore, Reason::QuotaPeer), (Verdict::Reject, Reason::Malformed)]);
}
