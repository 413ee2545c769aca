//! Both ends of a session, against a peer that says anything at any time.

mod agent;
mod model;
mod parent;
mod said;

pub use agent::session_agent;
pub use parent::session_parent;

use std::time::Duration;

use pmq_protocol::wire::message::Refuse;
use pmq_protocol::wire::{Frame, Kind, Limits};

use super::frame::{bytes, entries, parse};

/// Small bounds, so that the fuzzer finds their edges.
const LIMITS: Limits = Limits { head: 8192, payloads: 8192 };

/// The longest schedule that is run.
const STEPS: usize = 256;

/// Pings that may wait to be written: as many as fit between the last word of the peer and its being taken for dead.
const PINGS: usize = 3;

/// One step of the clock.
const TICK: Duration = Duration::from_millis(50);

/// Whatever an end writes, the other end can read.
fn readable(frame: &Frame) {
    let streamed = parse(&bytes(frame), LIMITS).unwrap_or_else(|| panic!("a frame that is none: {frame:?}"));
    assert!(entries(&streamed), "a frame that cannot be read: {frame:?}");
}

/// Whether it is a refusal that ends the session.
fn fatal(frame: &Frame) -> bool {
    frame.prefix.kind == Kind::Refuse && frame.items::<Refuse<'_>>().is_ok_and(|mut items| items.any(|refuse| refuse.fatal))
}
