//! `pmq bench agent`, with its processes.

use std::process::{Command, Stdio};

use serde_json::Value;

#[test]
fn the_whole_agent_is_measured_with_a_parent_process_over_every_transport() {
    let dir = tempfile::tempdir().unwrap();
    let plot = dir.path().join("agent.svg");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmq"));
    command.args(["--output", "json", "bench", "agent", "--quick", "--seconds", "0.1", "--size", "256", "--stack", "full", "--plot"]);
    let output = command.arg(&plot).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(object["machine"]["cores"].as_u64().unwrap() > 0);
    let rows = object["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| (row["attach"].as_str().unwrap(), row["work"].as_str().unwrap())).collect();
    let all = ["consume", "verify"].map(|work| ["unix", "zeromq", "memory"].map(|attach| (attach, work))).concat();
    assert_eq!(names, all);
    for row in rows {
        assert!(row["throughput"]["per_s"].as_f64().unwrap() > 0.0, "{row}");
        assert_eq!((&row["lost"], &row["in_flight"]), (&0.into(), &4_096.into()), "{row}");
        assert!(row["cpu_us"]["agent"].as_f64().unwrap() > 0.0, "{row}");
        assert_eq!(row["cpu_us"]["parent"].is_number(), row["attach"] != "memory", "{row}");
        let loaded = row["loaded_us"].as_array().unwrap();
        assert_eq!(loaded.len(), if row["work"] == "consume" { 3 } else { 0 });
        for at in loaded {
            for end in ["report", "delivery"] {
                let percentiles = ["p50", "p99", "p999"].map(|key| at[end][key].as_f64().unwrap());
                assert!(percentiles[0] > 0.0 && percentiles.is_sorted(), "{at}");
            }
        }
    }
    let picture = std::fs::read_to_string(&plot).unwrap();
    assert!(picture.contains("zeromq, full stack") && picture.contains("due to delivery"), "{picture}");
}

#[test]
fn a_parent_without_an_agent_says_so() {
    let setup = r#"{"url":"unix:///nowhere/at/all.sock","work":"consume"}"#;
    let output = Command::new(env!("CARGO_BIN_EXE_pmq")).args(["bench-node", "agent-parent", setup]).stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no agent listens at"), "{}", String::from_utf8_lossy(&output.stderr));
}
