//! Bytes that are no frames, or none of ours: that session ends and says why, no other one does.

use std::time::Instant;

use pmq_client::RefuseCode;
use pmq_protocol::session::{ParentEnd, ParentTerms, Want};
use pmq_protocol::wire::message::Refuse;
use pmq_protocol::wire::{Cursor, Frame, Kind, Limits, PREFIX, Prefix, Roles, SessionId, Window};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use pmq_testing::{Agent, Setup, soon};

/// Sends bytes and shuts the sending side; answers the fatal refusal that came before the end.
pub async fn refusal(agent: &Agent, bytes: &[u8]) -> (RefuseCode, String) {
    let mut stream = UnixStream::connect(&agent.setup.socket).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    if !bytes.is_empty() {
        stream.shutdown().await.unwrap();
    }
    let mut answer = Vec::new();
    soon("the end of the session", async {
        let mut part = [0; 4096];
        // A reset behind the last frame says the same as the end: the agent had no need to read everything.
        while let Ok(count @ 1..) = stream.read(&mut part).await {
            answer.extend_from_slice(&part[..count]);
        }
    })
    .await;
    let mut answer = bytes::Bytes::from(answer);
    let mut last = None;
    while !answer.is_empty() {
        let prefix = Prefix::read(answer.split_to(PREFIX)[..].try_into().unwrap(), Limits::default()).unwrap();
        let frame = Frame { prefix, head: answer.split_to(prefix.head_len()), payloads: Vec::new() };
        let refuse = frame.items::<Refuse<'_>>().unwrap().next().unwrap();
        assert!(refuse.fatal);
        last = Some((refuse.code, refuse.text.to_owned()));
    }
    last.expect("no refusal came")
}

fn hello() -> Frame {
    let window = Window { messages: 1, bytes: 1 };
    let want = Want {
        network: "weather".into(),
        roles: Roles::CONSUME,
        verify: window,
        consume: window,
        consumer: "".into(),
        group: "".into(),
        cursor: Cursor::default(),
        policy: None,
    };
    ParentEnd::new(vec![want], "by hand", ParentTerms::default(), Instant::now()).unwrap().poll_frame().unwrap()
}

fn bytes_of(frame: &Frame) -> Vec<u8> {
    [&frame.prefix.write()[..], &frame.head].concat()
}

#[tokio::test]
async fn what_is_no_frame_ends_that_session_alone_and_is_told_why() {
    let agent = Setup::new("4s").start().await;
    let other = agent.producer("weather").await;
    let prefix = |payloads| Prefix { kind: Kind::Hello, count: 1, archive: 40, names: 0, payloads, session: SessionId(0) }.write();
    let cases: [(&str, Vec<u8>, &str); 4] = [
        ("garbage", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), "not with \"PMQ1\""),
        ("too large", prefix(u32::MAX).to_vec(), "4294967295"),
        ("truncated", bytes_of(&hello())[..40].to_vec(), "ends after 40 of"),
        ("no archive", [&prefix(0)[..], &[0xff; 40]].concat(), "Hello"),
    ];
    for (what, bytes, told) in cases {
        let (code, text) = refusal(&agent, &bytes).await;
        let expected = if what == "no archive" { [RefuseCode::Malformed, RefuseCode::Version] } else { [RefuseCode::Malformed; 2] };
        assert!(expected.contains(&code) && (text.contains(told) || code == RefuseCode::Version), "{what}: {code}: {text}");
    }
    // Allocates nothing like what the prefix announced, and goes on serving.
    other.subscribe("weather", "weather/other").await.unwrap();
    assert!(other.status().borrow().is_connected());
}

#[tokio::test]
async fn another_version_of_the_protocol_is_refused_by_name() {
    let agent = Setup::new("4s").start().await;
    let mut bytes = bytes_of(&hello());
    bytes[PREFIX..PREFIX + 2].copy_from_slice(&77_u16.to_le_bytes());
    let (code, text) = refusal(&agent, &bytes).await;
    assert_eq!(code, RefuseCode::Version);
    assert!(text.contains("77") && text.contains("version 1"), "{text}");
}

#[tokio::test]
async fn a_parent_that_talks_without_end_does_not_keep_the_agent_from_leaving() {
    let mut agent = Setup::new("4s").start().await;
    let mut raw = crate::parents::Raw::attach(&agent, Roles::CONSUME).await;
    let mut encoder = pmq_protocol::wire::Encoder::new(Limits::default());
    let ping = encoder.frame(raw.end.session(), [pmq_protocol::wire::message::Ping { nonce: 1 }]).unwrap();
    let flood = tokio::spawn(async move {
        use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
        while raw.link.outgoing.send(ping.clone()).await.is_ok() {
            while raw.link.incoming.next().now_or_never().is_some_and(|frame| frame.is_some()) {}
            tokio::task::yield_now().await;
        }
    });
    agent.health_when("a sign of life", |_| true).await;
    agent.signal(rustix::process::Signal::TERM);
    assert_eq!(agent.exited().await.code(), Some(0));
    soon("the end of the flood", flood).await.unwrap();
}
