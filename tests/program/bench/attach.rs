//! `pmq bench attach`, with its processes.

use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn pmq(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmq"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> (Output, String) {
    let output = pmq(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {errors}", output.status);
    (output, errors)
}

#[test]
fn every_transport_is_measured_with_a_parent_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let plot = dir.path().join("attach.svg");
    let mut arguments = vec!["--output", "json", "bench", "attach", "--quick", "--size", "64,65536", "--in-flight", "1,64"];
    arguments.extend(["--plot", plot.to_str().unwrap()]);
    let (output, errors) = run(&arguments);
    assert_eq!(errors, "");
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (list, key, names) in
        [("rows", "attach", &["unix", "zeromq", "quic", "grpc", "memory"][..]), ("links", "link", &["unix", "zeromq", "raw"])]
    {
        let rows = object[list].as_array().unwrap();
        assert_eq!(rows.len(), names.len() * 2 * 2, "{rows:?}");
        for row in rows {
            assert!(names.contains(&row[key].as_str().unwrap()), "{row}");
            assert!(row["verdicts_per_s"].as_f64().unwrap() > 0.0, "{row}");
            let rtt = ["p50", "p99", "p999"].map(|at| row["rtt_us"][at].as_f64().unwrap());
            assert!(rtt[0] > 0.0 && rtt.is_sorted(), "{row}");
            assert_eq!(row["in_flight"] == 1, row["idle_rtt_us"]["p50"].as_f64().is_some_and(|p50| p50 > 0.0), "{row}");
            assert_eq!(row["cpu_us"]["parent"].is_number(), row[key] != "memory", "{row}");
        }
    }
    assert_eq!(object["link_ratios"].as_array().unwrap().len(), 2 * 2);
    let picture = std::fs::read_to_string(&plot).unwrap();
    for word in ["zeromq link", "raw socket", "memory", "64 KiB", "99 %"] {
        assert!(picture.contains(word), "{word}");
    }
}

#[test]
fn people_get_tables() {
    let (output, _) = run(&["bench", "attach", "--quick", "--link", "--size", "256", "--in-flight", "64"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("zeromq / unix") && text.contains("256 B") && !text.contains("Sessions"), "{text}");
}

#[test]
fn a_parent_ends_with_its_stdin() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("agent.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let setup = format!(r#"{{"work":"verify","url":"unix://{}","window":[1,1],"size":1}}"#, socket.display());
    let mut parent = pmq(&["bench-node", "attach-parent", &setup]).stdin(Stdio::piped()).spawn().unwrap();
    // It has come, and waits for a welcome.
    let _link = listener.accept().unwrap();
    drop(parent.stdin.take());
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = parent.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it goes on without its starter");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success(), "{status}");
}

#[test]
fn a_process_of_an_unknown_kind_is_named() {
    let output = pmq(&["bench-node", "attach-nobody", "{}"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("attach-nobody"), "{errors}");
}
