//! What crosses the attach boundary: ids, tickets, verdicts, reasons, frames. No runtime, no IO.

mod credit;
mod frame;
mod header;
mod ids;
mod items;
mod verdict;

pub use credit::{Outstanding, Window};
pub use frame::{Frame, FrameError, Kind, Limits, PREFIX, Prefix};
pub use header::{HeaderError, HeaderOrigin, MAX_HEADER, PmqHeader};
pub use ids::{Cursor, IdTooLong, MAX_ID, MessageId, SessionId, Ticket};
pub use items::{ConsumerTerms, GapReason, Offer, Overflow, Record, VerdictRefused};
pub use verdict::{Reason, Verdict};
