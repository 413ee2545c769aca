//! Messages that every gRPC library takes: by default none reads more than 4 MiB, and a frame may hold more.

use std::collections::VecDeque;

use prost::Message;

use super::proto::{self, frame::Body};

/// Most bytes of a message with several entries: the libraries' limit, less room for what stands around the entries. A single entry that is larger goes alone, and whoever
/// is to read it has set a higher limit.
const MOST: usize = 4 * 1024 * 1024 - 64 * 1024;

/// What stands in front of an entry at most: its key, and a length of 32 bits.
const ENTRY: usize = 6;

/// Cuts a frame into frames of the same kind and session, the entries in their order: answers the first one and leaves the others in `rest`.
///
/// Only frames with payloads, or with topics that the wire writes once for a run of entries, can be so long: heads have a limit far below. Nothing is cut that is one
/// request, or one hello.
pub(super) fn split(frame: proto::Frame, rest: &mut VecDeque<proto::Frame>) -> proto::Frame {
    let session = frame.session;
    let bodies = match frame.body {
        Some(Body::Validate(list)) if list.offers.len() > 1 => cut(list.offers, |offers| Body::Validate(proto::Validate { offers })),
        Some(Body::Deliver(list)) if list.messages.len() > 1 => cut(list.messages, |messages| Body::Deliver(proto::Deliver { messages })),
        Some(Body::Publishes(list)) if list.publishes.len() > 1 => {
            cut(list.publishes, |publishes| Body::Publishes(proto::Publishes { publishes }))
        }
        body => return proto::Frame { session, body },
    };
    let mut frames = bodies.into_iter().map(|body| proto::Frame { session, body: Some(body) });
    let first = frames.next().unwrap_or(proto::Frame { session, body: None });
    rest.extend(frames);
    first
}

/// As many entries to a body as fit; at least one.
fn cut<T: Message>(entries: Vec<T>, body: impl Fn(Vec<T>) -> Body) -> Vec<Body> {
    let sizes = entries.iter().map(|entry| entry.encoded_len() + ENTRY);
    if sizes.sum::<usize>() <= MOST {
        return vec![body(entries)];
    }
    let (mut bodies, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for entry in entries {
        let size = entry.encoded_len() + ENTRY;
        if !part.is_empty() && bytes + size > MOST {
            bodies.push(body(std::mem::take(&mut part)));
            bytes = 0;
        }
        bytes += size;
        part.push(entry);
    }
    bodies.push(body(part));
    bodies
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
