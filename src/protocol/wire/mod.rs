//! What crosses the attach boundary: ids, tickets, verdicts, reasons, frames. No runtime, no IO.
//!
//! A [`Frame`] is written by an [`Encoder`] from [`message`] items, and read back with [`Frame::items`]. `docs/wire.md` gives every offset.

mod buffer;
mod codes;
mod credit;
mod encode;
mod frame;
mod header;
mod heads;
mod ids;
mod items;
mod lane;
pub mod message;
mod topic;
mod verdict;

#[cfg(test)]
mod docs_tests;
#[cfg(test)]
mod frame_tests;
#[cfg(test)]
mod golden_tests;

pub use buffer::FrameBuffer;
pub use codes::{AllowOp, MarkOp, PublishStatus, RefuseCode, Roles};
pub use credit::{Outstanding, Window};
pub use encode::Encoder;
pub use frame::{Frame, FrameError, Kind, Limits, PREFIX, Prefix, VERSION};
pub use header::{HeaderError, HeaderOrigin, MAX_HEADER, PmqHeader};
pub use ids::{Cursor, IdTooLong, MAX_ID, MessageId, SessionId, Ticket};
pub use items::{ConsumerTerms, GapReason, Offer, Overflow, Record, VerdictRefused};
pub use lane::{Lane, Lanes};
pub use message::{Item, Items};
pub use topic::{MAX_TOPIC, TopicLength, check_topic};
pub use verdict::{Reason, Verdict};

#[cfg(test)]
pub(crate) use golden_tests::all as golden_vectors;
