#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use tokio::sync::mpsc;

use super::super::lane::Inbox;
use super::*;
use pmq_protocol::wire::message::Ping;
use pmq_protocol::wire::{Encoder, SessionId};

fn identity(number: usize) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

#[test]
fn the_oldest_stranger_makes_room_and_a_newcomer_is_never_kept_out() {
    let (mut peers, now) = (Peers::default(), Instant::now());
    for number in 0..STRANGERS {
        assert_eq!(peers.connected(identity(number), now + Duration::from_millis(number as u64)), None);
    }
    for number in 0..3 {
        assert_eq!(peers.connected(identity(STRANGERS + number), now + OPEN_WITHIN), Some(identity(number)));
    }
    assert_eq!(peers.strangers.len(), STRANGERS);
}

/// What its peer has not read keeps a link that is over among the parting, and their number bounds how many there may be.
#[test]
fn links_that_are_over_count_until_their_peers_have_read() {
    let (ready, _lanes) = mpsc::unbounded_channel();
    let mut peers = Peers::default();
    let mut unread = Vec::new();
    for number in 0..PARTING {
        assert!(peers.room(), "{number}");
        let lane = Lane::new(identity(number), Inbox { frames: 1, bytes: 1 }, ready.clone());
        let (_receiver, mut sender) = lane.halves();
        assert!(peers.opened(&lane).is_none());
        sender.queue(Encoder::default().frame(SessionId(1), [Ping { nonce: 1 }]).unwrap()).unwrap();
        // What the hub does: hand it to the crate, which holds it until the socket takes it.
        lane.take(1, &mut unread);
        peers.remove(lane.identity()).unwrap().end();
    }
    assert!(!peers.room());
    unread.pop();
    assert!(peers.room(), "one has read");
    unread.clear();
    assert!(peers.room() && peers.parting.is_empty());
}
