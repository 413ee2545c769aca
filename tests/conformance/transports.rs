//! The transports that the suite runs over.

use std::path::Path;

use crate::rig::raw::Dial;

/// What a transport is to the suite.
pub struct Transport {
    /// Its column.
    pub name: &'static str,
    /// Where the agent under test runs, and how it is set.
    pub host: Host,
    /// Lines of the agent's file, given its directory and a number that no other agent of this run has.
    pub settings: fn(&Path, usize) -> String,
    /// Where parents attach, given the same.
    pub url: fn(&Path, usize) -> String,
    /// Whom a grant of that transport's parents names.
    pub grant: &'static str,
    /// A peer of no library's making.
    pub dial: Dial,
}

/// Where an agent under test runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Host {
    /// `pmq run`: killed by SIGKILL.
    Process,
    /// A thread of the test with a runtime of its own: killed by dropping the runtime.
    Thread,
}

/// A new transport is one line here, and one of [`Dial`] if its bytes on the socket are others.
#[rustfmt::skip]
pub const TRANSPORTS: &[Transport] = &[
    Transport { name: "unix", host: Host::Process, settings: |_, _| String::new(), url: unix, grant: "", dial: Dial::Unix },
    Transport { name: "memory", host: Host::Thread, settings: |_, _| String::new(), url: memory, grant: "", dial: Dial::Memory },
];

fn unix(dir: &Path, _: usize) -> String {
    format!("unix://{}", dir.join("agent.sock").display())
}

fn memory(_: &Path, number: usize) -> String {
    format!("memory:agent-{number}")
}
