//! Files that hold a secret: whose they are and who can read them is looked at before what they hold.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::LinkError;

/// Reads a regular file of this process's user that nobody else can read, and that has no more than `most` bytes. `distrust` makes the error of what is wrong with it.
///
/// # Errors
/// What `distrust` makes for a file of others, one that others can read, a symlink, something else that is no file, or one that is too large; [`LinkError::Io`], which calls it `what`, for
/// one that cannot be read.
pub(super) fn read(path: &Path, what: &str, most: u64, distrust: impl Fn(String) -> LinkError) -> Result<Vec<u8>, LinkError> {
    let shown = path.display();
    let io = || LinkError::io(format!("read the {what} {shown}"));
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
        Errno::LOOP => distrust(format!("{shown} is a symlink: name the file itself")),
        error => io()(error.into()),
    })?;
    // What is verified is what was opened.
    let file = File::from(opened);
    let meta = file.metadata().map_err(io())?;
    let us = rustix::process::geteuid().as_raw();
    if !meta.is_file() {
        return Err(distrust(format!("{shown} is no file")));
    }
    if meta.uid() != us {
        return Err(distrust(format!("{shown} belongs to uid {}, not to {us}: give it to the user that runs this process", meta.uid())));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(distrust(format!("{shown} can be read by others (mode {:04o}): chmod 0600 {shown}", meta.mode() & 0o7777)));
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(io())?;
    if bytes.len() as u64 > most {
        return Err(distrust(format!("{shown} is larger than {most} bytes, so it is no {what}")));
    }
    Ok(bytes)
}
