//! What every transport promises.

use futures::{FutureExt, SinkExt, StreamExt};

use super::super::{Address, LinkError, SEND_BYTES, SEND_FRAMES};
use super::{Place, assert_same, frame, linked, soon};
use pmq_protocol::wire::{Frame, FrameError, Limits};

/// Runs every case on every transport, on one thread and on two. A new transport is one line.
macro_rules! suite {
    ($($name:ident,)*) => {
        suite!(@ on_unix unix: $($name)*);
        suite!(@ on_memory memory: $($name)*);
        suite!(@ on_zmq_ipc zmq_ipc: $($name)*);
        suite!(@ on_zmq_tcp zmq_tcp: $($name)*);
        suite!(@ on_quic quic: $($name)*);
        suite!(@ on_grpc_unix grpc_unix: $($name)*);
        suite!(@ on_grpc_tcp grpc_tcp: $($name)*);
        suite!(@ on_grpc_tls grpc_tls: $($name)*);
    };
    (@ $module:ident $place:ident: $($name:ident)*) => {
        mod $module {
            $(#[tokio::test] async fn $name() { super::$name(super::super::$place()).await; })*
            mod threads {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $name() { super::super::$name(super::super::super::$place()).await; })*
            }
        }
    };
}

suite! {
    carries_payloads_of_every_size,
    carries_bursts_in_order,
    both_ways_at_once,
    waits_for_a_slow_reader,
    a_dropped_next_loses_nothing,
    a_dropped_send_loses_nothing,
    a_dead_peer_is_seen_at_once,
    what_was_sent_before_the_end_arrives,
    sending_to_a_dead_peer_fails,
    too_large_frames_are_refused_by_the_receiver,
    a_frame_unlike_its_prefix_is_not_sent,
    nobody_listens,
    a_living_listener_keeps_its_address,
    a_dropped_listener_frees_its_address,
    accepts_many,
}

async fn carries_payloads_of_every_size(place: Place) {
    let (_listener, mut agent, mut parent) = linked(&place, Limits::default()).await;
    let shapes: [(usize, &[usize]); 6] =
        [(0, &[]), (16, &[0]), (16, &[1]), (1024, &[64 * 1024]), (64, &[1024 * 1024]), (0, &[0, 1, 65_536, 0, 1_048_576])];
    for (number, (head, payloads)) in shapes.into_iter().enumerate() {
        let sent = frame(number as u64, head, payloads);
        let (sending, got) = soon("a frame", async { tokio::join!(parent.outgoing.send(sent.clone()), agent.incoming.next()) }).await;
        sending.unwrap();
        assert_same(&got.unwrap().unwrap(), &sent);
    }
}

async fn carries_bursts_in_order(place: Place) {
    let (_listener, mut agent, mut parent) = linked(&place, Limits::default()).await;
    let frames: Vec<Frame> = (0..1000).map(|n| frame(n, 24, &[256, 1, n as usize % 700, 0])).collect();
    let sending = async {
        for burst in frames.chunks(100) {
            for frame in burst {
                parent.outgoing.feed(frame.clone()).await.unwrap();
            }
            parent.outgoing.flush().await.unwrap();
        }
    };
    let receiving = async {
        for sent in &frames {
            assert_same(&agent.incoming.next().await.unwrap().unwrap(), sent);
        }
    };
    soon("a burst", async { tokio::join!(sending, receiving) }).await;
}

async fn both_ways_at_once(place: Place) {
    let (_listener, mut agent, mut parent) = linked(&place, Limits::default()).await;
    let echo = tokio::spawn(async move {
        while let Some(frame) = agent.incoming.next().await {
            agent.outgoing.send(frame.unwrap()).await.unwrap();
        }
    });
    let frames: Vec<Frame> = (0..300).map(|n| frame(n, 8, &[4096])).collect();
    let sending = async {
        for frame in &frames {
            parent.outgoing.send(frame.clone()).await.unwrap();
        }
    };
    let receiving = async {
        for sent in &frames {
            assert_same(&parent.incoming.next().await.unwrap().unwrap(), sent);
        }
    };
    soon("an echo", async { tokio::join!(sending, receiving) }).await;
    drop(parent);
    soon("the echo's end", echo).await.unwrap();
}

