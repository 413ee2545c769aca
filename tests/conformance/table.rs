//! The table of promises and transports, made from the results of a whole run.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use libtest_mimic::Arguments;

use crate::transports::TRANSPORTS;
use crate::{cases, legacy};

/// Set to write the file instead of comparing it.
const WRITE: &str = "PMQ_CONFORMANCE_WRITE";

/// The pairs of case and transport that have passed in this run.
#[derive(Clone, Default)]
pub struct Passed(Arc<Mutex<BTreeSet<(&'static str, &'static str)>>>);

impl Passed {
    pub fn note(&self, case: &'static str, transport: &'static str) {
        self.0.lock().unwrap().insert((case, transport));
    }

    fn cell(&self, case: &'static str, transport: &'static str) -> &'static str {
        if self.0.lock().unwrap().contains(&(case, transport)) { "yes" } else { "" }
    }
}

/// Whether the command line asks for every case on every transport.
pub fn is_whole(arguments: &Arguments) -> bool {
    arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list && !arguments.ignored && !arguments.bench
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md")
}

/// Writes the file, or compares it with what would be written.
pub fn settle(passed: &Passed) -> Result<(), String> {
    let (file, now) = (file(), render(passed));
    if std::env::var_os(WRITE).is_some() {
        return std::fs::write(&file, now).map_err(|error| format!("{}: {error}", file.display()));
    }
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    if before == now {
        return Ok(());
    }
    let differs = |(a, b): (&str, &str)| a != b;
    let line = before.lines().zip(now.lines()).position(differs).unwrap_or_else(|| before.lines().count().min(now.lines().count()));
    Err(format!(
        "docs/conformance.md is not what this run has shown, from line {} on. It is made from results, never by hand: \
         {WRITE}=1 cargo test --test conformance",
        line + 1
    ))
}

fn render(passed: &Passed) -> String {
    let mut out = String::from(
        "# Conformance\n\nWhat every transport has been seen to keep: each row is a case of `tests/conformance/`, each column a transport, each cell the result of \
         that case\nover that transport, against a real agent with real neighbours. The suite writes this file and fails when it differs from what a run shows:\n\
         `PMQ_CONFORMANCE_WRITE=1 cargo test --test conformance`. One case: `cargo test --test conformance NAME`.\n",
    );
    out.push_str(
        "\nIf nothing else is said, the agent is `pmq run` in a process of its own and is killed by SIGKILL, and so is a parent that is killed. Neighbours are agents, too:\none sends the messages, another one behind the agent sees what is forwarded.\n\n",
    );
    let columns = || TRANSPORTS.iter().chain([&legacy::TRANSPORT]);
    columns().for_each(|transport| _ = writeln!(out, "- **{}**: {}", transport.name, transport.about));
    for (theme, cases) in cases::THEMES {
        let _ = write!(out, "\n## {theme}\n\n| promise | case |");
        columns().for_each(|transport| _ = write!(out, " {} |", transport.name));
        out.push_str("\n|---|---|");
        columns().for_each(|_| out.push_str("---|"));
        out.push('\n');
        for case in *cases {
            let _ = write!(out, "| {} | `{}` |", case.promise, case.name);
            TRANSPORTS.iter().for_each(|transport| _ = write!(out, " {} |", passed.cell(case.name, transport.name)));
            let _ = match legacy::reason(case.name) {
                Some(why) => writeln!(out, " n/a: {why} |"),
                None => writeln!(out, " {} |", passed.cell(case.name, legacy::TRANSPORT.name)),
            };
        }
    }
    out
}
