//! What would keep an agent from starting is refused beforehand, by file, line, key and value.

use std::os::unix::fs::PermissionsExt as _;

use super::super::reference::{REFERENCE, REFERENCE_NETWORK, uncommented};
use super::{AGENT, Files, NETWORK};

/// The error, from its line on: `3:8: key = value: what; help`.
fn refused(agent: &str) -> String {
    let files = Files::new(&format!("{AGENT}{agent}"), &[("weather.toml", NETWORK)]);
    let error = files.load(&[], &[]).expect_err(agent).to_string();
    error.split_once("pmq.toml:").unwrap_or_else(|| panic!("{error}")).1.to_owned()
}

#[test]
fn an_address_or_a_path_is_bound_once() {
    let unix = "[attach.unix]\npath = \"/run/x/a.sock\"\n";
    let grpc = |address: &str| {
        format!(
            "[attach.grpc]\nbind = [\"{address}\"]\ninsecure = true\ntrust_loopback = true\n[[attach.grpc.token]]\nname = \"x\"\nfile = \"x\"\n"
        )
    };
    let zeromq = |address: &str| format!("[attach.zeromq]\nbind = [\"{address}\"]\ntrust_loopback = true\n");
    let gossip = |addresses: &str| format!("[gossip]\nlisten = [{addresses}]\n");
    let same_port = "takes the same port";
    for (agent, parts) in [
        (grpc("grpc://127.0.0.1:9464"), ["4:9: attach.grpc.bind[0]", "ops.listen takes the same port by default", "a port of its own"]),
        (grpc("grpc://0.0.0.0:9464"), ["4:9: attach.grpc.bind[0]", same_port, "ops.listen"]),
        (grpc("grpc://[::]:9464"), ["4:9: attach.grpc.bind[0]", same_port, "ops.listen"]),
        (grpc("grpc://[::ffff:127.0.0.1]:9464"), ["4:9: attach.grpc.bind[0]", same_port, "ops.listen"]),
        (zeromq("zmq+tcp://127.0.0.1:4001"), ["4:9: attach.zeromq.bind[0]", "gossip.listen[0] takes", same_port]),
        (
            zeromq("zmq+tcp://127.0.0.1:7000") + &grpc("grpc://127.0.0.1:7000"),
            ["7:9: attach.grpc.bind[0]", "attach.zeromq.bind[0] takes", "a port of its own"],
        ),
        ("[ops]\nlisten = \"127.0.0.1:4001\"\n".to_owned(), ["4:10: ops.listen = \"127.0.0.1:4001\"", "gossip.listen[0] takes", "default"]),
        (gossip("\"/ip4/0.0.0.0/tcp/1\", \"/ip4/127.0.0.1/tcp/1\""), ["4:33: gossip.listen[1]", "gossip.listen[0] takes", same_port]),
        (
            gossip("\"/ip4/0.0.0.0/udp/5580/quic-v1\"") + "[attach.quic]\nbind = [\"127.0.0.1:5580\"]\n",
            ["6:9: attach.quic.bind[0]", "gossip.listen[0] takes", same_port],
        ),
        (
            format!("{unix}[control]\npath = \"/run/x//./a.sock\"\n"),
            ["6:8: control.path", "attach.unix.path takes the same path", "a path of its own"],
        ),
        (
            "[attach.unix]\npath = \"/run/x/control.sock\"\n".to_owned(),
            ["4:8: attach.unix.path", "control.path takes the same path by default", "a path of its own"],
        ),
        (
            unix.to_owned() + &zeromq("zmq+ipc:///run/x/control.sock"),
            ["6:9: attach.zeromq.bind[0]", "control.path takes the same path by default", "a path of its own"],
        ),
        (unix.to_owned() + &grpc("grpc+unix:///run/x/a.sock"), ["6:9: attach.grpc.bind[0]", "attach.unix.path takes", "a path of its own"]),
    ] {
        let error = refused(&agent);
        assert!(parts.iter().all(|part| error.contains(part)), "{agent}\n{error}");
    }
    for fine in [
        gossip("\"/ip4/0.0.0.0/tcp/4001\", \"/ip6/::/tcp/4001\", \"/ip4/0.0.0.0/udp/4001/quic-v1\""),
        gossip("\"/ip4/127.0.0.1/tcp/0\", \"/ip4/127.0.0.1/tcp/0\""),
        "[attach.quic]\nbind = [\"127.0.0.1:4001\", \"127.0.0.1:9464\"]\n".to_owned(),
        "[ops]\nenabled = false\n".to_owned() + &grpc("grpc://127.0.0.1:9464"),
        "[control]\nenabled = false\n[attach.unix]\npath = \"/run/x/control.sock\"\n".to_owned(),
        grpc("grpc://127.0.0.2:9464"),
    ] {
        if let Err(error) = Files::new(&format!("{AGENT}{fine}"), &[("weather.toml", NETWORK)]).load(&[], &[]) {
            panic!("{fine}\n{error}");
        }
    }
}