/// Nobody reads: the sink stops being ready within its bounds, and every byte arrives once somebody does.
async fn waits_for_a_slow_reader(place: Place) {
    let (_listener, mut agent, mut parent) = linked(&place, Limits::default()).await;
    if matches!(place.address, Address::ZmqIpc(_) | Address::ZmqTcp(_)) {
        // The agent's ROUTER reads all its peers or none: towards it the bound is the inbox, whose overrun has tests of its own.
        std::mem::swap(&mut agent, &mut parent);
    }
    let mut fed = 0u64;
    loop {
        let sent = frame(fed, 100, &[9000, 3000]);
        match parent.outgoing.feed(sent).now_or_never() {
            Some(done) => done.unwrap(),
            None => break,
        }
        fed += 1;
        assert!(fed as usize <= SEND_FRAMES + 2 * SEND_BYTES / 12_100, "the sink has no bound: {fed} frames");
    }
    assert!(fed > 50, "only {fed} frames fit");
    let sending = async {
        parent.outgoing.flush().await.unwrap();
        parent.outgoing.send(frame(u64::MAX, 1, &[1])).await.unwrap();
    };
    let receiving = async {
        for number in 0..fed {
            assert_same(&agent.incoming.next().await.unwrap().unwrap(), &frame(number, 100, &[9000, 3000]));
        }
        assert_same(&agent.incoming.next().await.unwrap().unwrap(), &frame(u64::MAX, 1, &[1]));
    };
    soon("the backlog", async { tokio::join!(sending, receiving) }).await;
}

async fn a_dropped_next_loses_nothing(place: Place) {
    let (_listener, mut agent, mut parent) = linked(&place, Limits::default()).await;
    let frames: Vec<Frame> = (0..40).map(|n| frame(n, 8, &[200_000])).collect();
    let first = u32::from(agent.incoming.next().now_or_never().is_none());
    let sending = async {
        for frame in &frames {
            parent.outgoing.send(frame.clone()).await.unwrap();
        }
    };
    let receiving = async {
        // On two threads everything may have come before it is asked for; the first read is cut in any case.
        let mut dropped = first;
        for sent in &frames {
            let got = loop {
                // Polled once and dropped, in the middle of a frame more often than not.
                match agent.incoming.next().now_or_never() {
                    Some(got) => break got,
                    None => dropped += 1,
                }
                tokio::task::yield_now().await;
            };
            assert_same(&got.unwrap().unwrap(), sent);
        }
        assert!(dropped > 0, "no read was ever cut short");
    };
    soon("cut reads", async { tokio::join!(sending, receiving) }).await;
}

async fn a_dropped_send_loses_nothing(place: Place) {
    let (_listener, mut agent, mut parent) = linked(&place, Limits::default()).await;
    if matches!(place.address, Address::ZmqIpc(_) | Address::ZmqTcp(_)) {
        // Towards the agent's ROUTER nothing is ever held back.
        std::mem::swap(&mut agent, &mut parent);
    }
    let frames: Vec<Frame> = (0..300).map(|n| frame(n, 8, &[100_000])).collect();
    let mut pending = 0;
    let mut received = Vec::new();
    for frame in &frames {
        loop {
            tokio::select! {
                fed = parent.outgoing.feed(frame.clone()) => { fed.unwrap(); break; }
                // The feed is dropped half done.
                got = agent.incoming.next() => { received.push(got.unwrap().unwrap()); pending += 1; }
            }
        }
        // Begun and dropped.
        parent.outgoing.flush().now_or_never().unwrap_or(Ok(())).unwrap();
    }
    assert!(pending > 0, "no send was ever cut short");
    let rest = async {
        while received.len() < frames.len() {
            received.push(agent.incoming.next().await.unwrap().unwrap());
        }
    };
    soon("cut writes", async { tokio::join!(parent.outgoing.flush(), rest) }).await.0.unwrap();
    frames.iter().zip(&received).for_each(|(sent, got)| assert_same(got, sent));
}

async fn a_dead_peer_is_seen_at_once(place: Place) {
    let (_listener, mut agent, parent) = linked(&place, Limits::default()).await;
    let waiting = tokio::spawn(async move { agent.incoming.next().await.is_none() });
    drop(parent);
    assert!(soon("the end", waiting).await.unwrap());
}

async fn what_was_sent_before_the_end_arrives(place: Place) {
    let (_listener, mut agent, mut parent) = linked(&place, Limits::default()).await;
    // Unread frames at the other end turn a socket's end into a reset: no reason to lose what is still to be read.
    agent.outgoing.send(frame(9, 4, &[100])).await.unwrap();
    for number in 0..5 {
        parent.outgoing.feed(frame(number, 4, &[1000])).await.unwrap();
    }
    parent.outgoing.close().await.unwrap();
    drop(parent);
    for number in 0..5 {
        assert_same(&soon("a last frame", agent.incoming.next()).await.unwrap().unwrap(), &frame(number, 4, &[1000]));
    }
    assert!(soon("the end", agent.incoming.next()).await.is_none());
    assert!(soon("the end again", agent.incoming.next()).await.is_none());
}

