//! The examples, as whoever reads them would run them: three processes against two agents.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use pmq_testing::{Agent, Setup, pair, soon};

/// An example's binary, which stands beside the test's own folder.
fn binary(name: &str) -> PathBuf {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_pmq")).with_file_name("examples").join(name);
    assert!(binary.exists(), "{} is not built: `cargo test` builds it", binary.display());
    binary
}

fn example(name: &str, agent: &Agent, arguments: &[&str]) -> Child {
    let mut command = Command::new(binary(name));
    command.arg(agent.url()).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    command.spawn().unwrap()
}

fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

async fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    soon("a line", lines.next_line()).await.unwrap().expect("the example still runs")
}

#[tokio::test]
async fn the_three_parents_do_what_they_say() {
    let (a, _parent, b) = pair(Setup::new("5s"), Setup::new("5s")).await;
    let mut verifier = example("verifier", &b, &["weather", "report"]);
    let mut verified = lines(&mut verifier);
    assert_eq!(line(&mut verified).await, "verifying weather");
    let mut consumer = example("consume", &b, &["weather", "archive"]);
    let mut consumed = lines(&mut consumer);
    b.network_when("weather", "both parents", |network| network["verifiers"] == 1 && network["consumers"] == 1).await;

    let mut publisher = example("publish", &a, &["weather", "weather"]);
    let mut input = publisher.stdin.take().unwrap();
    input.write_all(b"report 1\nrumour 2\nreport 1\nreport 3\n").await.unwrap();
    drop(input);
    let mut published = lines(&mut publisher);
    let (first, _rumour) = (line(&mut published).await, line(&mut published).await);
    assert!(first.ends_with(" to 1 peers"), "{first}");
    let id = first.split(' ').next().unwrap().to_owned();
    assert_eq!(line(&mut published).await, format!("{id} was published before"));
    assert!(soon("the publisher's end", publisher.wait()).await.unwrap().success());

    assert_eq!(line(&mut consumed).await, format!("weather {id} report 1"));
    assert!(line(&mut consumed).await.ends_with(" report 3"), "what the verifier rejects is not delivered");
    let health = b.network_when("weather", "the verdicts", |network| network["came_in"] == 3).await;
    assert_eq!(health["verified"]["reject"], 1);
}

#[tokio::test]
async fn the_small_parent_of_the_docs_verifies_and_consumes() {
    let (a, _parent, b) = pair(Setup::new("5s"), Setup::new("5s")).await;
    let mut parent = example("small_parent", &b, &[]);
    let mut printed = lines(&mut parent);
    b.network_when("weather", "the parent", |network| network["verifiers"] == 1 && network["consumers"] == 1).await;
    let mut publisher = example("publish", &a, &["weather", "weather"]);
    publisher.stdin.take().unwrap().write_all(b"rumour\nreport 1\n").await.unwrap();
    assert!(soon("the publisher's end", publisher.wait()).await.unwrap().success());
    assert_eq!(line(&mut printed).await, "weather report 1");
}

#[test]
fn arguments_that_cannot_work_are_refused_with_a_code_of_their_own() {
    let nowhere = "unix:///nowhere/agent.sock";
    for (name, arguments, said) in [
        ("consume", &[nowhere, "weather"][..], "usage: consume URL"),
        ("consume", &["nowhere", "weather", "archive"], "unknown scheme"),
        ("consume", &[nowhere, "weather", "archive", "1"], "is no cursor"),
        ("consume", &[nowhere, "weather", "archive", "1:x"], "is no cursor"),
        ("publish", &["zmq+tcp://127.0.0.1:99999", "weather", "weather"], "an IP address and a port"),
        ("publish", &[nowhere], "usage: publish URL"),
        ("verifier", &["", "weather", "report"], "unknown scheme"),
        ("verifier", &[nowhere, "weather"], "usage: verifier URL"),
    ] {
        let ended = std::process::Command::new(binary(name)).args(arguments).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.code() == Some(64) && text.contains(said), "{name} {arguments:?}: {} {text}", ended.status);
    }
}

#[test]
fn the_docs_show_the_small_parents_as_they_are() {
    let page = include_str!("../../docs/attach.md");
    let (_, rust) = include_str!("../../examples/small_parent.rs").split_once("command's own output\")]\n\n").unwrap();
    for code in [rust, include_str!("../../examples/python/small_parent.py")] {
        assert!(page.contains(&format!("\n{code}```")), "docs/attach.md shows another parent than this:\n{code}");
    }
}
