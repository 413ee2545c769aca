#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::serve::permitted;
use super::settings::Settings;
use super::*;

#[tokio::test]
async fn lines_are_cut_at_newlines_and_bounded() {
    let mut lines = Lines::new(b"one\n\nthree".as_slice(), 5);
    for expected in ["one", "", "three"] {
        assert_eq!(lines.next().await.unwrap().unwrap(), expected);
    }
    assert!(lines.next().await.unwrap().is_none());
    for long in ["123456\n", "123456", "12\n123456789\n"] {
        let mut lines = Lines::new(long.as_bytes(), 5);
        let error = loop {
            match lines.next().await {
                Ok(Some(line)) => assert!(line.len() <= 5),
                Ok(None) => panic!("{long:?} was taken"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, LineError::TooLong(5)), "{error}");
    }
}

#[tokio::test]
async fn a_line_that_comes_in_pieces_survives_a_reader_that_gives_up_and_comes_back() {
    use tokio::io::AsyncWriteExt as _;
    let (mut writer, reader) = tokio::io::duplex(64);
    let mut lines = Lines::new(reader, 64);
    writer.write_all(b"first ha").await.unwrap();
    assert!(futures::FutureExt::now_or_never(lines.next()).is_none());
    writer.write_all(b"lf\nnext").await.unwrap();
    assert_eq!(lines.next().await.unwrap().unwrap(), "first half");
    drop(writer);
    assert_eq!(lines.next().await.unwrap().unwrap(), "next");
}

#[test]
fn requests_are_read_as_they_are_written() {
    let tap =
        TapAsk { topics: vec!["a.*".into()], networks: vec!["n".into()], outcomes: vec![Outcome::Reject, Outcome::Ignore], limit: Some(3) };
    for ask in [Ask::Tap(tap), Ask::Publish(PublishAsk { topic: "t".into(), network: None }), Ask::Parents] {
        assert_eq!(read(write(&ask).as_bytes()), Ok(ask));
    }
    assert_eq!(read(br#"{"v":1,"tap":{}}"#), Ok(Ask::Tap(TapAsk::default())));
}

#[test]
fn what_is_no_request_is_named() {
    let many = format!(r#"{{"v":1,"tap":{{"topics":[{}]}}}}"#, vec![r#""t""#; 65].join(","));
    let long = format!(r#"{{"v":1,"tap":{{"topics":["{}"]}}}}"#, "t".repeat(1025));
    for (line, code, said) in [
        (r#"{"v":1,"tap":{},"parents":{}}"#, Code::BadRequest, "exactly one"),
        (r#"{"v":1,"publish":{}}"#, Code::BadRequest, "missing field `topic`"),
        (r#"{"v":1,"tap":{"outcomes":["expired"]}}"#, Code::BadRequest, "unknown variant `expired`"),
        (r#"{"v":1,"parents":{"all":true}}"#, Code::BadRequest, "unknown field `all`"),
        (r#"{"v":7,"whatever":1}"#, Code::Version, "version 7"),
        (r#"{"v":1,"tap":{"topics":["a",""]}}"#, Code::BadRequest, "1 to 1024 bytes, this one has 0"),
        (long.as_str(), Code::BadRequest, "this one has 1025"),
        (many.as_str(), Code::BadRequest, "`topics` names 65, and 64 are possible"),
    ] {
        let problem = read(line.as_bytes()).unwrap_err();
        assert!(problem.code == code && problem.text.contains(said), "{line}: {problem:?}");
    }
}

#[test]
fn a_code_of_a_later_version_can_still_be_read() {
    let answer: Answer = serde_json::from_str(r#"{"error":{"code":"on-strike","text":"why"}}"#).unwrap();
    assert_eq!(answer, Answer::Error(Problem::new(Code::Other, "why")));
}

#[test]
fn only_the_own_user_and_root_are_permitted() {
    assert_eq!([permitted(1000, 1000), permitted(0, 1000), permitted(0, 0)], [Ok(()), Ok(()), Ok(())]);
    for (uid, own) in [(1001, 1000), (1000, 0)] {
        let problem = permitted(uid, own).unwrap_err();
        assert!(problem.code == Code::NotPermitted && problem.text.contains(&format!("uid {uid}")), "{problem:?}");
    }
}

#[test]
fn the_socket_stands_beside_that_of_the_parents_unless_it_is_set() {
    let attach = std::path::Path::new("/run/pmq/agent.sock");
    assert_eq!(Settings::default().place(attach), std::path::Path::new("/run/pmq/control.sock"));
    let set = Settings { path: Some("/elsewhere/c.sock".into()), ..Settings::default() };
    assert_eq!((set.check(), set.place(attach)), (Ok(()), "/elsewhere/c.sock".into()));
    assert_eq!(Settings { max_clients: 0, ..Settings::default() }.check().unwrap_err().key, "max_clients");
    let relative = Settings { path: Some("c.sock".into()), ..Settings::default() };
    assert!(relative.check().unwrap_err().to_string().contains("must be absolute"));
}
