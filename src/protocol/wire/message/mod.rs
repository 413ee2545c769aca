//! What frames say: one item type per frame kind, the same for both directions.
//!
//! An item borrows its texts from the frame and shares its payload with it; nothing is copied.

mod attach;
mod consume;
mod control;
mod parts;
mod produce;
mod sealed;
mod verify;

use std::iter::FusedIterator;
use std::slice;

use rkyv::Archived;
use rkyv::rancor::Error;
use rkyv::vec::ArchivedVec;

pub use attach::{Granted, Wanted};
pub use consume::{Ack, Credit, Delivered, Lost, Unjudged};
pub use control::{Done, Pause, Ping, Pong, Refuse, Resume};
pub use produce::{AllowList, Mark, Publish, Published, Subscribe, Thresholds, Unsubscribe};
pub use verify::{Judged, MAX_REASON, Offered};

pub(super) use parts::{NamesIn, NamesOut, PayloadsIn};
pub(super) use sealed::Wire;

use super::frame::VERSION;
use super::heads::{Head, head_size};
use super::{Frame, FrameError, Kind};

/// Bytes of rkyv's root behind the heads: offset and length.
pub(super) const ROOT: usize = 8;

/// Why a head cannot be read, or an item not be written.
type Bad = &'static str;

/// One entry of a frame. Every kind has its own; only this crate implements it.
pub trait Item<'a>: Sized + Wire<'a> {
    /// The kind of frame that carries it.
    const KIND: Kind;
}

/// The entries of one checked frame, in order.
pub struct Items<'a, I: Item<'a>> {
    heads: slice::Iter<'a, Archived<I::Head>>,
    names: NamesIn<'a>,
    payloads: PayloadsIn<'a>,
}

impl<'a, I: Item<'a>> Items<'a, I> {
    fn step(&mut self) -> Option<Result<I, Bad>> {
        let head = self.heads.next()?;
        Some(I::get(head, &mut self.names, &mut self.payloads))
    }
}

impl<'a, I: Item<'a>> Iterator for Items<'a, I> {
    type Item = I;

    fn next(&mut self) -> Option<I> {
        // `Frame::items` has read every entry once, so none of them fails here.
        self.step()?.ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.heads.size_hint()
    }
}

impl<'a, I: Item<'a>> ExactSizeIterator for Items<'a, I> {}
impl<'a, I: Item<'a>> FusedIterator for Items<'a, I> {}

impl Frame {
    /// The protocol version in the first head of a hello or a welcome, readable whatever else is in it. `None` for other kinds and empty archives.
    #[must_use]
    pub fn protocol_version(&self) -> Option<u16> {
        match (self.prefix.kind, &self.head[..]) {
            (Kind::Hello | Kind::Welcome, [a, b, ..]) if self.prefix.archive >= 2 => Some(u16::from_le_bytes([*a, *b])),
            _ => None,
        }
    }

    /// The entries of this frame, all of them checked: lengths add up, codes are known, texts are UTF-8.
    ///
    /// # Errors
    /// [`FrameError::Version`] for a hello or welcome of another version, [`FrameError::Content`] for everything else that is not as `docs/wire.md` says,
    /// another kind of frame than `I`'s included.
    pub fn items<'a, I: Item<'a>>(&'a self) -> Result<Items<'a, I>, FrameError> {
        let kind = self.prefix.kind;
        let bad = |what: &str| FrameError::Content { kind, what: what.to_owned() };
        if kind != I::KIND {
            return Err(bad(&format!("a {:?} frame was expected here", I::KIND)));
        }
        if let Some(theirs) = self.protocol_version().filter(|&theirs| theirs != VERSION) {
            return Err(FrameError::Version { theirs });
        }
        let heads = self.heads::<I::Head>().map_err(bad)?.iter();
        let names = self.names().map_err(bad)?;
        let open = |payloads| Items { heads: heads.clone(), names: names.clone(), payloads };
        // Whoever uses an entry may rely on all that follow it.
        let mut trial: Items<'a, I> = open(PayloadsIn::lengths(&self.payloads));
        let mut index = 0;
        while let Some(entry) = trial.step() {
            entry.map_err(|what| bad(&format!("entry {index}: {what}")))?;
            index += 1;
        }
        if !trial.names.is_empty() {
            return Err(bad("the names are longer than the heads say"));
        }
        if !trial.payloads.is_empty() {
            return Err(bad("the payloads are longer than the heads say"));
        }
        Ok(open(PayloadsIn::new(&self.payloads)))
    }

    /// The archive's heads, checked to be `count` in number and to stand where the layout says.
    fn heads<H: Head>(&self) -> Result<&[Archived<H>], Bad> {
        let archive = self.archive()?;
        let count = usize::from(self.prefix.count);
        let size = head_size(self.prefix.kind);
        if count == 0 {
            return Err("a frame has at least one head");
        }
        // Below 2^16 * 2^8 + 8.
        if archive.len() != count * size + ROOT {
            return Err("the archive's length does not fit its count of heads");
        }
        let heads = rkyv::access::<ArchivedVec<Archived<H>>, Error>(archive).map_err(|_| "the archive cannot be read")?.as_slice();
        if heads.len() != count || heads.as_ptr().addr() != archive.as_ptr().addr() {
            return Err("the archive's root does not point to its heads");
        }
        Ok(heads)
    }

    fn archive(&self) -> Result<&[u8], Bad> {
        self.head.get(..self.prefix.archive as usize).ok_or("the archive is cut short")
    }

    fn names(&self) -> Result<NamesIn<'_>, Bad> {
        let names = self.head.get(self.prefix.archive as usize..).ok_or("the archive is cut short")?;
        if names.len() != self.prefix.names as usize {
            return Err("the names have another length than the prefix says");
        }
        Ok(NamesIn::new(names))
    }
}
