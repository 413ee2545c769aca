//! One suite that every transport passes whole: each promise is a named case, each transport one line of [`TRANSPORTS`](transports::TRANSPORTS).
//!
//! ```text
//!   neighbour (an agent) <--publish-- the case
//!       |  overlay
//!   agent under test <--the transport--> the case's parents
//!       |  overlay
//!   behind (an agent) --forwarded--> the case
//! ```
//! `cargo test --test conformance [PART OF A NAME]`. A run of all cases compares `docs/conformance.md` with its results;
//! `PMQ_CONFORMANCE_WRITE=1` writes it.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs
)]

mod cases;
mod legacy;
mod rig;
mod table;
mod transports;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use self::rig::{Bench, Surroundings};
use self::table::Passed;

/// Cases at a time. Most of them wait most of the time: for deadlines, heartbeats, the overlay.
const AT_ONCE: usize = 10;

fn main() -> ExitCode {
    if let Some(ended) = rig::parent::started_as() {
        return ended;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let surroundings = Arc::new(Surroundings::default());
    let passed = Passed::default();
    let mut trials = Vec::new();
    for case in cases::all() {
        for transport in transports::TRANSPORTS {
            let (handle, surroundings, passed) = (runtime.handle().clone(), surroundings.clone(), passed.clone());
            let run = move || -> Result<(), Failed> {
                handle.block_on(async {
                    let bench = Bench::new(transport, case.name, surroundings.get().await);
                    (case.run)(&bench).await;
                });
                passed.note(case.name, transport.name);
                Ok(())
            };
            trials.push(Trial::test(format!("{}::{}", case.name, transport.name), run));
        }
    }
    for (name, cell) in legacy::CELLS {
        let legacy::Cell::Kept(run) = cell else { continue };
        let (handle, surroundings, passed) = (runtime.handle().clone(), surroundings.clone(), passed.clone());
        let shown = move || -> Result<(), Failed> {
            handle.block_on(async {
                let bench = Bench::new(&legacy::TRANSPORT, name, surroundings.get().await);
                run(&bench).await;
            });
            passed.note(name, legacy::TRANSPORT.name);
            Ok(())
        };
        trials.push(Trial::test(format!("{name}::{}", legacy::TRANSPORT.name), shown));
    }
    let whole = table::is_whole(&arguments);
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The agents around it end before the process does.
    runtime.block_on(async { drop(surroundings) });
    runtime.shutdown_background();
    if conclusion.has_failed() {
        return ExitCode::from(101);
    }
    if whole && let Err(told) = table::settle(&passed) {
        eprintln!("\nerror: {told}");
        return ExitCode::from(101);
    }
    ExitCode::SUCCESS
}
