//! The heads: one fixed-size struct per frame kind, of integers and byte arrays only. Their archived layout *is* the wire format.
//!
//! A frame's archive is an rkyv-archived `Vec` of one of these: head `i` stands at `i * SIZE`, and the last eight bytes are rkyv's root
//! (offset and length). The fields follow each other without padding, little-endian (`unaligned`, `little_endian`). Never reorder,
//! resize or reuse a field: the first two bytes of a hello are the protocol's version for ever, everything else is tied to that version.

#![allow(unreachable_pub, missing_docs, reason = "public so that the sealed trait may name them; the module is private")]

use rkyv::api::high::{HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::{Archive, Portable, Serialize};

use super::Kind;

/// One frame kind's head.
pub trait Head:
    Archive<Archived: Portable + for<'a> CheckBytes<HighValidator<'a, Error>>>
    + for<'a> Serialize<HighSerializer<Vec<u8>, ArenaHandle<'a>, Error>>
    + Copy
    + 'static
{
    /// Buffer for heads of this kind, reused from frame to frame.
    fn scratch(scratch: &mut Scratch) -> &mut Vec<Self>;
}

macro_rules! heads {
    ($($(#[$doc:meta])* $name:ident, $scratch:ident, $kind:ident, $size:literal { $($field:ident: $ty:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Archive, Serialize)]
            pub struct $name { $(pub $field: $ty,)* }

            const _: () = assert!(size_of::<rkyv::Archived<$name>>() == $size, "the head's documented size");

            impl Head for $name {
                fn scratch(scratch: &mut Scratch) -> &mut Vec<Self> {
                    &mut scratch.$scratch
                }
            }
        )*

        /// One reusable buffer per kind, so that a frame's heads need no allocation. Each is bounded by a frame's `count` (u16).
        #[derive(Default)]
        pub struct Scratch { $($scratch: Vec<$name>,)* }

        /// Kind, size and fields of every head, in the order of the kinds, for the test that holds `docs/wire.md` to them.
        #[cfg(test)]
        pub(super) const LAYOUT: &[(Kind, usize, &[(&str, &str, usize)])] = &[$(
            (Kind::$kind, size_of::<rkyv::Archived<$name>>(), &[$((stringify!($field), stringify!($ty), size_of::<$ty>()),)*]),
        )*];

        /// Bytes of one head of `kind`.
        pub(super) const fn head_size(kind: Kind) -> usize {
            match kind { $(Kind::$kind => $size,)* }
        }
    };
}

heads! {
    /// A network that the parent wants. Names: network, consumer name, group, the parent's software.
    HelloHead, hello, Hello, 52 {
        version: u16,
        roles: u8,
        policy: u8,
        verify_messages: u32,
        verify_bytes: u64,
        consume_messages: u32,
        consume_bytes: u64,
        stream: u64,
        counter: u64,
        network_len: u16,
        consumer_len: u16,
        group_len: u16,
        software_len: u16,
    }
    /// A network that the agent grants. Names: network.
    WelcomeHead, welcome, Welcome, 47 {
        version: u16,
        index: u16,
        roles: u8,
        stream: u64,
        counter: u64,
        deadline_us: u64,
        max_payload: u32,
        max_messages: u32,
        max_bytes: u64,
        network_len: u16,
    }
    /// A message for a verdict. Names: topic (empty = as in the head before), id.
    ValidateHead, validate, Validate, 21 { ticket: u64, deadline_us: u32, payload_len: u32, network: u16, topic_len: u16, id_len: u8, }
    /// A verdict. Names: text.
    VerdictHead, verdict, Verdict, 14 { ticket: u64, network: u16, reason: u16, verdict: u8, text_len: u8, }
    /// An accepted message. Names: topic (empty = as in the head before), id.
    DeliverHead, deliver, Deliver, 17 { counter: u64, payload_len: u32, network: u16, topic_len: u16, id_len: u8, }
    /// Records that were dropped.
    GapHead, gap, Gap, 27 { from: u64, to: u64, count: u64, network: u16, reason: u8, }
    /// Messages without a verdict. Names: topic.
    UnverifiedHead, unverified, Unverified, 21 { counter: u64, count: u64, network: u16, topic_len: u16, cause: u8, }
    /// Processed up to.
    AckHead, ack, Ack, 10 { counter: u64, network: u16, }
    /// A new window.
    CreditHead, credit, Credit, 15 { bytes: u64, messages: u32, network: u16, role: u8, }
    /// A message to send. Names: topic.
    PublishHead, publish, Publish, 16 { request: u64, payload_len: u32, network: u16, topic_len: u16, }
    /// What became of it. Names: id, text.
    PublishedHead, published, Published, 18 { request: u64, peers: u32, network: u16, text_len: u16, status: u8, id_len: u8, }
    /// A topic to join. Names: topic.
    SubscribeHead, subscribe, Subscribe, 12 { request: u64, network: u16, topic_len: u16, }
    /// A topic to leave. Names: topic.
    UnsubscribeHead, unsubscribe, Unsubscribe, 12 { request: u64, network: u16, topic_len: u16, }
    /// Thresholds of the sequence window. Names: topic (empty = all).
    ThresholdsHead, thresholds, Thresholds, 28 { request: u64, skip: u64, validity: u64, network: u16, topic_len: u16, }
    /// A high mark. Names: topic.
    MarkHead, mark, Mark, 61 { request: u64, epoch: u64, seq: u64, origin: [u8; 32], network: u16, topic_len: u16, action: u8, }
    /// A peer of the allow-list. Names: peer id.
    AllowListHead, allow_list, AllowList, 13 { request: u64, network: u16, peer_len: u16, action: u8, }
    /// A network to pause.
    PauseHead, pause, Pause, 2 { network: u16, }
    /// A network to go on with.
    ResumeHead, resume, Resume, 2 { network: u16, }
    /// Are you there.
    PingHead, ping, Ping, 8 { nonce: u64, }
    /// Yes.
    PongHead, pong, Pong, 8 { nonce: u64, }
    /// A refusal. Names: text.
    RefuseHead, refuse, Refuse, 15 { about: u64, network: u16, code: u16, text_len: u16, fatal: u8, }
    /// A request that was carried out.
    DoneHead, done, Done, 10 { request: u64, network: u16, }
}
