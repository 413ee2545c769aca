//! Mistakes in files: each is told by line, column, key, value and help.

use std::time::{Duration, Instant};

use super::super::Place;
use super::{AGENT, Files, NETWORK};

/// A mistake: which file, line and column, key, value, what is wrong and what would be right (parts of the texts).
struct Mistake {
    agent: &'static str,
    network: &'static str,
    file: &'static str,
    at: (usize, usize),
    key: &'static str,
    value: &'static str,
    what: &'static str,
    help: &'static str,
}

/// A mistake in the agent's file, behind its first two lines.
const fn agent(
    text: &'static str,
    at: (usize, usize),
    key: &'static str,
    value: &'static str,
    what: &'static str,
    help: &'static str,
) -> Mistake {
    Mistake { agent: text, network: NETWORK, file: "pmq.toml", at, key, value, what, help }
}

/// A mistake in the network's file, which is all of `text`.
const fn network(
    text: &'static str,
    at: (usize, usize),
    key: &'static str,
    value: &'static str,
    what: &'static str,
    help: &'static str,
) -> Mistake {
    Mistake { agent: "", network: text, file: "weather.toml", at, key, value, what, help }
}

const HEAD: &str = "version = 1\nname = \"weather\"\ntopics = [\"weather.*\"]\n";

