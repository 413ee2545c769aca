//! Items into frames.

use std::iter::Peekable;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rkyv::rancor::Error;

use super::heads::{Head, Scratch, head_size};
use super::message::{Delivered, Item, Lost, NamesOut, Offered, ROOT, Unjudged, Wire};
use super::{Frame, FrameError, Limits, Offer, Prefix, Record, SessionId};

/// Least room that is allocated for heads and names at once; many small frames share it.
const ROOM: usize = 16 * 1024;
/// Spare payload lists that are kept; more of them are freed.
const SPARE: usize = 16;

/// Writes frames. Keeps its buffers from frame to frame, so that in the steady state a frame costs no allocation.
pub struct Encoder {
    limits: Limits,
    scratch: Scratch,
    names: Vec<u8>,
    archive: Vec<u8>,
    room: BytesMut,
    spare: Vec<Vec<Bytes>>,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Encoder {
    /// An encoder whose frames a reader with the same `limits` accepts.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, scratch: Scratch::default(), names: Vec::new(), archive: Vec::new(), room: BytesMut::new(), spare: Vec::new() }
    }

    /// The limits that its frames keep.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Writes one frame with as many of the items as it may hold; call again until `None`.
    ///
    /// # Errors
    /// [`FrameError`] if the next item fits no frame (payload or texts too large, empty topic); that item is gone, the ones behind it are not.
    pub fn pack<'a, I: Item<'a>>(
        &mut self,
        session: SessionId,
        items: &mut Peekable<impl Iterator<Item = I>>,
    ) -> Result<Option<Frame>, FrameError> {
        let Some(first) = items.peek() else { return Ok(None) };
        // One list in one piece: it is as long as the burst, or of no use to items without payload.
        let expected = if first.payload().is_some() { items.size_hint().0.min(usize::from(u16::MAX)) } else { 0 };
        let content = |what: &str| FrameError::Content { kind: I::KIND, what: what.to_owned() };
        let mut names = NamesOut::new(&mut self.names);
        let heads = I::Head::scratch(&mut self.scratch);
        heads.clear();
        let mut payloads = self.spare.pop().unwrap_or_default();
        payloads.reserve(expected);
        let mut payload_bytes = 0_usize;
        while let Some(item) = items.peek() {
            let mark = names.mark();
            let head = match item.put(&mut names) {
                Ok(head) => head,
                // The frame up to here is written; this item is met again, and refused, at the start of the next one.
                Err(_) if !heads.is_empty() => {
                    names.rewind(mark);
                    break;
                }
                Err(what) => {
                    items.next();
                    return Err(content(what));
                }
            };
            let head_bytes = (heads.len() + 1) * head_size(I::KIND) + ROOT + names.len();
            let with_payload = payload_bytes.saturating_add(item.payload().map_or(0, Bytes::len));
            let fits = head_bytes <= self.limits.head && with_payload <= self.limits.payloads && heads.len() < usize::from(u16::MAX);
            if !fits && heads.is_empty() {
                items.next();
                let (part, bytes, limit) = if head_bytes > self.limits.head {
                    ("headers", head_bytes, self.limits.head)
                } else {
                    ("payloads", with_payload, self.limits.payloads)
                };
                return Err(FrameError::TooLarge { part, bytes: bytes as u64, limit });
            }
            if !fits {
                names.rewind(mark);
                break;
            }
            heads.push(head);
            payload_bytes = with_payload;
            if let Some(payload) = items.next().as_ref().and_then(Wire::payload) {
                payloads.push(payload.clone());
            }
        }
        let names = names.into_bytes();
        let mut archive = std::mem::take(&mut self.archive);
        archive.clear();
        let archive = rkyv::api::high::to_bytes_in::<_, Error>(heads, archive).map_err(|e| content(&e.to_string()))?;
        self.room.reserve(if self.room.capacity() < archive.len() + names.len() { ROOM.max(archive.len() + names.len()) } else { 0 });
        self.room.extend_from_slice(&archive);
        self.room.extend_from_slice(names);
        let too_large = |part, bytes: usize| FrameError::TooLarge { part, bytes: bytes as u64, limit: u32::MAX as usize };
        let prefix = Prefix {
            kind: I::KIND,
            // At most u16::MAX were taken.
            count: heads.len() as u16,
            archive: u32::try_from(archive.len()).map_err(|_| too_large("headers", archive.len()))?,
            names: u32::try_from(names.len()).map_err(|_| too_large("headers", names.len()))?,
            payloads: u32::try_from(payload_bytes).map_err(|_| too_large("payloads", payload_bytes))?,
            session,
        };
        self.archive = archive;
        Ok(Some(Frame { prefix, head: self.room.split().freeze(), payloads }))
    }

