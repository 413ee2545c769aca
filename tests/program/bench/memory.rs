//! `pmq bench memory`, with its processes.

use std::process::{Command, Stdio};

use serde_json::Value;

#[test]
fn memory_is_measured_idle_and_under_load_beside_its_prediction() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmq"));
    command.args(["--output", "json", "bench", "memory", "--quick", "--rate", "300", "--size", "1024"]).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(object["idle"]["median"].as_f64().unwrap() > 1e6, "{object}");
    let row = &object["rows"][0];
    assert_eq!((&row["size"], row["items"].as_array().unwrap().len()), (&1_024.into(), 6));
    assert!(row["rate"].as_f64().unwrap() > 10.0, "{row}");
    // Messages of more than 200 ms were without a verdict.
    assert!(row["pending"][0].as_u64().unwrap() > 60, "{row}");
    let sum: u64 = row["items"].as_array().unwrap().iter().map(|item| item["bytes"].as_u64().unwrap()).sum();
    assert_eq!(row["predicted"]["median"].as_f64().unwrap(), sum as f64);
    assert!(row["measured"]["median"].as_f64() > object["idle"]["low"].as_f64(), "{object}");
}

#[test]
fn it_draws_nothing() {
    let output = Command::new(env!("CARGO_BIN_EXE_pmq")).args(["bench", "memory", "--plot", "/nowhere/at.svg"]).output().unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("--plot"));
}
