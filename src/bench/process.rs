//! What a process has used, as the kernel books it.

use std::fs;
use std::io;
use std::time::Duration;

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// Time on a CPU since its start, all living threads together, exact to nanoseconds.
    pub(crate) cpu: Duration,
    /// Memory that is resident, in bytes.
    pub(crate) resident: u64,
}

/// What the process of this id has used.
///
/// # Errors
/// When it has ended, or the kernel keeps no books (`CONFIG_SCHED_INFO`).
pub(crate) fn usage(pid: u32) -> io::Result<Usage> {
    let mut cpu = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let book = thread?.path().join("schedstat");
        match fs::read_to_string(&book) {
            Ok(text) => cpu += Duration::from_nanos(first(&text).ok_or_else(|| unreadable(&book))?),
            // A thread that ended between the two looks.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
            Err(wrong) => return Err(wrong),
        }
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident = status.lines().find_map(|line| first(line.strip_prefix("VmRSS:")?)).unwrap_or(0) * 1024;
    Ok(Usage { cpu, resident })
}

fn first(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

fn unreadable(path: &std::path::Path) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} does not begin with a number", path.display()))
}