    /// Writes one frame with all of the items.
    ///
    /// # Errors
    /// [`FrameError`] if there is none, or if they need more than one frame.
    pub fn frame<'a, I: Item<'a>>(&mut self, session: SessionId, items: impl IntoIterator<Item = I>) -> Result<Frame, FrameError> {
        let mut items = items.into_iter().peekable();
        let frame = self.pack(session, &mut items)?;
        let content = |what: &str| FrameError::Content { kind: I::KIND, what: what.to_owned() };
        match (frame, items.peek()) {
            (Some(frame), None) => Ok(frame),
            (None, _) => Err(content("a frame has at least one entry")),
            (Some(_), Some(_)) => Err(content("too many entries for one frame")),
        }
    }

    /// Writes offers into as few frames as the limits allow.
    ///
    /// # Errors
    /// As [`Encoder::pack`], with the frames up to the offending offer in `out`.
    pub fn validate(
        &mut self,
        session: SessionId,
        network: u16,
        offers: &[Offer],
        now: Instant,
        out: &mut impl Extend<Frame>,
    ) -> Result<(), FrameError> {
        let mut items = offers
            .iter()
            .map(|offer| Offered {
                network,
                ticket: offer.ticket,
                remaining: offer.deadline.saturating_duration_since(now),
                topic: &offer.topic,
                id: offer.id,
                payload: offer.payload.clone(),
            })
            .peekable();
        self.all(session, &mut items, out)
    }

    /// Writes records in their order: runs of messages, gaps and unverified records make frames of their own.
    ///
    /// # Errors
    /// As [`Encoder::pack`], with the frames up to the offending record in `out`.
    pub fn records(
        &mut self,
        session: SessionId,
        network: u16,
        records: &[Record],
        out: &mut impl Extend<Frame>,
    ) -> Result<(), FrameError> {
        let same_kind = |a: &Record, b: &Record| std::mem::discriminant(a) == std::mem::discriminant(b);
        for run in records.chunk_by(same_kind) {
            let run = run.iter();
            match run.as_slice().first() {
                Some(Record::Message { .. }) => {
                    let message = |record| match record {
                        &Record::Message { counter, ref topic, id, ref payload } => {
                            Some(Delivered { network, counter, topic, id, payload: payload.clone() })
                        }
                        _ => None,
                    };
                    self.all(session, &mut run.filter_map(message).peekable(), out)?;
                }
                Some(Record::Gap { .. }) => {
                    let gap = |record| match record {
                        &Record::Gap { from, to, count, reason } => Some(Lost { network, from, to, count, reason }),
                        _ => None,
                    };
                    self.all(session, &mut run.filter_map(gap).peekable(), out)?;
                }
                Some(Record::Unverified { .. }) => {
                    let unverified = |record| match record {
                        &Record::Unverified { counter, ref topic, cause, count } => {
                            Some(Unjudged { network, counter, topic, cause, count })
                        }
                        _ => None,
                    };
                    self.all(session, &mut run.filter_map(unverified).peekable(), out)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    fn all<'a, I: Item<'a>>(
        &mut self,
        session: SessionId,
        items: &mut Peekable<impl Iterator<Item = I>>,
        out: &mut impl Extend<Frame>,
    ) -> Result<(), FrameError> {
        while let Some(frame) = self.pack(session, items)? {
            out.extend([frame]);
        }
        Ok(())
    }

    /// Takes a written frame's payload list home for the next one.
    pub fn recycle(&mut self, mut payloads: Vec<Bytes>) {
        payloads.clear();
        if self.spare.len() < SPARE && payloads.capacity() > 0 {
            self.spare.push(payloads);
        }
    }
}
