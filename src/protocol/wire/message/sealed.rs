//! The private half of an item.

#![allow(unreachable_pub, reason = "public so that the sealed trait may name it; the module is private")]

use bytes::Bytes;
use rkyv::Archived;

use super::{Bad, NamesIn, NamesOut, PayloadsIn};
use crate::wire::heads::Head;

/// How an item becomes a head, names and a payload, and back. Its module is private, so that `Item` is sealed.
pub trait Wire<'a>: Sized {
    /// Its head.
    type Head: Head;

    /// Writes it: the head is returned, the names are appended.
    fn put(&self, names: &mut NamesOut<'_>) -> Result<Self::Head, Bad>;

    /// Reads it, taking its names and its payload.
    fn get(head: &Archived<Self::Head>, names: &mut NamesIn<'a>, payloads: &mut PayloadsIn<'a>) -> Result<Self, Bad>;

    /// The payload, for kinds that have one.
    fn payload(&self) -> Option<&Bytes> {
        None
    }
}
