//! The attach protocol as a state machine without IO, both ends: frames and `now` in, frames and events out.
//!
//! ```text
//! transport --frames--> receive() --> poll_event() --> agent's link or parent's client
//! transport <--frames-- poll_frame() <-- validate(), records(), verdicts(), ack(), ... and tick()
//! ```
//!
//! # Invariants
//! - A verdict has an effect only if its ticket is open in this very session; it gives the credit of exactly one message back.
//! - What is on its way never exceeds the widest window that the parent gave in this session, capped by the agent's terms.
//! - Records are sent and received in counter order without a hole that no gap stands for; a parent resumes behind its last ack.
//! - After a [`Violation`], a fatal refusal or [`Dead`], nothing that comes has an effect; the refuse frame is still there to be written.
//! - A pong is the only answer to a ping, and a ping may come at any time; session 0 in both is in order, the welcome may be on its way.

mod agent;
mod error;
mod event;
mod ledger;
mod parent;
mod pulse;
mod terms;
#[cfg(test)]
mod tests;

pub use agent::AgentEnd;
pub use error::{Dead, SendError, Violation};
pub use event::{AgentEvent, Counts, ParentEvent, Request, Served};
pub use parent::ParentEnd;
pub use terms::{AgentTerms, Grant, NetworkTerms, ParentTerms, Timing, Want};

use std::collections::VecDeque;

use crate::wire::{Frame, Lanes};

/// Longest text of a refusal, in bytes; what is longer is cut.
const MAX_TEXT: usize = 512;

/// Cuts a text to what a refusal may hold.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default()
}

/// Takes the first frame out of `outbox` whose lane is one of `lanes` and that overtakes nothing it must not.
fn next_on(outbox: &mut VecDeque<Frame>, lanes: Lanes) -> Option<Frame> {
    let mut passed = Lanes::NONE;
    let at = outbox.iter().position(|frame| {
        // Whatever passes nobody may pass.
        let may = lanes.contains(frame.lane()) && (passed == Lanes::NONE || !frame.waits().meets(passed));
        if !may {
            passed |= frame.lane().into();
        }
        may
    })?;
    outbox.remove(at)
}
