//! The socket's place on disk: a directory that only we can write to, and a path that is free or holds a dead socket of ours.

use std::fs::{self, DirBuilder, File, Metadata, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use tokio::net::UnixStream;

use super::address::MAX_PATH;
use super::{Address, LinkError};

/// Permissions that the directory may not give to others: writing, or anything at all.
pub(super) const NOT_WRITABLE: u32 = 0o022;
pub(super) const OURS_ALONE: u32 = 0o077;

/// How long another agent's start is waited for: one second in all.
const LOCK_ATTEMPTS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Makes sure of the directory and takes its lock, so that two agents that start at once do not both find the socket stale.
/// The lock goes when the file is dropped.
pub(super) async fn directory(socket: &Path, forbidden: u32) -> Result<File, LinkError> {
    if socket.as_os_str().len() > MAX_PATH {
        return Err(LinkError::PathTooLong(socket.to_owned()));
    }
    let path = socket.parent().filter(|_| socket.is_absolute()).unwrap_or(Path::new(""));
    let distrust = |what: String| LinkError::Directory { path: path.to_owned(), what };
    if path.as_os_str().is_empty() {
        return Err(distrust(format!("is not known: {} must be an absolute path", socket.display())));
    }
    if fs::symlink_metadata(path).is_err_and(|e| e.kind() == ErrorKind::NotFound) {
        // Somebody may be faster; what is there then is verified below like anything else.
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| distrust(format!("cannot be created: {e}")))?;
    }
    // What is verified is what was opened, not what the name stands for a moment later.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| match e {
        rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR => {
            distrust("is a symlink or no directory: replace it by a real one".to_owned())
        }
        e => distrust(format!("cannot be opened: {e}")),
    })?;
    let directory = File::from(opened);
    let meta = directory.metadata().map_err(|e| distrust(format!("cannot be examined: {e}")))?;
    let us = rustix::process::geteuid().as_raw();
    if meta.uid() != us {
        return Err(distrust(format!("belongs to uid {}, not to {us}: give it to the agent's user, or choose another path", meta.uid())));
    }
    if meta.mode() & forbidden != 0 {
        let mode = meta.mode() & 0o7777;
        let open = if meta.mode() & NOT_WRITABLE != 0 { "written to" } else { "entered or read" };
        return Err(distrust(format!("can be {open} by others (mode {mode:04o}): give the socket a directory of its own, with mode 0700")));
    }
    // Never blocks the thread: whoever holds the lock may need it to go on.
    for _ in 0..LOCK_ATTEMPTS {
        match directory.try_lock() {
            Ok(()) => return Ok(directory),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
            Err(TryLockError::Error(e)) => return Err(distrust(format!("cannot be locked: {e}"))),
        }
    }
    Err(distrust("is locked by another process: is one starting there, and hanging?".to_owned()))
}

/// Frees the path: a socket of ours that nobody listens on is removed. Anything else is left as it is, and refused.
pub(super) async fn clear(socket: &Path, address: impl FnOnce() -> Address) -> Result<(), LinkError> {
    let foreign = |what| LinkError::ForeignFile { path: socket.to_owned(), what };
    let meta = match fs::symlink_metadata(socket) {
        Ok(meta) => meta,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(LinkError::io(format!("examine {}", socket.display()))(e)),
    };
    let kind = meta.file_type();
    if kind.is_symlink() {
        return Err(foreign("a symlink"));
    }
    if !kind.is_socket() {
        return Err(foreign("no socket"));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(foreign("another user's socket"));
    }
    match UnixStream::connect(socket).await {
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => {
            tracing::info!(path = %socket.display(), "removing the socket of an agent that is gone");
            fs::remove_file(socket).map_err(LinkError::io(format!("remove the stale socket {}", socket.display())))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        // A full backlog answers WouldBlock: somebody listens, if slowly. So does every answer that is no plain refusal.
        _ => Err(LinkError::AddressInUse(address())),
    }
}

/// What tells one file from the next of the same name.
pub(super) fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}
