//! Frames that nobody should send.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::wire::{Kind, Prefix};

proptest! {
    #[test]
    fn nothing_panics_on_any_frame(frames in vec((1_u8..=22, 0_u16..4, 0_usize..120, any::<bool>(), vec(any::<u8>(), 0..120), 0_u32..9), 1..8), attached in any::<bool>()) {
        let wants = vec![want("quakes", Roles::PARENT), want("weather", Roles::CONSUME)];
        let mut pair = if attached { Pair::attached(wants) } else { Pair::open(vec![], wants) };
        for (kind, count, archive, ours, head, payloads) in frames {
            let prefix = Prefix {
                kind: Kind::from_code(kind).unwrap(),
                count,
                archive: archive.min(head.len()) as u32,
                names: head.len().saturating_sub(archive) as u32,
                payloads,
                session: SessionId(if ours { 77 } else { 0 }),
            };
            let frame = Frame { prefix, head: head.into(), payloads: vec![vec![0; payloads as usize].into()] };
            let _ = pair.agent.receive(frame.clone(), pair.now);
            let _ = pair.parent.receive(frame, pair.now);
        }
        while pair.agent.poll_frame().is_some() || pair.parent.poll_frame().is_some() {}
    }

    /// Well-formed frames with a few bytes changed reach deeper.
    #[test]
    fn nothing_panics_on_mutated_frames(which in 0_usize..22, changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)) {
        let mut pair = Pair::attached(vec![want("quakes", Roles::PARENT), want("weather", Roles::PARENT)]);
        let mut bytes = crate::wire::golden_vectors().swap_remove(which);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let Ok(mut prefix) = Prefix::read(bytes.first_chunk().unwrap(), Limits::default()) else { return Ok(()) };
        prefix.session = SessionId(77);
        let body = Bytes::from(bytes).slice(crate::wire::PREFIX..);
        let head = body.slice(..prefix.head_len().min(body.len()));
        let frame = Frame { prefix, payloads: vec![body.slice(head.len()..)], head };
        let _ = pair.agent.receive(frame.clone(), pair.now);
        let _ = pair.parent.receive(frame, pair.now);
    }
}
