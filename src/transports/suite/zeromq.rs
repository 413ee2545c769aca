//! What is particular to ZeroMQ: tokens, the inbox, fairness, and what ends leave behind.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use futures::{FutureExt as _, SinkExt, StreamExt};

use super::super::{Credential, LinkError, Listener, Proof, Token, TokenFile, ZeromqSettings, connect, connect_with};
use super::{assert_same, frame, linked, soon, zmq_ipc, zmq_tcp};
use pmq_protocol::wire::{FrameError, Kind, Limits, Prefix, SessionId};

#[test]
fn a_token_has_a_length_and_a_trusted_file() {
    for len in [0, 15, 256] {
        assert!(matches!(Token::new(&vec![b'x'; len]), Err(LinkError::Token { .. })), "{len}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "  0123456789abcdef\n").unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(Token::from_file(&path).unwrap(), Token::new(b"0123456789abcdef").unwrap());
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(Token::from_file(&link).is_err());
    std::fs::set_permissions(&path, Permissions::from_mode(0o604)).unwrap();
    let error = Token::from_file(&path).unwrap_err().to_string();
    assert!(error.contains("0604") && error.contains("chmod 0600"), "{error}");
    assert!(!format!("{:?}", Token::new(b"0123456789abcdef").unwrap()).contains("0123"));
}

#[tokio::test]
async fn a_token_names_the_parent_and_a_wrong_one_nobody() {
    let place = zmq_tcp();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, secret: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, secret).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        TokenFile { name: name.to_owned(), file }
    };
    let token = vec![write("self", "0123456789abcdef"), write("indexer", "0123456789abcdeg")];
    let settings = ZeromqSettings { token, ..ZeromqSettings::default() };
    let mut listener = Listener::bind_zeromq(&place.address, &settings, Limits::default()).await.unwrap();
    for (secret, who) in [
        (Some("0123456789abcdef"), Some("self")),
        (Some("0123456789abcdeg"), Some("indexer")),
        (Some("0123456789abcdef0123456789abcdef"), None),
        (Some("0123456789abcdeh"), None),
        (None, None),
    ] {
        let proof = Proof { token: secret.map(|secret| Token::new(secret.as_bytes()).unwrap()), ..Proof::default() };
        let (agent, parent) = tokio::join!(listener.accept(), connect_with(&place.address, Limits::default(), &proof));
        let (mut agent, mut parent) = (agent.unwrap(), parent.unwrap());
        match (&agent.peer, who) {
            (Credential::Token(name), Some(who)) => assert_eq!(&**name, who),
            (Credential::Unproven(_), None) => {
                parent.outgoing.send(frame(1, 8, &[1])).await.unwrap();
                agent.outgoing.send(frame(2, 8, &[1])).await.unwrap();
                soon("the refusal", parent.incoming.next()).await.unwrap().unwrap();
                assert!(agent.incoming.next().now_or_never().is_none(), "nothing is read of a parent that has proven nothing");
            }
            (other, _) => panic!("{other} for {secret:?}"),
        }
    }
}

#[tokio::test]
async fn a_parent_that_overruns_its_inbox_is_cut_and_no_other_one() {
    let place = zmq_ipc();
    let settings = ZeromqSettings { inbox_frames: 100, ..ZeromqSettings::default() };
    let mut listener = Listener::bind_zeromq(&place.address, &settings, Limits::default()).await.unwrap();
    let (other, its) = tokio::join!(listener.accept(), connect(&place.address, Limits::default()));
    let (mut other, mut its) = (other.unwrap(), its.unwrap());
    let (agent, parent) = tokio::join!(listener.accept(), connect(&place.address, Limits::default()));
    let (mut agent, mut parent) = (agent.unwrap(), parent.unwrap());
    for number in 0..101 {
        parent.outgoing.feed(frame(number, 8, &[10])).await.unwrap();
    }
    assert!(soon("the cut", parent.incoming.next()).await.is_none());
    let mut read = 0;
    loop {
        match agent.incoming.next().await.unwrap() {
            Ok(_) => read += 1,
            Err(LinkError::Overrun { frames: 101, .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(read, 100, "what was let in is read");
    its.outgoing.send(frame(5, 8, &[10])).await.unwrap();
    assert_same(&soon("a frame", other.incoming.next()).await.unwrap().unwrap(), &frame(5, 8, &[10]));
}

/// The quiet one's frame does not wait for the flood: it is there when no more than a part of the flood is.
#[tokio::test]
async fn a_flood_does_not_keep_a_quiet_parent_waiting() {
    const FLOOD: u64 = 1000;
    let place = zmq_ipc();
    let (mut listener, mut loud_agent, mut loud) = linked(&place, Limits::default()).await;
    let (quiet_agent, quiet) = tokio::join!(listener.accept(), connect(&place.address, Limits::default()));
    let (mut quiet_agent, mut quiet) = (quiet_agent.unwrap(), quiet.unwrap());
    // All of it is queued before the quiet one says anything.
    for number in 0..FLOOD {
        loud.outgoing.feed(frame(number, 8, &[512])).now_or_never().expect("room").unwrap();
    }
    quiet.outgoing.send(frame(7, 8, &[10])).await.unwrap();
    let heard = async { quiet_agent.incoming.next().await.unwrap().unwrap() };
    let mut heard = Box::pin(heard);
    let mut before = 0;
    loop {
        tokio::select! {
            biased;
            frame_of_quiet = &mut heard => { assert_same(&frame_of_quiet, &frame(7, 8, &[10])); break; }
            of_loud = loud_agent.incoming.next() => { of_loud.unwrap().unwrap(); before += 1; }
        }
    }
    assert!(before < FLOOD / 2, "{before} of {FLOOD} frames of the flood came first");
}

#[tokio::test]
async fn parts_that_do_not_fit_the_prefix_are_named() {
    for (payloads, what) in [(&[5_usize, 5][..], "more payloads than heads"), (&[], "ends after 0 of 10")] {
        let place = zmq_ipc();
        let (_listener, mut agent, mut parent) = linked(&place, Limits::default()).await;
        let prefix = Prefix { kind: Kind::Publish, count: 1, archive: 8, names: 0, payloads: 10, session: SessionId(1) };
        let sent = pmq_protocol::wire::Frame { payloads: payloads.iter().map(|&len| super::pattern(1, len)).collect(), ..frame(1, 8, &[]) };
        let sent = pmq_protocol::wire::Frame { prefix, ..sent };
        match parent.outgoing.send(sent).await {
            // Our own sink does not even let it out.
            Err(LinkError::Inconsistent { .. }) => continue,
            sent => sent.unwrap(),
        }
        match soon("the error", agent.incoming.next()).await.unwrap() {
            Err(LinkError::Frame(error @ (FrameError::Content { .. } | FrameError::Truncated { .. }))) => {
                assert!(error.to_string().contains(what), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}
