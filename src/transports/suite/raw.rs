//! A Unix socket whose other end keeps to nothing.

use std::os::unix::net::UnixStream as StdStream;

use futures::StreamExt;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use super::super::{Address, Credential, FrameStream, Link, LinkError, Listener};
use super::{assert_same, bytes_of, frame, soon, unix};
use pmq_protocol::wire::{FrameError, Limits, PREFIX};

async fn raw() -> (super::Place, Listener, Link, UnixStream) {
    let place = unix();
    let mut listener = Listener::bind(&place.address, 1000, Limits::default()).await.unwrap();
    let Address::Unix(path) = &place.address else { unreachable!() };
    let (agent, parent) = tokio::join!(listener.accept(), UnixStream::connect(path));
    (place, listener, agent.unwrap(), parent.unwrap())
}

async fn last(stream: &mut FrameStream) -> LinkError {
    let error = soon("an error", stream.next()).await.unwrap().unwrap_err();
    assert!(stream.next().await.is_none(), "an error is the last item");
    error
}

#[tokio::test]
async fn the_peer_is_who_the_system_says() {
    let (_place, _listener, agent, _parent) = raw().await;
    let Credential::Uid { uid, gid, pid } = agent.peer else { panic!("{:?}", agent.peer) };
    assert_eq!(uid, rustix::process::geteuid().as_raw());
    assert_eq!(gid, rustix::process::getegid().as_raw());
    assert_eq!(pid, Some(std::process::id() as i32));
}

#[tokio::test]
async fn garbage_is_named() {
    let (_place, _listener, mut agent, mut parent) = raw().await;
    parent.write_all(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n").await.unwrap();
    let error = last(&mut agent.incoming).await;
    assert!(matches!(error, LinkError::Frame(FrameError::Magic(_))), "{error}");
}

#[tokio::test]
async fn huge_lengths_are_refused_from_the_prefix_alone() {
    for (at, part) in [(8, "headers"), (12, "headers"), (16, "payloads")] {
        let (_place, _listener, mut agent, mut parent) = raw().await;
        let mut prefix = frame(1, 0, &[]).prefix.write();
        prefix[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        parent.write_all(&prefix).await.unwrap();
        // The body never comes: only the prefix can have decided.
        match last(&mut agent.incoming).await {
            LinkError::Frame(FrameError::TooLarge { part: which, .. }) => assert_eq!(which, part),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_frame_cut_anywhere_is_truncated() {
    let whole = bytes_of(&frame(7, 40, &[100]));
    for cut in 1..whole.len() {
        let (_place, _listener, mut agent, mut parent) = raw().await;
        parent.write_all(&whole[..cut]).await.unwrap();
        drop(parent);
        let expected = if cut < PREFIX { PREFIX } else { whole.len() };
        match last(&mut agent.incoming).await {
            LinkError::Frame(FrameError::Truncated { have, need }) => assert_eq!((have, need), (cut, expected)),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn one_bad_peer_ends_no_other_link() {
    let place = unix();
    let (mut listener, mut good, mut parent) = super::linked(&place, Limits::default()).await;
    let Address::Unix(path) = &place.address else { unreachable!() };
    let mut bad = UnixStream::connect(path).await.unwrap();
    let mut its = soon("the bad peer's link", listener.accept()).await.unwrap();
    bad.write_all(&[0xff; 4096]).await.unwrap();
    last(&mut its.incoming).await;
    futures::SinkExt::send(&mut parent.outgoing, frame(3, 8, &[8])).await.unwrap();
    assert_same(&soon("a frame", good.incoming.next()).await.unwrap().unwrap(), &frame(3, 8, &[8]));
}

#[tokio::test]
async fn a_peer_gone_before_it_is_accepted_harms_nobody() {
    let place = unix();
    let mut listener = Listener::bind(&place.address, 1000, Limits::default()).await.unwrap();
    let Address::Unix(path) = &place.address else { unreachable!() };
    drop(StdStream::connect(path).unwrap());
    let mut gone = soon("the dead link", listener.accept()).await.unwrap();
    assert!(soon("its end", gone.incoming.next()).await.is_none());
    let _living = StdStream::connect(path).unwrap();
    soon("the next link", listener.accept()).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the bytes are chopped, the frames are the same.
    #[test]
    fn chopping_changes_nothing(sizes in prop::collection::vec((0usize..300, 0usize..5000), 1..20), chops in prop::collection::vec(1usize..4000, 1..10)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_place, _listener, mut agent, mut parent) = raw().await;
            let frames: Vec<_> = sizes.iter().enumerate().map(|(n, &(head, payload))| frame(n as u64, head, &[payload])).collect();
            let bytes = frames.iter().flat_map(bytes_of).collect::<Vec<u8>>();
            let writing = async {
                let mut rest = &bytes[..];
                for chop in chops.iter().cycle() {
                    let (now, later) = rest.split_at((*chop).min(rest.len()));
                    parent.write_all(now).await.unwrap();
                    tokio::task::yield_now().await;
                    rest = later;
                    if rest.is_empty() {
                        break;
                    }
                }
            };
            let reading = async {
                for sent in &frames {
                    assert_same(&agent.incoming.next().await.unwrap().unwrap(), sent);
                }
            };
            soon("chopped frames", async { tokio::join!(writing, reading) }).await;
        });
    }
}
