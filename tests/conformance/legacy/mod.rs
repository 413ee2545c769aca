//! The Go predecessor's services as a column of their own: what their messages can carry is shown as it is for every transport, and what they cannot is named.

mod cases;
mod peer;

use std::pin::Pin;

use crate::rig::Bench;
use crate::transports::Transport;

pub use self::cases::CELLS;

/// How a promise stands with the predecessor's messages.
pub enum Cell {
    /// It is kept, and this shows it.
    Kept(for<'a> fn(&'a Bench) -> Pin<Box<dyn Future<Output = ()> + 'a>>),
    /// They cannot carry it.
    Not(&'static str),
}

/// The column.
pub static TRANSPORT: Transport = crate::transports::LEGACY;

/// What stands behind a case's cell that is none of the suite's: the reason why the messages cannot carry it.
pub fn reason(case: &str) -> Option<&'static str> {
    CELLS.iter().find(|(name, _)| *name == case).and_then(|(_, cell)| match cell {
        Cell::Not(why) => Some(*why),
        Cell::Kept(_) => None,
    })
}