async fn sending_to_a_dead_peer_fails(place: Place) {
    let (_listener, agent, mut parent) = linked(&place, Limits::default()).await;
    drop(agent);
    assert!(soon("the end", parent.incoming.next()).await.is_none());
    assert!(matches!(parent.outgoing.send(frame(1, 4, &[10])).await, Err(LinkError::Closed)));
}

async fn too_large_frames_are_refused_by_the_receiver(place: Place) {
    let tight = Limits { head: 128, payloads: 1000 };
    let mut listener = place.listen(1000, tight).await.unwrap();
    for (sent, part) in [(frame(1, 129, &[1]), "headers"), (frame(2, 128, &[500, 501]), "payloads")] {
        let (agent, parent) = tokio::join!(listener.accept(), place.connect(Limits::default()));
        let (mut agent, mut parent) = (agent.unwrap(), parent.unwrap());
        parent.outgoing.send(frame(0, 128, &[1000])).await.unwrap();
        assert_same(&soon("a frame at the limit", agent.incoming.next()).await.unwrap().unwrap(), &frame(0, 128, &[1000]));
        parent.outgoing.send(sent).await.unwrap();
        match soon("the refusal", agent.incoming.next()).await.unwrap() {
            Err(LinkError::Frame(FrameError::TooLarge { part: which, .. })) => assert_eq!(which, part),
            other => panic!("{other:?}"),
        }
        assert!(agent.incoming.next().await.is_none(), "an error is the last item");
    }
}

async fn a_frame_unlike_its_prefix_is_not_sent(place: Place) {
    let (_listener, mut agent, mut parent) = linked(&place, Limits::default()).await;
    let mut short = frame(1, 8, &[10]);
    short.payloads.clear();
    assert!(matches!(parent.outgoing.send(short).await, Err(LinkError::Inconsistent { part: "payloads", have: 0, need: 10 })));
    let mut long = frame(1, 8, &[10]);
    long.prefix.archive -= 1;
    let length = long.head.len();
    match parent.outgoing.send(long).await {
        Err(LinkError::Inconsistent { part: "headers", have, need }) => assert_eq!((have, need), (length, length - 1)),
        other => panic!("{other:?}"),
    }
    parent.outgoing.send(frame(2, 8, &[10])).await.unwrap();
    assert_same(&soon("a sound frame", agent.incoming.next()).await.unwrap().unwrap(), &frame(2, 8, &[10]));
}

async fn nobody_listens(place: Place) {
    let error = place.connect(Limits::default()).await.unwrap_err();
    assert!(matches!(&error, LinkError::NobodyListens(address) if *address == place.address), "{error}");
}

async fn a_living_listener_keeps_its_address(place: Place) {
    let (_listener, mut agent, mut parent) = linked(&place, Limits::default()).await;
    let error = place.listen(10, Limits::default()).await.unwrap_err();
    assert!(matches!(&error, LinkError::AddressInUse(address) if *address == place.address), "{error}");
    parent.outgoing.send(frame(1, 8, &[10])).await.unwrap();
    assert!(soon("the first listener's link", agent.incoming.next()).await.unwrap().is_ok());
}

async fn a_dropped_listener_frees_its_address(place: Place) {
    let (listener, mut agent, mut parent) = linked(&place, Limits::default()).await;
    drop(listener);
    assert!(matches!(place.connect(Limits::default()).await, Err(LinkError::NobodyListens(_))));
    if let Address::Unix(path) | Address::ZmqIpc(path) = &place.address {
        assert!(!path.exists(), "the socket file stays behind");
    }
    if matches!(place.address, Address::Quic { .. }) {
        // Its links live in its socket, which goes with the last of them.
        parent.outgoing.send(frame(1, 8, &[10])).await.unwrap();
        assert!(soon("the first listener's link", agent.incoming.next()).await.unwrap().is_ok());
        drop((agent, parent));
        let second = async {
            while place.listen(1000, Limits::default()).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        return soon("the address", second).await;
    }
    let (_second, ..) = linked(&place, Limits::default()).await;
    // A link outlives its listener.
    parent.outgoing.send(frame(1, 8, &[10])).await.unwrap();
    assert!(soon("the first listener's link", agent.incoming.next()).await.unwrap().is_ok());
}

async fn accepts_many(place: Place) {
    let mut listener = place.listen(1000, Limits::default()).await.unwrap();
    let mut parents = Vec::new();
    let mut agents = Vec::new();
    for number in 0..50 {
        let mut parent = place.connect(Limits::default()).await.unwrap();
        parent.outgoing.send(frame(number, 8, &[10])).await.unwrap();
        parents.push(parent);
        agents.push(soon("a link", listener.accept()).await.unwrap());
    }
    for (number, agent) in agents.iter_mut().enumerate() {
        assert_same(&soon("its frame", agent.incoming.next()).await.unwrap().unwrap(), &frame(number as u64, 8, &[10]));
    }
}