#[test]
fn every_mistake_is_told_by_place_key_value_and_mend() {
    let mut wrong = Vec::new();
    for Mistake { agent, network, file, at: (line, column), key, value, what, help } in mistakes() {
        let network = network.replace("HEAD\n", HEAD);
        let files = Files::new(&format!("{AGENT}{agent}"), &[("weather.toml", &network)]);
        let started = Instant::now();
        let error = files.load(&[], &[]).expect_err(&format!("{agent}{network}"));
        assert!(started.elapsed() < Duration::from_secs(1));
        let path = files.dir.path().join(file);
        let told = (error.place.clone(), error.key.as_deref().unwrap_or_default(), error.value.as_deref().unwrap_or_default());
        let right = told == (Place::File { path, line, column }, key, value)
            && error.what.contains(what)
            && error.help.contains(help)
            && !error.help.is_empty()
            && error.to_string().contains(&format!("{file}:{line}:{column}: {key}"));
        if !right {
            wrong.push(format!("{error}\n  wanted {file}:{line}:{column}: {key} = {value}: ..{what}..; ..{help}.."));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn mistakes() -> Vec<Mistake> {
    vec![
        // Keys.
        agent("[ops]\nlissen = \"127.0.0.1:1\"\n", (4, 1), "ops.lissen", "\"127.0.0.1:1\"", "unknown key `lissen`", "did you mean listen?"),
        agent(
            "colour = 1\n",
            (3, 1),
            "colour",
            "1",
            "unknown key `colour`",
            "allowed: networks, agent, gossip, attach, control, ops, log, network, version",
        ),
        agent("[gossip.mesh]\nn_lo = 4\n", (4, 1), "gossip.mesh.n_lo", "4", "unknown key `n_lo`", "did you mean n_low?"),
        agent(
            "[[attach.grant]]\nuid = 5\nrole = [\"verify\"]\n",
            (5, 1),
            "attach.grant[0].role",
            "[\"verify\"]",
            "unknown key `role`",
            "did you mean roles?",
        ),
        // Values and units.
        agent(
            "[agent]\nshutdown_within = \"10 fortnights\"\n",
            (4, 19),
            "agent.shutdown_within",
            "\"10 fortnights\"",
            "expected a duration",
            "units: ns, us, ms, s",
        ),
        agent("[agent]\nshutdown_within = 10\n", (4, 19), "agent.shutdown_within", "10", "expected a duration", "such as \"4s\""),
        agent(
            "[attach]\nmax_window_bytes = \"1 MoB\"\n",
            (4, 20),
            "attach.max_window_bytes",
            "\"1 MoB\"",
            "invalid value",
            "units: B, KiB, MiB",
        ),
        agent("[agent]\nthreads = \"two\"\n", (4, 11), "agent.threads", "\"two\"", "invalid type", "whole number from 0"),
        agent("[ops]\nexpose = \"yes\"\n", (4, 10), "ops.expose", "\"yes\"", "invalid type", "true or false"),
        agent(
            "[[attach.grant]]\nroles = [\"verify\", \"admin\"]\n",
            (4, 20),
            "attach.grant[0].roles[1]",
            "\"admin\"",
            "unknown value `admin`",
            "verify, consume, produce",
        ),
        agent(
            "[attach.zeromq]\nbind = [\"unix:///run/pmq/a.sock\"]\n",
            (4, 9),
            "attach.zeromq.bind[0]",
            "\"unix:///run/pmq/a.sock\"",
            "no address of ZeroMQ",
            "zmq+ipc:///path",
        ),
        agent(
            "[attach.zeromq]\nbind = [\"zmq+tcp://0.0.0.0:5570\"]\n",
            (4, 9),
            "attach.zeromq.bind[0]",
            "\"zmq+tcp://0.0.0.0:5570\"",
            "other machines",
            "insecure = true",
        ),
        agent(
            "[attach.zeromq]\nbind = [\"zmq+tcp://127.0.0.1:5570\"]\n",
            (4, 9),
            "attach.zeromq.bind[0]",
            "\"zmq+tcp://127.0.0.1:5570\"",
            "there is none",
            "[[attach.zeromq.token]]",
        ),
        agent(
            "[[attach.grant]]\ntoken = \"indexer\"\n",
            (4, 9),
            "attach.grant[0].token",
            "\"indexer\"",
            "there is no token",
            "[[attach.zeromq.token]]",
        ),
        agent(
            "[attach.grpc]\nbind = [\"grpc://0.0.0.0:8001\"]\n",
            (4, 9),
            "attach.grpc.bind[0]",
            "\"grpc://0.0.0.0:8001\"",
            "other machines",
            "grpcs://",
        ),
        agent(
            "[attach.grpc]\nbind = [\"grpcs://0.0.0.0:8001\"]\n",
            (4, 9),
            "attach.grpc.bind[0]",
            "\"grpcs://0.0.0.0:8001\"",
            "nothing to show",
            "tls.certificate_file",
        ),
        agent(
            "[attach.grpc]\nbind = [\"grpcs://here:8001\"]\n",
            (4, 9),
            "attach.grpc.bind[0]",
            "\"grpcs://here:8001\"",
            "names a host",
            "grpcs://0.0.0.0:8001",
        ),
        agent("[attach.grpc.tls]\ncertificate_file = \"agent.crt\"\n", (3, 1), "attach.grpc.tls.key_file", "", "not set", "name both"),
        agent(
            "[[attach.grpc.client]]\nname = \"signer\"\ncertificate_file = \"signer.crt\"\ndns = \"signer\"\n",
            (6, 7),
            "attach.grpc.client[0].dns",
            "\"signer\"",
            "beside an authority_file",
            "delete it",
        ),
        agent(
            "[[attach.grant]]\ncertificate = \"signer\"\n",
            (4, 15),
            "attach.grant[0].certificate",
            "\"signer\"",
            "no [[attach.grpc.client]]",
            "add [[attach.grpc.client]]",
        ),
        agent(
            "[attach.quic]\nbind = [\"127.0.0.1:5580\", \"127.0.0.1:5580\"]\n",
            (4, 27),
            "attach.quic.bind[1]",
            "\"127.0.0.1:5580\"",
            "twice",
            "delete",
        ),
        agent("[[attach.grant]]\nuid = \"root\"\n", (4, 7), "attach.grant[0].uid", "\"root\"", "invalid value", "a user's number"),
        // The format itself.
        agent("[ops]\nlisten = 127.0.0.1:9464\n", (4, 15), "ops.listen", "127.0.0.1:9464", "", "TOML wants"),
        agent("[agent]\nthreads = 1\nthreads = 2\n", (5, 1), "agent.threads", "2", "duplicate key", "only once"),
        // What one room can tell.
        agent("[ops]\nlisten = \"0.0.0.0:9464\"\n", (4, 10), "ops.listen", "\"0.0.0.0:9464\"", "other machines", "expose = true"),
        agent(
            "[gossip.score.thresholds]\ngossip = -10.0\npublish = -5.0\n",
            (5, 11),
            "gossip.score.thresholds.publish",
            "-5.0",
            "cannot work",
            "0 > gossip >= publish >= graylist",
        ),
        agent("[gossip]\npeers = [\"/ip4/192.0.2.1/tcp/4001\"]\n", (4, 10), "gossip.peers[0]", "\"/ip4/192.0.2.1/tcp/4001\"", "", ""),
        agent(
            "[gossip]\nlisten = [\"/ip4/0.0.0.0/tcp/4001\", \"/ip4/0.0.0.0/udp/4001\"]\n",
            (4, 36),
            "gossip.listen[1]",
            "\"/ip4/0.0.0.0/udp/4001\"",
            "",
            "/udp/<port>/quic-v1",
        ),
        agent(
            "[gossip.quic]\nkeep_alive_interval = \"6s\"\n",
            (4, 23),
            "gossip.quic.keep_alive_interval",
            "\"6s\"",
            "",
            "half of quic.max_idle_timeout = 10s",
        ),
        agent("[attach.unix]\npath = \"pmq.sock\"\n", (4, 8), "attach.unix.path", "\"pmq.sock\"", "", "must be absolute"),
        agent("[log]\nfilter = \"pmq=loud\"\n", (4, 10), "log.filter", "\"pmq=loud\"", "no list of log directives", "error, warn, info"),
        // What takes more than one room.
        agent(
            "[[attach.grant]]\nnetworks = [\"wether\"]\n",
            (4, 13),
            "attach.grant[0].networks[0]",
            "\"wether\"",
            "no network \"wether\"",
            "did you mean weather?",
        ),
        agent(
            "[network.default]\ntake = \"quakes\"\n",
            (4, 8),
            "network.default.take",
            "\"quakes\"",
            "no network \"quakes\"",
            "allowed: weather",
        ),
        agent(
            "[gossip.mesh]\nmax_transmit_size = \"1MiB\"\n",
            (4, 21),
            "gossip.mesh.max_transmit_size",
            "\"1MiB\"",
            "too small for network \"weather\": must be at least 1064960B",
            "leave it unset",
        ),
        agent(
            "[attach]\nmax_frame_payload = \"64KiB\"\n",
            (4, 21),
            "attach.max_frame_payload",
            "\"64KiB\"",
            "fit no frame",
            "at least 1048576",
        ),
        // A network's file.
        network(
            "HEAD\n[[stage]]\nuse = \"sequence-windw\"\n",
            (5, 7),
            "stage[0].use",
            "\"sequence-windw\"",
            "unknown stage \"sequence-windw\"",
            "did you mean sequence-window?",
        ),
        network(
            "HEAD\n[[stage]]\nuse = \"decode\"\ncodec = \"xml\"\n",
            (6, 9),
            "stage[0].codec",
            "\"xml\"",
            "unknown codec",
            "fixed, json, pmq, protobuf, raw",
        ),
        network(
            "HEAD\n[[stage]]\nuse = \"validation-queue\"\ndeadlin = \"4s\"\n",
            (6, 1),
            "stage[0].deadlin",
            "\"4s\"",
            "unknown key",
            "did you mean deadline?",
        ),
        network(
            "HEAD\n[[stage]]\nuse = \"validation-queue\"\n\n[[stage]]\nuse = \"sequence-window\"\nskip = 512\nvalidity = 100\n",
            (9, 8),
            "stage[1].skip",
            "512",
            "cannot work",
            "below validity",
        ),
        network(
            "HEAD\n[[stage]]\nuse = \"decode\"\ncodec = \"raw\"\n\n[[stage]]\nuse = \"sequence-window\"\n",
            (9, 7),
            "stage[1].use",
            "\"sequence-window\"",
            "needs an origin",
            "codec \"fixed\" or \"pmq\"",
        ),
        network(
            "HEAD\n[[stage]]\nuse = \"delivery\"\n\n[[stage]]\nuse = \"validation-queue\"\n",
            (5, 7),
            "stage[0].use",
            "\"delivery\"",
            "before the validation queue",
            "put validation-queue before it",
        ),
        network(
            "HEAD\n[[stage]]\nuse = \"validation-queue\"\n",
            (5, 7),
            "stage[0].use",
            "\"validation-queue\"",
            "there is no delivery",
            "add [[stage]]",
        ),
        network("HEAD\n[[stage]]\ndeadline = \"4s\"\n", (4, 1), "stage[0]", "", "which one it is", "add use"),
        network("HEAD\nsubscribe = [\"quakes.reports\"]\n", (4, 14), "subscribe[0]", "\"quakes.reports\"", "claims only", "add it to"),
        network(
            "HEAD\n[gossip]\nmax_message = \"1MiB\"\n",
            (5, 15),
            "gossip.max_message",
            "\"1MiB\"",
            "once for the whole network",
            "at the top",
        ),
        network(
            "HEAD\n[gossip.score.invalid]\nweight = 5.0\n",
            (5, 10),
            "gossip.score.invalid.weight",
            "5.0",
            "must not be positive",
            "0 turns it off",
        ),
        network("version = 2\n", (1, 11), "version", "2", "not known", "version = 1"),
        network("name = \"weather\"\n", (1, 1), "version", "", "is missing", "version = 1"),
        network("version = 1\nname = \"wea ther\"\n", (2, 8), "name", "\"wea ther\"", "", "letters, digits"),
    ]
}

#[test]
fn a_deadline_that_outlasts_the_message_cache_is_refused_with_the_reason() {
    let network = NETWORK.replace("use = \"validation-queue\"", "use = \"validation-queue\"\ndeadline = \"7s\"");
    let files = Files::new(&format!("{AGENT}[gossip.mesh]\nhistory_length = 5\n"), &[("weather.toml", &network)]);
    let error = files.load(&[], &[]).unwrap_err();
    assert_eq!((error.key.as_deref(), error.value.as_deref()), (Some("stage[0].deadline"), Some("\"7s\"")), "{error}");
    assert_eq!(error.place, Place::File { path: files.dir.path().join("weather.toml"), line: 7, column: 12 });
    assert!(error.what.contains("history_length = 5") && error.help.contains("set a deadline below"), "{error}");
    // The default deadline is not written anywhere: the stage is named.
    let files = Files::new(&format!("{AGENT}[gossip.mesh]\nhistory_length = 5\n"), &[("weather.toml", NETWORK)]);
    let error = files.load(&[], &[]).unwrap_err();
    assert_eq!((error.key.as_deref(), error.value.as_deref()), (Some("stage[0].deadline"), Some("4s (default)")), "{error}");
    assert_eq!(error.place, Place::File { path: files.dir.path().join("weather.toml"), line: 5, column: 1 });
}

#[test]
fn two_networks_share_neither_names_nor_topics() {
    let agent = "version = 1\nnetworks = [\"weather.toml\", \"other.toml\"]\n";
    let load = |other: String| Files::new(agent, &[("weather.toml", NETWORK), ("other.toml", &other)]).load(&[], &[]);
    assert!(load(NETWORK.replace("weather", "quakes")).is_ok());
    let error = load(NETWORK.replace("weather.*", "quakes.*")).unwrap_err();
    assert_eq!((error.key.as_deref(), error.value.as_deref()), (Some("name"), Some("\"weather\"")), "{error}");
    let error = load(NETWORK.replace("\"weather\"", "\"quakes\"").replace("weather.*", "*.reports")).unwrap_err();
    assert_eq!((error.key.as_deref(), error.value.as_deref()), (Some("topics"), Some("\"*.reports\"")), "{error}");
    assert!(matches!(&error.place, Place::File { path, line: 3, column: 10 } if path.ends_with("other.toml")), "{error}");
    assert!(error.what.contains("weather.*") && error.help.contains("narrow"), "{error}");
}

#[test]
fn a_network_file_that_is_not_there_is_named_where_it_is_listed() {
    let error = Files::new(AGENT, &[]).load(&[], &[]).unwrap_err();
    assert!(matches!(error.place, Place::File { line: 2, column: 13, .. }), "{error}");
    assert_eq!((error.key.as_deref(), error.value.as_deref()), (Some("networks[0]"), Some("\"weather.toml\"")));
    let error = Files::new("version = 1\n", &[]).load(&[], &[]).unwrap_err();
    assert_eq!(error.key.as_deref(), Some("networks"));
}
