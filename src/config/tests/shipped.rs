//! The files under `configs/` work.

use std::path::Path;

use super::{load, request};

fn shipped(flags: &[&str]) -> super::Config {
    load(&request(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/minimal.toml"), &[], flags)).unwrap()
}

#[test]
fn the_minimal_files_are_minimal() {
    let config = shipped(&[]);
    assert_eq!(config.settings.networks.len(), 1);
    assert_eq!(config.settings.networks[0].plan.front.len(), 0);
    assert_eq!(config.warnings, []);
    for text in [include_str!("../../../configs/minimal.toml"), include_str!("../../../configs/minimal-network.toml")] {
        assert!(text.lines().count() < 15);
    }
}

#[test]
fn the_oracle_networks_load_together() {
    let config = shipped(&["networks=[\"weather.toml\", \"quakes.toml\", \"flights.toml\"]"]);
    assert_eq!(config.settings.networks.iter().map(|network| network.name.as_str()).collect::<Vec<_>>(), ["weather", "quakes", "flights"]);
    assert_eq!(config.warnings, []);
    for network in &config.settings.networks {
        assert_eq!(network.plan.front.iter().map(|stage| stage.name()).collect::<Vec<_>>(), ["admission", "decode", "sequence-window"]);
        assert_eq!(network.plan.queue.deadline(), std::time::Duration::from_secs(4));
        assert!(network.subscribe.iter().all(|topic| network.claims.matches(topic)));
    }
}

#[test]
fn the_files_for_high_throughput_load() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/high-throughput.toml");
    let config = load(&request(&files, &[], &[])).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!(config.settings.attach.zeromq.bind.len(), 1);
    assert!(config.notes()[0].contains("enormous frame") && config.notes()[1].contains("handshake"));
    assert!(shipped(&[]).notes().is_empty(), "without ZeroMQ there is no exception");
    assert!(config.memory()[0].items.iter().any(|item| item.what == "inboxes of zeromq" && item.bytes == 8 * (32 << 20)));
    let quic = config.memory()[0].items.iter().find(|item| item.what == "windows of peers over QUIC").cloned().unwrap();
    assert_eq!((quic.bytes, quic.bound), (64 * ((6 << 20) + 10_000_000), true));
    assert!(config.settings.gossip.listen.iter().any(|address| address.ends_with("/quic-v1")), "it listens on both");
}

#[test]
fn memory_is_estimated_for_every_bounded_room() {
    let config = shipped(&["networks=[\"weather.toml\"]"]);
    let estimates = config.memory();
    let items: Vec<_> = estimates.iter().flat_map(|estimate| estimate.items.iter().map(|item| item.what.as_str())).collect();
    let expected = [
        "the agent itself",
        "windows of parents",
        "frames of parents",
        "arrivals",
        "taps",
        "clients of the control socket",
        "send queues of peers",
        "message cache",
        "duplicate cache",
        "score records",
        "admission",
        "decode",
        "sequence-window",
        "validation-queue",
        "delivery",
    ];
    assert_eq!(items, expected);
    // 20 messages a second of 1 KiB for 8 heartbeats, and the figures grow with the rate.
    let cache = |config: &super::Config| config.memory()[1].items[0].bytes;
    assert!(cache(&config) >= 20 * 8 * 1024);
    let faster =
        shipped(&["networks=[\"weather.toml\"]", "network.weather.expected_rate=13600.0", "network.weather.expected_size=\"4KiB\""]);
    assert!((400_000_000..600_000_000).contains(&cache(&faster)), "{}", cache(&faster));
}

#[test]
fn an_estimate_has_room_for_everything_that_may_be_set() {
    let huge = pmq_protocol::setting::MAX_SIZE;
    let config = shipped(&[
        "networks=[\"weather.toml\"]",
        &format!("network.weather.stage.delivery.ring_bytes={huge}"),
        &format!("network.weather.stage.validation_queue.max_bytes={huge}"),
    ]);
    let estimates = config.memory();
    let ring = estimates[1].items.iter().find(|item| item.what == "delivery").unwrap();
    assert!(ring.bytes > huge && estimates[1].total(true) >= ring.bytes, "{estimates:?}");
}
