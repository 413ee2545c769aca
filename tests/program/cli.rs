//! The commands from outside: exit codes, what goes to stdout and what to stderr.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use serde_json::Value;

/// The program in a directory of its own, without any setting of the surroundings.
fn pmq(dir: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("pmq"));
    command.current_dir(dir).env_clear().env("HOME", dir).timeout(Duration::from_secs(20));
    command
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn configs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs")
}

fn with_files(agent: &str, network: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("pmq.toml"), agent).unwrap();
    std::fs::write(dir.path().join("minimal-network.toml"), network).unwrap();
    dir
}

fn minimal() -> tempfile::TempDir {
    let read = |name| std::fs::read_to_string(configs().join(name)).unwrap();
    with_files(&read("minimal.toml"), &read("minimal-network.toml"))
}

#[test]
fn a_wrong_command_line_exits_64() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [
        vec!["--frobnicate"],
        vec!["config", "chek"],
        vec![],
        vec!["-v", "-q", "config", "check"],
        vec!["--output", "xml", "config", "check"],
    ] {
        let ran = run(pmq(dir.path()).args(&arguments));
        assert_eq!((ran.code, ran.out.as_str()), (64, ""), "{arguments:?}: {}", ran.err);
        assert!(!ran.err.is_empty());
    }
    let ran = run(pmq(dir.path()).arg("--version"));
    assert_eq!((ran.code, ran.out), (0, format!("pmq {}\n", env!("CARGO_PKG_VERSION"))));
    assert_eq!(run(pmq(dir.path()).arg("--help")).code, 0);
}

#[test]
fn check_says_what_the_settings_cost() {
    let dir = minimal();
    let ran = run(pmq(dir.path()).args(["config", "check"]));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for part in
        ["pmq.toml: ok, 1 network", "message cache", "duplicate cache", "validation-queue", "delivery", "windows of parents", "in all"]
    {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let ran = run(pmq(dir.path()).args(["config", "check", "--output", "json"]));
    let checked: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &checked["ok"], &checked["networks"][0]["name"]), (0, &Value::Bool(true), &Value::from("minimal")));
    assert!(checked["memory"][1]["expected_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn a_mistake_exits_78_within_a_second_and_names_the_place() {
    let dir = minimal();
    let network = std::fs::read_to_string(dir.path().join("minimal-network.toml")).unwrap();
    std::fs::write(dir.path().join("minimal-network.toml"), network.replace("use = \"delivery\"", "use = \"delivry\"")).unwrap();
    let started = Instant::now();
    let ran = run(pmq(dir.path()).args(["config", "check"]));
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!((ran.code, ran.out.as_str()), (78, ""));
    let expected = "pmq: minimal-network.toml:10:7: stage[1].use = \"delivry\": unknown stage \"delivry\"; did you mean delivery? \
                    Allowed: admission, decode, delivery, sequence-window, validation-queue\n";
    assert_eq!(ran.err, expected);

    let ran = run(pmq(dir.path()).args(["config", "check", "--output", "json"]));
    assert_eq!((ran.code, ran.out.as_str()), (78, ""));
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    let detail = &error["error"]["detail"];
    assert_eq!((&detail["line"], &detail["column"], &detail["key"]), (&Value::from(10), &Value::from(7), &Value::from("stage[1].use")));
}

#[test]
fn check_refuses_what_run_refuses_in_the_same_words() {
    for (setting, said) in [
        ("ops.listen=\"127.0.0.1:4001\"", "gossip.listen[0] = \"/ip4/0.0.0.0/tcp/4001\": ops.listen takes the same port"),
        ("agent.shutdown_within=18446744073709551615s", "agent.shutdown_within"),
        ("gossip.identity=pmq.toml", "gossip.identity = pmq.toml: identity file pmq.toml: mode"),
    ] {
        let dir = minimal();
        let of = |command: &[&str]| run(pmq(dir.path()).args(command).args(["--set", setting]));
        let (checked, started) = (of(&["config", "check"]), of(&["run"]));
        assert_eq!((checked.code, started.code, &checked.err), (78, 78, &started.err), "{setting}");
        assert!(checked.err.contains(said), "{}", checked.err);
    }
}

#[test]
fn a_missing_file_exits_78_and_says_where_it_was_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run(pmq(dir.path()).args(["config", "check"]));
    assert_eq!(ran.code, 78);
    assert!(
        ran.err.contains("pmq.toml") && ran.err.contains(".config/pmq/pmq.toml") && ran.err.contains("/etc/pmq/pmq.toml"),
        "{}",
        ran.err
    );
    let ran = run(pmq(dir.path()).args(["config", "check", "-c", "nowhere.toml"]));
    assert_eq!(ran.code, 78);
    assert!(ran.err.contains("nowhere.toml: cannot be read"), "{}", ran.err);
}

#[test]
fn environment_and_flags_reach_the_program() {
    let dir = minimal();
    let value = |command: &mut Command| {
        let ran = run(command.args(["config", "show", "--output", "json"]));
        assert_eq!(ran.code, 0, "{}", ran.err);
        let shown: Value = serde_json::from_str(&ran.out).unwrap();
        shown["settings"].as_array().unwrap().iter().find(|setting| setting["key"] == "ops.listen").unwrap()["value"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(value(&mut pmq(dir.path())), "\"127.0.0.1:9464\"");
    assert_eq!(value(pmq(dir.path()).env("PMQ__OPS__LISTEN", "127.0.0.1:1")), "127.0.0.1:1");
    assert_eq!(value(pmq(dir.path()).env("PMQ__OPS__LISTEN", "127.0.0.1:1").args(["--set", "ops.listen=127.0.0.1:2"])), "127.0.0.1:2");

    const SECRET: &str = "CAESQHr4";
    let ran = run(pmq(dir.path()).env("PMQ__GOSSIP__IDENTITY_KEY", SECRET).args(["config", "check"]));
    assert_eq!(ran.code, 78);
    assert!(ran.err.contains("PMQ__GOSSIP__IDENTITY_KEY") && ran.err.contains("0600") && !ran.err.contains(SECRET), "{}", ran.err);
}

#[test]
fn default_prints_files_that_work() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, name) in [(vec!["config", "default"], "pmq.toml"), (vec!["config", "default", "--network"], "reference-network.toml")] {
        let ran = run(pmq(dir.path()).args(arguments));
        assert_eq!(ran.code, 0);
        std::fs::write(dir.path().join(name), ran.out).unwrap();
    }
    assert_eq!(run(pmq(dir.path()).args(["config", "check"])).code, 0);
}