#[test]
fn the_control_sockets_default_path_fits_a_socket() {
    let path = format!("/run/{}/a.sock", "x".repeat(107 - 12));
    assert_eq!(path.len(), 107);
    let error = refused(&format!("[attach.unix]\npath = \"{path}\"\n"));
    assert!(error.starts_with("4:8: attach.unix.path = \"/run/x") && error.contains("control.sock: it has 113 bytes"), "{error}");
    assert!(error.contains("set control.path"), "{error}");
    for fine in ["path = \"/run/c.s/ock\"", "enabled = false"] {
        let agent = format!("{AGENT}[attach.unix]\npath = \"{path}\"\n[control]\n{fine}\n");
        Files::new(&agent, &[("weather.toml", NETWORK)]).load(&[], &[]).unwrap();
    }
}

#[test]
fn no_more_topics_are_joined_than_the_agent_may_know() {
    let topics = |of: std::ops::Range<usize>| of.map(|n| format!("\"weather.{n}\"")).collect::<Vec<_>>().join(", ");
    let load = |agent: &str, count| {
        let network = NETWORK.replace("topics = ", &format!("subscribe = [{}]\ntopics = ", topics(0..count)));
        Files::new(&format!("{AGENT}{agent}"), &[("weather.toml", &network)]).load(&[], &[]).map(drop).map_err(|error| error.to_string())
    };
    let error = load("", 1_100).unwrap_err();
    assert!(
        error.contains("agent.max_topics = 1024 (default): the networks subscribe to 1100 topics at start; take at least 1100"),
        "{error}"
    );
    let error = load("[agent]\nmax_topics = 10\n", 11).unwrap_err();
    assert!(error.contains("pmq.toml:4:14: agent.max_topics = 10: ") && error.contains("take at least 11"), "{error}");
    load("[agent]\nmax_topics = 11\n", 11).unwrap();
    // Two networks together.
    let network = |name: &str| NETWORK.replace("topics = ", &format!("subscribe = [{}]\ntopics = ", topics(0..6))).replace("weather", name);
    let agent = "version = 1\nnetworks = [\"weather.toml\", \"quakes.toml\"]\n[agent]\nmax_topics = 11\n";
    let files = Files::new(agent, &[("weather.toml", &network("weather")), ("quakes.toml", &network("quakes"))]);
    assert!(files.load(&[], &[]).unwrap_err().what.contains("12 topics"));
}

/// The keys of a reference file whose default passes, as `--set` names them.
fn keys(text: &str, wanted: impl Fn(&toml::Value) -> bool) -> Vec<String> {
    fn walk(value: &toml::Value, path: &str, wanted: &dyn Fn(&toml::Value) -> bool, keys: &mut Vec<String>) {
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match value {
            toml::Value::Table(table) => table.iter().for_each(|(key, value)| walk(value, &below(key), wanted, keys)),
            toml::Value::Array(list) => list.iter().enumerate().for_each(|(at, value)| walk(value, &below(&at.to_string()), wanted, keys)),
            value if wanted(value) => keys.push(path.to_owned()),
            _ => {}
        }
    }
    let mut keys = Vec::new();
    walk(&toml::from_str(&uncommented(text)).unwrap(), "", &wanted, &mut keys);
    keys
}

/// Every key of the reference files whose default passes, set to `value`.
fn each(wanted: impl Fn(&toml::Value) -> bool + Copy, value: &str, check: impl Fn(&str, Result<super::Config, super::ConfigError>)) {
    let files = Files::new(&uncommented(REFERENCE), &[("reference-network.toml", &uncommented(REFERENCE_NETWORK))]);
    let of_network = keys(REFERENCE_NETWORK, wanted).into_iter().map(|key| format!("network.reference.{key}"));
    for key in keys(REFERENCE, wanted).into_iter().chain(of_network) {
        check(&key, files.load(&[], &[&format!("{key}={value}")]));
    }
}

#[test]
fn every_duration_has_an_upper_bound() {
    let duration = |value: &toml::Value| {
        let text = value.as_str().unwrap_or_default();
        let unit = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
        unit.len() < text.len() && ["ms", "s", "m", "h"].contains(&unit)
    };
    let seen = std::cell::Cell::new(0);
    for value in ["18446744073709551615s", "366days"] {
        each(duration, value, |key, loaded| {
            let error = loaded.expect_err(key);
            let last = key.rsplit('.').next().unwrap();
            assert!(error.key.as_deref().is_some_and(|named| named.ends_with(last)), "{key}: {error}");
            let text = error.to_string();
            assert!(["365days", "1h", "half of"].iter().any(|bound| text.contains(bound)), "{key}: {error}");
            seen.set(seen.get() + 1);
        });
    }
    assert!(seen.get() >= 2 * 22, "{} durations", seen.get());
}

