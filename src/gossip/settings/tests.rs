#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn refused(toml: &str) -> String {
    toml::from_str::<Settings>(toml).unwrap().check().unwrap_err().to_string()
}

fn network_refused(toml: &str) -> String {
    toml::from_str::<NetworkSettings>(toml).unwrap().check().unwrap_err().to_string()
}

#[test]
fn the_defaults_are_sound() {
    let settings = toml::from_str::<Settings>("").unwrap();
    assert_eq!(settings, Settings::default());
    settings.check().unwrap();
    let network = toml::from_str::<NetworkSettings>("").unwrap();
    assert_eq!(network, NetworkSettings::default());
    network.check().unwrap();
}

#[test]
fn three_invalid_messages_outweigh_whatever_a_peer_can_earn() {
    let (score, topic) = (Score::default(), TopicScore::default());
    let most = topic.time_in_mesh.weight * topic.time_in_mesh.cap + topic.first_deliveries.weight * topic.first_deliveries.cap;
    assert!(most + 9.0 * topic.invalid.weight < score.thresholds.graylist);
    // As the documentation says, one is forgiven.
    assert!(topic.invalid.weight > score.thresholds.publish);
}

#[test]
fn values_are_read() {
    let settings: Settings = toml::from_str(
        r#"
        listen = ["/ip4/127.0.0.1/tcp/0", "/ip6/::1/tcp/4001", "/ip4/0.0.0.0/udp/4001/quic-v1", "/ip6/::/udp/4001/quic-v1"]
        publish_wait = "250ms"
        [mesh]
        heartbeat = "700ms"
        max_control_size = "1MiB"
        [score]
        enabled = false
        [score.address]
        exempt = ["127.0.0.1", "::1"]
        "#,
    )
    .unwrap();
    settings.check().unwrap();
    assert_eq!(settings.publish_wait, Duration::from_millis(250));
    assert_eq!(settings.mesh.max_control_size, bytesize::ByteSize::mib(1));
    assert_eq!(settings.score.address.exempt.len(), 2);
    let network: NetworkSettings = toml::from_str(r#"message_id = { function = "content", hash = "md5" }"#).unwrap();
    assert_eq!(network.message_id, MessageIdFunction::Content { hash: ContentHash::Md5, size: 20 });
    let network: NetworkSettings = toml::from_str(r#"message_id = { function = "topic-content" }"#).unwrap();
    assert_eq!(network.message_id, MessageIdFunction::TopicContent);
}

#[test]
fn unknown_keys_are_refused() {
    for text in ["lisen = []", "[mesh]\nd = 6", "[score.thresholds]\ngrey = -1", "[redial]\nmin = 5"] {
        assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
    }
    for text in [r#"message_id = { function = "md5" }"#, r#"message_id = { function = "content", lenght = 3 }"#, "[score.p4]"] {
        assert!(toml::from_str::<NetworkSettings>(text).is_err(), "{text}");
    }
}

#[test]
fn inverted_thresholds_are_refused() {
    // The Go predecessor's own defaults.
    let error = refused("[score.thresholds]\ngossip = -4000\npublish = -2000\ngraylist = -400");
    assert!(error.starts_with("score.thresholds.publish = -2000"), "{error}");
    let error = refused("[score.thresholds]\ngraylist = -20");
    assert!(error.contains("0 > gossip >= publish >= graylist"), "{error}");
    assert!(refused("[score.thresholds]\ngossip = 0").contains("must be below 0"));
    assert!(refused("[score.thresholds]\ngossip = nan").contains("score.thresholds.gossip"));
}

#[test]
fn values_that_cannot_work_are_named() {
    for (text, key) in [
        ("listen = [\"0.0.0.0:4001\"]", "listen.0"),
        ("listen = [\"/ip4/0.0.0.0/udp/4001\"]", "listen.0"),
        ("listen = [\"/ip4/0.0.0.0/udp/4001/quic\"]", "listen.0"),
        ("listen = [\"/ip4/0.0.0.0/udp/4001/quic-v1\", \"/ip4/0.0.0.0/tcp/4001/ws\"]", "listen.1"),
        ("listen = [\"/dns4/localhost/udp/4001/quic-v1\"]", "listen.0"),
        ("peers = [\"/ip4/10.0.0.1/udp/4001/quic-v1\"]", "peers.0"),
        ("[quic]\nmax_idle_timeout = \"0s\"", "quic.max_idle_timeout"),
        ("[quic]\nmax_idle_timeout = \"2h\"", "quic.max_idle_timeout"),
        ("[quic]\nkeep_alive_interval = \"3s\"\nmax_idle_timeout = \"5s\"", "quic.keep_alive_interval"),
        ("[quic]\nkeep_alive_interval = \"6s\"", "quic.keep_alive_interval"),
        ("[quic]\nkeep_alive_interval = \"0s\"", "quic.keep_alive_interval"),
        ("[quic]\nmax_concurrent_streams = 0", "quic.max_concurrent_streams"),
        ("[quic]\nmax_stream_data = \"1KiB\"", "quic.max_stream_data"),
        ("[quic]\nmax_stream_data = \"4MiB\"", "quic.max_connection_data"),
        ("[quic]\nmax_connection_data = \"4GiB\"", "quic.max_connection_data"),
        ("peers = [\"/ip4/10.0.0.1/tcp/4001\"]", "peers.0"),
        ("allow = [\"nobody\"]", "allow.0"),
        ("[redial]\nmin = \"0s\"", "redial.min"),
        ("[redial]\nmin = \"2m\"", "redial.max"),
        ("[connections]\nper_peer = 0", "connections.per_peer"),
        ("[mesh]\nn = 3", "mesh.n_low"),
        ("[mesh]\noutbound_min = 4", "mesh.outbound_min"),
        ("[mesh]\nheartbeat = \"1ms\"", "mesh.heartbeat"),
        ("[mesh]\nhistory_length = 4\nhistory_gossip = 5", "mesh.history_gossip"),
        ("[score]\ndecay_interval = \"100ms\"", "score.decay_interval"),
        ("[score.address]\nweight = 5.0", "score.address.weight"),
        ("[score.behaviour]\ndecay = \"0s\"", "score.behaviour.decay"),
    ] {
        let error = refused(text);
        assert!(error.starts_with(&format!("{key} = ")), "{text}: {error}");
    }
    for (text, key) in [
        ("max_message = 0", "max_message"),
        ("message_id = { function = \"content\", size = 0 }", "message_id.size"),
        ("[score.invalid]\nweight = 1.0", "score.invalid.weight"),
        ("[score.mesh_deliveries]\nthreshold = 200.0", "score.mesh_deliveries.threshold"),
        ("[score.time_in_mesh]\nquantum = \"0s\"", "score.time_in_mesh.quantum"),
    ] {
        let error = network_refused(text);
        assert!(error.starts_with(&format!("{key} = ")), "{text}: {error}");
    }
}

#[test]
fn the_history_follows_the_deadline() {
    let mesh = Mesh::default();
    let seconds = Duration::from_secs;
    assert_eq!(mesh.history(seconds(4)), (7, 8));
    assert_eq!(mesh.history(Duration::from_millis(4001)), (8, 9));
    mesh.fits(seconds(4)).unwrap();
    mesh.fits(seconds(3600)).unwrap();
    // gossipsub's own default of 5 heartbeats keeps a message for 4 s at least: 4 s do not fit, a bit less does.
    let short = Mesh { history_length: Some(5), ..Mesh::default() };
    let error = short.fits(seconds(4)).unwrap_err().to_string();
    assert!(error.starts_with("deadline = 4s: ") && error.contains("history_length = 5") && error.contains("is kept for 4s"), "{error}");
    short.fits(Duration::from_millis(3999)).unwrap();
    assert_eq!(short.history(seconds(4)), (4, 5));
}

#[test]
fn the_estimates_are_those_of_the_design() {
    let mesh = Mesh::default();
    let memory = mesh.memory(13_600.0, 4096, Duration::from_secs(4));
    assert!((440_000_000..520_000_000).contains(&memory.messages), "{memory:?}");
    let memory = mesh.memory(33_000.0, 256, Duration::from_secs(4));
    assert_eq!(memory.id_count, 3_960_000);
    assert_eq!(mesh.memory(f64::INFINITY, u64::MAX, Duration::from_secs(4)).messages, u64::MAX);
    assert_eq!(mesh.transmit_size(65_536), 65_536 + 16_384);
    assert_eq!([0, 1_536, 65_536 - 512, 1 << 20, u64::MAX].map(|largest| mesh.send_queue_len(largest)), [32_768, 32_768, 1_024, 512, 512]);
    assert_eq!(Mesh { send_queue_messages: Some(7), ..mesh }.send_queue_len(256), 7);
}

#[test]
fn quic_follows_the_addresses() {
    let settings = |text: &str| toml::from_str::<Settings>(text).unwrap();
    assert_eq!(settings("").quic_connections(), 0);
    let both = settings(r#"listen = ["/ip4/0.0.0.0/tcp/4001", "/ip4/0.0.0.0/udp/4001/quic-v1"]"#);
    assert_eq!(both.quic_connections(), 256);
    let peer = |n: u8| format!("\"/ip4/10.0.0.{n}/udp/4001/quic-v1/p2p/{}\"", crate::Identity::ephemeral().peer_id());
    let dialling = settings(&format!("peers = [{}, {}]", peer(1), peer(2)));
    assert_eq!(dialling.quic_connections(), 2);
    assert_eq!(dialling.quic.memory(2), 2 * (3 * 1024 * 1024 + 10_000_000));
    assert_eq!(dialling.quic.memory(u64::MAX), u64::MAX);
    // A shorter timeout is kept alive more often.
    let quic = Quic { max_idle_timeout: Duration::from_secs(3), ..Quic::default() };
    quic.check().unwrap();
    assert_eq!(quic.keep_alive(), Duration::from_secs(1));
}

#[test]
fn records_of_messages_grow_with_rate_and_neighbours() {
    let score = Score::default();
    // Two minutes of 100 messages a second.
    assert_eq!(score.memory(100.0, 1), 12_000 * 320);
    assert_eq!(score.memory(100.0, 0), score.memory(100.0, 1));
    assert_eq!(score.memory(100.0, 6), 12_000 * (320 + 8 * 81 + 32));
    assert_eq!(Score { enabled: false, ..score }.memory(100.0, 6), 0);
}