#[test]
fn a_key_is_made_once_and_never_shown() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let made = run(pmq(dir.path()).args(["key", "generate", "identity.key"]));
    assert_eq!(made.code, 0, "{}", made.err);
    let peer = made.out.trim();
    assert!(peer.starts_with("12D3KooW") && peer.len() == 52, "{peer}");
    let path = dir.path().join("identity.key");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let shown = run(pmq(dir.path()).args(["key", "inspect", "identity.key", "--output", "json"]));
    let value: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!((shown.code, value["peer_id"].as_str()), (0, Some(peer)));
    let key = std::fs::read_to_string(&path).unwrap();
    assert!(!format!("{}{}{}{}", made.out, made.err, shown.out, shown.err).contains(key.trim()));

    let again = run(pmq(dir.path()).args(["key", "generate", "identity.key"]));
    assert_eq!((again.code, again.out.as_str()), (78, ""));
    assert!(again.err.contains("never replaced"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), key);

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = run(pmq(dir.path()).args(["key", "inspect", "identity.key"]));
    assert_eq!(open.code, 78);
    assert!(open.err.contains("chmod 600"), "{}", open.err);
}

/// Answers one request with `answer` and hands the request back.
fn answer_once(answer: &'static str) -> (std::net::SocketAddr, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut request = String::new();
        let mut lines = BufReader::new(&stream);
        while !request.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut request).unwrap(), 0, "the request ends early: {request}");
        }
        stream.write_all(answer.as_bytes()).unwrap();
        request
    });
    (address, server)
}

#[test]
fn health_exits_0_when_ready_and_69_when_not() {
    let dir = minimal();
    let ready = "HTTP/1.0 200 OK\r\n\r\n{\"ready\":true,\"subsystems\":{\"gossip\":{\"ready\":true,\"detail\":{\"peers\":3}}}}";
    let (address, server) = answer_once(ready);
    let ran = run(pmq(dir.path()).env("PMQ__OPS__LISTEN", address.to_string()).arg("health"));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("ready\n") && ran.out.contains("gossip") && ran.out.contains("{\"peers\":3}"), "{}", ran.out);
    assert!(server.join().unwrap().starts_with("GET /health "));

    let missing =
        "HTTP/1.0 503 Service Unavailable\r\n\r\n{\"ready\":false,\"subsystems\":{\"attach\":{\"ready\":false,\"detail\":\"starting\"}}}";
    let (address, server) = answer_once(missing);
    let ran = run(pmq(dir.path()).args(["health", "--output", "json", "--address", &address.to_string()]));
    assert_eq!(ran.code, 69);
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap()["subsystems"]["attach"]["detail"], "starting");
    server.join().unwrap();
}

#[test]
fn health_exits_69_when_nobody_answers_or_somebody_else() {
    let dir = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let ran = run(pmq(dir.path()).args(["health", "--address", &free]));
    assert_eq!((ran.code, ran.out.as_str()), (69, ""));
    assert!(ran.err.contains(&free) && ran.err.contains("is it running"), "{}", ran.err);

    let (address, server) = answer_once("HTTP/1.0 200 OK\r\n\r\n<html>");
    let ran = run(pmq(dir.path()).args(["health", "--address", &address.to_string()]));
    assert_eq!(ran.code, 69);
    server.join().unwrap();

    // Listens, and never accepts.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let started = Instant::now();
    let ran = run(pmq(dir.path()).args(["health", "--timeout", "200ms", "--address", &silent.local_addr().unwrap().to_string()]));
    assert_eq!(ran.code, 69);
    assert!(started.elapsed() < Duration::from_secs(5) && ran.err.contains("no answer within 200ms"), "{}", ran.err);
}

#[test]
fn control_commands_find_the_socket_beside_that_of_the_parents() {
    let dir = minimal();
    let set = format!("attach.unix.path={}", dir.path().join("run/agent.sock").display());
    for command in [["parents"].as_slice(), &["tap"], &["publish", "minimal"]] {
        let ran = run(pmq(dir.path()).args(command).args(["--set", &set]));
        assert_eq!((ran.code, ran.out.as_str()), (69, ""), "{command:?}");
        assert!(ran.err.contains("run/control.sock") && ran.err.contains("is it running"), "{}", ran.err);
        let ran = run(pmq(dir.path()).args(command).args(["--set", "control.enabled=false", "--output", "json"]));
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!((ran.code, &error["error"]["exit"]), (78, &Value::from(78)), "{command:?}");
    }
    for (command, said) in
        [(["tap", "--outcome", "expired"], "accept, ignore, reject"), (["publish", "t", "--rate=-1"], "from 0.001 to 1000000")]
    {
        let ran = run(pmq(dir.path()).args(command));
        assert!(ran.code == 64 && ran.err.contains(said), "{}", ran.err);
    }
}
