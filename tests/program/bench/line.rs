//! `pmq bench line`, with its processes: six of agents and parents, three raw nodes.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn pmq(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmq"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Low rates: what is tested is that it works.
const LOW: [&str; 8] = ["bench", "line", "--quick", "--seconds", "0.1", "--from", "100", "--up-to"];

fn line(arguments: &[&str]) -> Vec<String> {
    ["--output", "json"].iter().chain(&LOW).chain(&["150"]).chain(arguments).map(|word| (*word).to_owned()).collect()
}

fn run(arguments: &[&str]) -> Value {
    let words = line(arguments);
    let output = pmq(&words.iter().map(String::as_str).collect::<Vec<_>>()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    assert!(errors.starts_with("pmq bench: about"), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Rates that nobody bears: what fails is waited for, told, and ends nothing.
#[test]
fn a_rate_that_is_too_high_is_found_and_what_it_loses_is_told() {
    let arguments = ["--output", "json", "bench", "line", "--quick", "--seconds", "0.05", "--from", "20000", "--at", "500000"];
    let output = pmq(&arguments).args(["--size", "256", "--transport", "tcp", "--attach", "unix"]).output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &object["rows"][0];
    let number = |pointer: &str| row.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {row}")).as_f64().unwrap();
    for who in ["raw", "agent"] {
        let highest = number(&format!("/throughput/{who}"));
        assert!(0.0 < highest && highest < 1e6, "{row}");
        assert!(number(&format!("/fixed_us/{who}_lost")) + number(&format!("/fixed_us/{who}_behind")) > 0.0, "{row}");
    }
}

#[test]
fn a_setting_of_the_agents_is_no_setting_of_a_bench() {
    let output = pmq(&["bench", "attach", "--quick", "--set", "agent.threads=2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--node-set"));
}

/// Processes whose parent is `pid`.
fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>()).collect()
}

fn until(what: &str, mut seen: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !seen() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn messages_get_through_raw_nodes_and_through_agents_with_parents() {
    let dir = tempfile::tempdir().unwrap();
    let plot = dir.path().join("line.svg");
    let object = run(&["--size", "256", "--transport", "tcp", "--attach", "unix", "--plot", plot.to_str().unwrap()]);
    let rows = object["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{object}");
    let row = &rows[0];
    assert_eq!((&row["transport"], &row["attach"], &row["size"]), (&"tcp".into(), &"unix".into(), &256.into()));
    for figure in ["/throughput/raw", "/throughput/agent", "/cpu_us/raw", "/cpu_us/agent", "/cpu_us/parent", "/idle_us/ratio"] {
        assert!(row.pointer(figure).unwrap().as_f64().unwrap() > 0.0, "{figure} in {row}");
    }
    for latency in [&row["idle_us"], &row["loaded_us"][2]] {
        // A verdict for C's parent comes before the delivery.
        assert!(latency["agent_first_sight"]["p50"].as_f64().unwrap() <= latency["agent"]["p50"].as_f64().unwrap(), "{latency}");
    }
    assert!(row["loss"]["raw_sent"].as_u64().unwrap() > 0);
    assert!(std::fs::read_to_string(&plot).unwrap().contains("agents, unix"));
}

#[test]
fn only_the_middle_one_may_be_an_agent() {
    let object = run(&["--size", "1024", "--transport", "quic", "--attach", "zeromq", "--agents", "b", "--raw-reports"]);
    let row = &object["rows"][0];
    assert!(row["cpu_us"]["parent"].as_f64().unwrap() > 0.0, "{row}");
    assert!(row["idle_us"]["agent_first_sight"].is_null(), "C is a raw node: {row}");
    assert_eq!((&object["settings"]["agents"], &object["settings"]["raw_verdicts"]), (&"b".into(), &"reported".into()));
}

/// Starts a run that takes long, and waits until its processes run.
fn started() -> (Child, Vec<u32>) {
    let rates = ["--seconds", "0.2", "--from", "100", "--up-to", "150"];
    let child = pmq(&[&["bench", "line", "--size", "256", "--transport", "tcp", "--attach", "unix"], &rates[..]].concat()).spawn().unwrap();
    until("three agents and their parents", || children(child.id()).len() == 6);
    let pids = children(child.id());
    (child, pids)
}

fn gone(pid: u32) -> bool {
    // One that nobody has waited for yet has ended all the same.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_or(true, |stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}

#[test]
fn an_interrupted_run_takes_its_processes_and_files_with_it() {
    let (mut child, pids) = started();
    let dirs = |pid: u32| {
        let name = format!("pmq-line-{pid}-");
        std::fs::read_dir(std::env::temp_dir())
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&name))
            .count()
    };
    assert_eq!(dirs(child.id()), 1);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    until("their end", || pids.iter().all(|pid| gone(*pid)));
    assert_eq!(dirs(child.id()), 0);
}

#[test]
fn a_process_that_ends_ends_the_run_with_its_log() {
    let (mut child, pids) = started();
    let agent = pids.iter().find(|pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap().contains("\0run\0")).unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(*agent).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(errors.contains("has ended"), "{errors}");
    until("their end", || pids.iter().all(|pid| gone(*pid)));
}

#[test]
fn a_node_that_cannot_start_says_why() {
    let output =
        pmq(&["bench", "line", "--quick", "--size", "256", "--transport", "tcp", "--node-set", "gossip.mesh.n=0"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("mesh.n"), "{errors}");
}

#[test]
fn a_raw_node_ends_with_its_stdin() {
    let dir = tempfile::tempdir().unwrap();
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/minimal.toml");
    let key = dir.path().join("identity.key");
    assert!(pmq(&["key", "generate", key.to_str().unwrap()]).status().unwrap().success());
    let identity = format!("gossip.identity={}", key.display());
    let setup = serde_json::json!({ "config": config, "set": ["gossip.listen=[\"/ip4/127.0.0.1/tcp/0\"]", identity], "verdicts": "none" });
    let mut node = pmq(&["bench-node", "line-raw", &setup.to_string()]).stdin(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(node.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "\"ready\"");
    drop(node.stdin.take());
    assert!(node.wait().unwrap().success());
}

#[test]
fn a_raw_node_without_its_file_names_it() {
    let mut node =
        pmq(&["bench-node", "line-raw", r#"{"config":"/nowhere.toml","set":[],"verdicts":"none"}"#]).stdin(Stdio::piped()).spawn().unwrap();
    assert!(!node.wait().unwrap().success(), "there is no such file");
    let mut line = String::new();
    BufReader::new(node.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("/nowhere.toml"), "{line}");
}
