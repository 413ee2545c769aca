//! The demo as its user runs it. Both runs take real time: rounds, outages and drains are what is tested.

use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

/// One run at a time: each has about 30 processes.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmq"));
    command.args(["demo", "--output", "json"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn run(arguments: &[&str]) -> (Output, Value) {
    let output = start(arguments).wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let object = serde_json::from_str(&text).unwrap_or_else(|error| panic!("stdout is not one object: {error}\n{text}\n{errors}"));
    (output, object)
}

fn number(object: &Value, path: &str) -> u64 {
    object.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} in {object}"))
}

/// Processes whose parent is `pid`.
fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task");
    let tasks = std::fs::read_dir(path).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>()).collect()
}

fn command_line(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// Waits for something that has to come.
fn until<T>(what: &str, bound: Duration, mut seen: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + bound;
    loop {
        if let Some(seen) = seen() {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what} did not come within {bound:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn every_promise_is_kept_and_the_dishonest_node_is_graylisted() {
    let _one = ONE_AT_A_TIME.lock();
    let (output, object) = run(&["--seconds", "22"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{object:#}\n{errors}");
    assert_eq!(object["ok"], true);
    assert_eq!(object["networks"].as_array().unwrap().len(), 3);
    let mut rejected = 0;
    for index in 0..3 {
        let of = |key: &str| number(&object, &format!("/networks/{index}/{key}"));
        assert!(of("published") > 80, "{object:#}");
        assert_eq!(of("expected_deliveries"), of("published") * 12);
        assert!(of("delivered") + of("unverified_reported") + of("gap_reported") >= of("expected_deliveries"));
        assert!(of("invalid_sent") > 0, "{object:#}");
        rejected += of("verdicts/reject");
        assert_eq!((of("lost"), of("invalid_delivered"), of("invalid_forwarded")), (0, 0, 0));
    }
    // A few are enough: who is graylisted is not read any more, on whatever network.
    assert!(rejected > 0, "{object:#}");
    assert!(object["dishonest"]["graylisted_after_s"].is_f64() && object["dishonest"]["score"].as_f64().unwrap() < 0.0, "{object:#}");
    assert!(errors.contains("its neighbours had 0 of its invalid messages"), "{errors}");
    for (restart, (down, missed)) in [(2.0, false), (8.0, true)].into_iter().enumerate() {
        let restart = &object["parent_restart"][restart];
        assert!((restart["down_s"].as_f64().unwrap() - down).abs() < 0.5, "{object:#}");
        assert_eq!(number(restart, "/forwarded_while_down"), 0);
        assert_eq!(number(restart, "/missed") > 0, missed, "{object:#}");
        assert!(number(restart, "/unverified_reported") >= number(restart, "/missed"));
        assert!(restart["resumed_after_s"].as_f64().unwrap() < 3.0, "{object:#}");
    }
}

#[test]
fn the_transport_makes_no_difference() {
    let _one = ONE_AT_A_TIME.lock();
    for attach in ["zeromq", "quic", "grpc", "mixed"] {
        let (output, object) = run(&["--attach", attach, "--seconds", "16", "--networks", "1"]);
        assert!(output.status.success(), "{object:#}\n{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(object["attach"], attach);
        assert!(number(&object, "/networks/0/published") > 40, "{object:#}");
        assert_eq!(number(&object, "/networks/0/lost"), 0, "{object:#}");
    }
}

#[test]
fn parents_in_go_that_cannot_be_are_told_with_the_mend() {
    let told = |arguments: &[&str], path: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pmq"));
        let output = command.arg("demo").args(arguments).env("PATH", path).stdin(Stdio::null()).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    let text = told(&["--go-parents", "2"], "/nonexistent");
    assert!(text.contains("no Go toolchain") && text.contains("leave --go-parents out"), "{text}");
    let text = told(&["--go-parents", "4", "--networks", "1"], "/nonexistent");
    assert!(text.contains("at most 3 parents"), "{text}");
    let text = told(&["--go-parents", "1", "--go-source", "docs"], "/nonexistent");
    assert!(text.contains("docs holds no don-parent") && text.contains("--go-source"), "{text}");
}

/// How often an agent had a neighbour over TCP, and over QUIC.
fn neighbours(errors: &str) -> [u64; 2] {
    let line = errors.lines().find(|line| line.contains("neighbours over TCP")).unwrap_or_else(|| panic!("{errors}"));
    let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    numbers.try_into().unwrap()
}

#[test]
fn the_overlays_transport_makes_no_difference() {
    let _one = ONE_AT_A_TIME.lock();
    for overlay in ["quic", "both"] {
        let (output, object) = run(&["--overlay", overlay, "--seconds", "16", "--networks", "1"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{object:#}\n{errors}");
        assert!(number(&object, "/networks/0/published") > 40, "{object:#}");
        assert_eq!(number(&object, "/networks/0/lost"), 0, "{object:#}");
        let [tcp, quic] = neighbours(&errors);
        assert!(quic >= 4 && if overlay == "both" { tcp >= 4 } else { tcp == 0 }, "{errors}");
    }
}

#[test]
fn without_scores_nobody_is_graylisted() {
    let _one = ONE_AT_A_TIME.lock();
    let (output, object) = run(&["--seconds", "20", "--networks", "1", "--scoring", "off"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(object["dishonest"]["graylisted_after_s"].is_null(), "{object:#}");
    assert!(number(&object, "/networks/0/verdicts/reject") > 3, "it goes on being rejected: {object:#}\n{errors}");
    assert!(errors.contains("its neighbours had ") && !errors.contains("its neighbours had 0 of"), "{errors}");
    assert!(output.status.success(), "what scoring does not do, the verifier still does: {object:#}\n{errors}");
}

#[test]
fn a_killed_agent_is_named_and_the_others_go_on() {
    let _one = ONE_AT_A_TIME.lock();
    let demo = start(&["--seconds", "16", "--networks", "2"]);
    let config = |pid: u32| command_line(pid).split(' ').find(|word| word.ends_with("quakes-2/pmq.toml")).map(str::to_owned);
    let (agent, config) =
        until("an agent", Duration::from_secs(20), || children(demo.id()).into_iter().find_map(|pid| Some((pid, config(pid)?))));
    let facts = config.replace("pmq.toml", "facts.jsonl");
    let deliveries = || std::fs::read_to_string(&facts).unwrap_or_default().matches("\"delivered\"").count();
    until("deliveries", Duration::from_secs(40), || (deliveries() > 40).then_some(()));
    kill(agent);
    let output = demo.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(errors.contains("quakes-2's agent ended"), "{errors}");
    for index in 0..2 {
        let of = |key: &str| number(&object, &format!("/networks/{index}/{key}"));
        assert_eq!(of("expected_deliveries"), of("published") * 7, "the dead one is no live consumer: {object:#}");
        assert!(of("published") > 40, "{object:#}");
        assert_eq!(of("lost"), 0, "{object:#}\n{errors}");
    }
}

#[test]
fn when_the_demo_is_killed_nothing_stays_behind() {
    let _one = ONE_AT_A_TIME.lock();
    let mut demo = start(&["--networks", "1"]);
    let all = until("all processes", Duration::from_secs(30), || Some(children(demo.id())).filter(|all| all.len() >= 14));
    let work = all
        .iter()
        .find_map(|pid| command_line(*pid).split(' ').find_map(|word| word.strip_suffix("/weather-0/pmq.toml").map(str::to_owned)));
    demo.kill().unwrap();
    demo.wait().unwrap();
    until("the end of all processes", Duration::from_secs(10), || all.iter().all(|pid| command_line(*pid).is_empty()).then_some(()));
    let mut text = String::new();
    demo.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "");
    // A killed demo cannot clear up: this is the one thing that it leaves.
    std::fs::remove_dir_all(work.expect("weather-0's agent was among them")).unwrap();
}

#[test]
fn interrupted_it_ends_with_130_and_leaves_nobody() {
    let _one = ONE_AT_A_TIME.lock();
    let mut demo = start(&["--networks", "1"]);
    let all = until("all processes", Duration::from_secs(30), || Some(children(demo.id())).filter(|all| all.len() >= 14));
    assert!(Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap().success());
    assert_eq!(demo.wait().unwrap().code(), Some(130));
    assert!(all.iter().all(|pid| command_line(*pid).is_empty()), "all had ended before the demo did");
}

#[test]
fn a_killed_parent_is_named_and_breaks_no_promise() {
    let _one = ONE_AT_A_TIME.lock();
    let demo = start(&["--seconds", "16", "--networks", "2"]);
    let setup = |pid: u32| command_line(pid).split(' ').find(|word| word.ends_with("quakes-2/parent.json")).map(str::to_owned);
    let (parent, setup) =
        until("a parent", Duration::from_secs(30), || children(demo.id()).into_iter().find_map(|pid| Some((pid, setup(pid)?))));
    let facts = setup.replace("parent.json", "facts.jsonl");
    let deliveries = || std::fs::read_to_string(&facts).unwrap_or_default().matches("\"delivered\"").count();
    until("deliveries", Duration::from_secs(40), || (deliveries() > 40).then_some(()));
    kill(parent);
    let output = demo.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(errors.contains("quakes-2's parent ended"), "{errors}");
    assert!(output.status.success(), "{object:#}\n{errors}");
    for index in 0..2 {
        assert_eq!(number(&object, &format!("/networks/{index}/lost")), 0, "{object:#}");
    }
}

fn kill(pid: u32) {
    let status = Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(status.success());
}
