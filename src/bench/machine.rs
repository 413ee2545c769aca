//! Where and with what a result was measured.

use std::fs;

use serde::Serialize;
use serde_json::Value;

/// Crates whose versions decide what is measured.
const CRATES: [&str; 9] = ["libp2p", "libp2p-gossipsub", "libp2p-quic", "mimalloc", "quinn", "rkyv", "tokio", "tower", "zeromq"];

/// The machine and the versions.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// The processor, as the kernel names it.
    pub(crate) cpu: String,
    /// Cores that this process may use.
    pub(crate) cores: usize,
    /// Memory in bytes.
    pub(crate) memory: u64,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// Runnable processes over the last minute, before the run: what else there was.
    pub(crate) load: f64,
    /// This program's version.
    pub(crate) pmq: &'static str,
    /// `release` or `debug`. Figures of a debug build mean nothing.
    pub(crate) build: &'static str,
    /// Versions of the crates that count, from the lock file with which this was built.
    pub(crate) crates: Vec<String>,
}

impl Machine {
    /// This one, now. What the kernel does not tell is empty or 0.
    pub(crate) fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |path: &str, name: &str| {
            let text = read(path);
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let kilobytes = field("/proc/meminfo", "MemTotal");
        Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory: kilobytes.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0_u64) * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg").split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0.0),
            pmq: env!("CARGO_PKG_VERSION"),
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
            crates: CRATES.iter().flat_map(|name| versions(include_str!("../../Cargo.lock"), name)).collect(),
        }
    }

    /// Lines for people: this, and the settings with which it was measured.
    pub(crate) fn words(&self, settings: &Value) -> String {
        let Self { cpu, cores, kernel, load, pmq, build, crates, .. } = self;
        let mut text =
            format!("pmq {pmq} ({build} build), {cores} cores ({cpu}), Linux {kernel}, load {load} before\n{}\n", crates.join(", "));
        for (name, value) in settings.as_object().into_iter().flatten() {
            text += &format!("{name}: {}\n", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        text
    }
}

/// `name version` for each version of a crate in a lock file.
fn versions(lock: &str, name: &str) -> Vec<String> {
    let wanted = format!("name = \"{name}\"");
    let entries = lock.split("[[package]]").filter(|entry| entry.lines().any(|line| line == wanted));
    let version = |entry: &str| entry.lines().find_map(|line| Some(line.strip_prefix("version = \"")?.trim_end_matches('"').to_owned()));
    entries.filter_map(version).map(|version| format!("{name} {version}")).collect()
}