/// Whatever number is set: it loads or is refused, and what loads can be estimated without overflow.
#[test]
fn no_number_or_size_overflows() {
    let number = |value: &toml::Value| value.is_integer() || value.as_str().is_some_and(|text| text.ends_with("iB"));
    for value in ["18446744073709551615", "9223372036854775807", "4294967295"] {
        each(number, value, |_, loaded| drop(loaded.map(|config| config.memory())));
    }
    for (key, bound) in [
        ("ops.max_connections", "65536"),
        ("gossip.publish_waiting", "1000000"),
        ("gossip.mesh.history_length", "65536"),
        ("gossip.mesh.send_queue_messages", "1000000"),
        ("gossip.mesh.n_high", "65536"),
        ("attach.max_window_bytes", "1099511627776"),
    ] {
        let files = Files::new(AGENT, &[("weather.toml", NETWORK)]);
        let error = files.load(&[], &[&format!("{key}=9223372036854775807")]).expect_err(key);
        assert!(error.key.as_deref() == Some(key) && error.help.contains(bound), "{error}");
    }
}

#[test]
fn names_have_lengths() {
    let long = |length| "x".repeat(length);
    let token = |name: String| format!("[[attach.zeromq.token]]\nname = \"{name}\"\nfile = \"token\"\n");
    let client = |name: String| format!("[[attach.grpc.client]]\nname = \"{name}\"\ncertificate_file = \"c\"\n");
    let user_agent = |name: String| format!("[gossip]\nuser_agent = \"{name}\"\n");
    for (agent, key, bound) in [
        (token(long(65)), "4:8: attach.zeromq.token[0].name", "longer than 64 bytes"),
        (client(long(65)), "4:8: attach.grpc.client[0].name", "longer than 64 bytes"),
        (user_agent(long(257)), "4:14: gossip.user_agent", "at most 256 bytes"),
    ] {
        let error = refused(&agent);
        assert!(error.starts_with(key) && error.contains(bound), "{error}");
    }
    for agent in [token(long(64)), client(long(64)), user_agent(long(256))] {
        Files::new(&format!("{AGENT}{agent}"), &[("weather.toml", NETWORK)]).load(&[], &[]).unwrap();
    }
}

#[test]
fn a_deadline_and_a_heartbeat_do_not_make_an_endless_history() {
    let network = NETWORK.replace("use = \"validation-queue\"", "use = \"validation-queue\"\ndeadline = \"1h\"");
    let load = |heartbeat: &str| {
        Files::new(&format!("{AGENT}[gossip.mesh]\nheartbeat = \"{heartbeat}\"\n"), &[("weather.toml", &network)]).load(&[], &[])
    };
    load("1s").unwrap();
    let error = load("10ms").unwrap_err();
    assert!(error.key.as_deref() == Some("stage[0].deadline") && error.help.contains("longer mesh.heartbeat"), "{error}");
}

#[test]
fn files_that_a_start_could_not_use_are_refused() {
    let attach = "[attach.grpc]\nbind = [\"grpcs://0.0.0.0:8001\"]\n[attach.grpc.tls]\ncertificate_file = \"agent.crt\"\nkey_file = \"agent.key\"\n\
                  [[attach.grpc.client]]\nname = \"signer\"\ncertificate_file = \"signer.crt\"\n\
                  [attach.zeromq]\nbind = [\"zmq+tcp://127.0.0.1:5570\"]\n[[attach.zeromq.token]]\nname = \"self\"\nfile = \"token\"\n";
    let files = Files::new(&format!("{AGENT}{attach}[gossip]\nidentity = \"agent.id\"\n"), &[("weather.toml", NETWORK)]);
    let config = files.load(&[], &[]).unwrap();
    let told = || config.check_files().unwrap_err().to_string();
    let file = |name: &str, text: &str, mode| {
        let path = files.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    file("agent.id", "no key", 0o600);
    assert!(
        told().contains("pmq.toml:17:12: gossip.identity = \"agent.id\": identity file") && told().contains("not base64"),
        "{}",
        told()
    );
    file("agent.id", "no key", 0o644);
    assert!(told().contains("gossip.identity") && told().contains("chmod 600"), "{}", told());
    // The first start makes it.
    std::fs::remove_file(files.dir.path().join("agent.id")).unwrap();
    file("token", "0123456789abcdef", 0o644);
    assert!(told().contains("pmq.toml:15:8: attach.zeromq.token[0].file = \"token\"") && told().contains("chmod 0600"), "{}", told());
    file("token", "0123456789abcdef", 0o600);
    assert!(
        told().contains("pmq.toml:6:20: attach.grpc.tls.certificate_file = \"agent.crt\": cannot read the certificate file"),
        "{}",
        told()
    );
    Files::new(AGENT, &[("weather.toml", NETWORK)]).load(&[], &[]).unwrap().check_files().unwrap();
    let nowhere = Files::new(&format!("{AGENT}[gossip]\nidentity = \"keys/agent.id\"\n"), &[("weather.toml", NETWORK)]);
    let error = nowhere.load(&[], &[]).unwrap().check_files().unwrap_err();
    assert!(error.key.as_deref() == Some("gossip.identity") && error.what.contains("there is no directory"), "{error}");
}
