//! Frames and the two words of the link as multipart messages.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use zeromq::ZmqMessage;

use super::super::ends::frame_len;
use super::load::Load;
use pmq_protocol::wire::{Frame, FrameError, Limits, PREFIX, Prefix};

/// First bytes of what concerns the link and is no frame.
const WORD: &[u8; 4] = b"PMQZ";
const LEAVE: u8 = 0;
const OPEN: u8 = 1;

/// What one end says to the other.
#[derive(Debug)]
pub(super) enum Said {
    /// Parent: here begins a link. The token, or nothing.
    #[cfg_attr(not(feature = "listen"), expect(dead_code, reason = "an agent looks at the token"))]
    Open(Bytes),
    /// Either: the link is over.
    Leave,
    /// Anything else: a frame, if it is one.
    Frame(VecDeque<Bytes>),
}

/// The parts of an open; `first` is counted like a frame.
pub(super) fn open(token: &[u8]) -> VecDeque<Bytes> {
    [word(OPEN), Bytes::copy_from_slice(token)].into()
}

/// The part that says leave.
pub(super) fn leave() -> Bytes {
    word(LEAVE)
}

fn word(code: u8) -> Bytes {
    [&WORD[..], &[code]].concat().into()
}

/// Reads what came, without the identity.
pub(super) fn read(mut parts: VecDeque<Bytes>) -> Said {
    match parts.front().and_then(|first| first.strip_prefix(WORD)) {
        Some([LEAVE]) if parts.len() == 1 => Said::Leave,
        Some([OPEN]) if parts.len() == 2 => Said::Open(parts.pop_back().unwrap_or_default()),
        // What is none of the two is no frame either, and is told so.
        _ => Said::Frame(parts),
    }
}

/// The parts of a frame behind `lead` (the identity, at a ROUTER): prefix and head in one part, and the payloads as they are. It is counted
/// in `load` until it is written.
pub(super) fn write(lead: Option<Bytes>, frame: Frame, load: &Arc<Load>) -> ZmqMessage {
    let Frame { prefix, head, payloads } = frame;
    let mut first = Vec::with_capacity(PREFIX + head.len());
    first.extend_from_slice(&prefix.write());
    first.extend_from_slice(&head);
    let mut message = ZmqMessage::from(load.part(first, frame_len(&prefix)));
    payloads.into_iter().for_each(|payload| message.push_back(payload));
    lead.into_iter().for_each(|lead| message.push_front(lead));
    message
}

/// A frame out of its parts: lengths are checked against `limits`, parts against the prefix.
///
/// # Errors
/// [`FrameError`].
pub(super) fn frame(mut parts: VecDeque<Bytes>, limits: Limits) -> Result<Frame, FrameError> {
    let mut first = parts.pop_front().unwrap_or_default();
    let Some(bytes) = first.first_chunk::<PREFIX>() else {
        let mut magic = [0; 4];
        let start = first.len().min(4);
        magic[..start].copy_from_slice(&first[..start]);
        // What does not even begin like a frame is no short one.
        return Err(if magic == *b"PMQ1" { FrameError::Truncated { have: first.len(), need: PREFIX } } else { FrameError::Magic(magic) });
    };
    let prefix = Prefix::read(bytes, limits)?;
    let content = |what: &str| FrameError::Content { kind: prefix.kind, what: what.to_owned() };
    let need = PREFIX + prefix.head_len();
    if first.len() < need {
        return Err(FrameError::Truncated { have: first.len(), need });
    }
    if first.len() > need {
        return Err(content("the first part is longer than prefix, archive and names"));
    }
    if parts.len() > usize::from(prefix.count) {
        return Err(content("there are more payloads than heads"));
    }
    let (have, need) = (parts.iter().map(Bytes::len).sum(), prefix.payloads as usize);
    if have < need {
        return Err(FrameError::Truncated { have, need });
    }
    if have > need {
        return Err(content("the payloads are longer than the prefix says"));
    }
    Ok(Frame { prefix, head: first.split_off(PREFIX), payloads: parts.into() })
}
