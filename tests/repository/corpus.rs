//! Every input that the fuzzers keep, on stable: what was found once stays found. The bodies are the fuzzers' own.

#[path = "../../fuzz/src/lib.rs"]
mod fuzzing;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use fuzzing::{TARGETS, seeds};

/// Set to write the seeds anew, after a change of what they are made of.
const WRITE: &str = "PMQ_WRITE_SEEDS";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn kept(target: &str) -> Vec<PathBuf> {
    let folder = root().join("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn shipped(name: &str) -> String {
    fs::read_to_string(root().join("configs").join(name)).unwrap()
}

#[test]
fn everything_that_is_kept_passes() {
    let mut failed: Vec<PathBuf> = Vec::new();
    for (target, run) in TARGETS {
        let files = kept(target);
        assert!(!files.is_empty(), "{target} has no corpus");
        for file in files {
            let data = fs::read(&file).unwrap();
            if catch_unwind(|| run(&data)).is_err() {
                failed.push(file);
            }
        }
    }
    assert!(failed.is_empty(), "see the panics above: {failed:#?}");
}

#[test]
fn seeds_are_what_the_code_makes_now() {
    for (target, name, data) in seeds(shipped) {
        let file = root().join("fuzz/corpus").join(target).join(format!("seed-{name}"));
        if std::env::var_os(WRITE).is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &data).unwrap();
        }
        let there = fs::read(&file).unwrap_or_default();
        assert!(there == data, "{} is out of date: run the tests once with {WRITE}=1", file.display());
    }
}

/// A seed that gets nowhere tests nothing: steps are numbers, and a change of what is read before them shifts them all.
#[test]
fn seeds_get_where_they_should() {
    let nowhere = ["mistake", "trim", "no-role", "not-granted", "half-a-welcome", "refused"];
    for (target, name, data) in seeds(shipped) {
        let run = TARGETS.iter().find(|(known, _)| *known == target).unwrap().1;
        assert_eq!(run(&data), !nowhere.contains(&&*name), "{target}: {name}");
    }
}

/// Small enough for a repository, and for every run of the tests.
#[test]
fn the_corpus_is_small() {
    let files: Vec<PathBuf> = TARGETS.iter().flat_map(|(target, _)| kept(target)).collect();
    let bytes: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(bytes < 1_000_000, "{bytes} bytes");
    for (target, _) in TARGETS {
        let count = kept(target).len();
        assert!(count <= 300, "{target} keeps {count} inputs: minimise it");
    }
}

#[test]
fn every_target_has_a_fuzzer() {
    for (target, _) in TARGETS {
        let fuzzer = fs::read_to_string(root().join(format!("fuzz/fuzz_targets/{target}.rs"))).unwrap();
        assert!(fuzzer.contains(&format!("pmq_fuzz::{target}(data);")));
    }
    assert_eq!(fs::read_dir(root().join("fuzz/fuzz_targets")).unwrap().count(), TARGETS.len());
}
