//! A benchmark's processes: how they are started, and what they have used, as the kernel books it.

use std::fs;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use rustix::io::Errno;
use tokio::process::Command;

/// This program with other arguments: pipes to it and from it, no settings but those of the run's own files, and no longer life than ours.
///
/// # Errors
/// When this program's own path cannot be told.
pub(crate) fn command() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program's own path")?);
    for (variable, _) in std::env::vars_os().filter(|(variable, _)| variable.to_string_lossy().starts_with("PMQ_")) {
        command.env_remove(variable);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    // Ctrl-C in a terminal reaches the whole group; these end with us instead.
    command.process_group(0);
    Ok(command)
}

/// Time that the process of this id has had a CPU since its start, all living threads together, exact to nanoseconds.
///
/// # Errors
/// When it has ended, or the kernel keeps no books (`CONFIG_SCHED_INFO`).
pub(crate) fn cpu_time(pid: u32) -> io::Result<Duration> {
    let mut cpu = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let book = thread?.path().join("schedstat");
        match fs::read_to_string(&book) {
            Ok(text) => cpu += Duration::from_nanos(first(&text).ok_or_else(|| unreadable(&book))?),
            // A thread that ended between the two looks, or between opening and reading.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound || Errno::from_io_error(&gone) == Some(Errno::SRCH) => {}
            Err(wrong) => return Err(wrong),
        }
    }
    Ok(cpu)
}

fn first(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

fn unreadable(path: &std::path::Path) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} does not begin with a number", path.display()))
}
