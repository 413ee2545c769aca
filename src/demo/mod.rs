//! `pmq demo`: three oracle networks of real agents and real parent processes on one machine.

mod args;
#[allow(dead_code, unused_imports, reason = "the parents that use it follow")]
mod oracle;
#[allow(dead_code, unused_imports, reason = "the parents that use it follow")]
mod orchestra;
#[allow(dead_code, unused_imports, reason = "the parents that use it follow")]
mod parent;
#[allow(dead_code, unused_imports, reason = "the parents that use it follow")]
mod report;

pub use args::{Args, AttachBy, Networks, Scoring};
