//! Logs that nobody reads: the agent goes on, and counts what is lost.

use std::io::{BufRead as _, BufReader, PipeReader};

use futures::future::join_all;
use pmq_testing::{Agent, Setup, until};
use rustix::process::Signal;

/// An agent that logs all it can into a pipe, and the pipe's other end, read up to where the agent accepts parents.
async fn start() -> (Agent, BufReader<PipeReader>) {
    let setup = Setup::new("4s");
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = setup.command();
    command.arg("-vv").stdout(writer.try_clone().unwrap()).stderr(writer);
    let child = command.spawn().unwrap();
    // The command holds the pipe's other end, which is the agent's alone.
    drop(command);
    let (address, reader) = tokio::task::spawn_blocking(move || {
        let mut reader = BufReader::new(reader);
        let mut address = None;
        let mut line = String::new();
        loop {
            line.clear();
            assert!(reader.read_line(&mut line).unwrap() > 0, "the agent has ended");
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            match line["message"].as_str() {
                Some("metrics and health") => address = Some(line["address"].as_str().unwrap().parse().unwrap()),
                Some("accepting parents") => break (address.unwrap(), reader),
                _ => {}
            }
        }
    })
    .await
    .unwrap();
    (Agent::attached(setup, child, address).await, reader)
}

/// Parents come and go, each worth some lines, until lines are lost.
async fn talk_until_lines_are_lost(agent: &Agent) {
    until("lost lines", async || {
        join_all((0..32).map(async |_| agent.producer("weather").await.close().await)).await;
        agent.metric("pmq_log_lost_lines_total", &[]).await.filter(|lost| *lost > 0.0)
    })
    .await;
}

#[tokio::test]
async fn a_closed_pipe_ends_nothing_and_its_lines_are_counted() {
    let (mut agent, reader) = start().await;
    drop(reader);
    talk_until_lines_are_lost(&agent).await;
    let client = agent.verifier("weather").await;
    agent.signal(Signal::TERM);
    assert_eq!(agent.exited().await.code(), Some(0), "it drains");
    let mut status = client.status();
    status.wait_for(|status| !status.is_connected()).await.unwrap();
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_stops_nothing_and_its_lines_are_counted() {
    let (mut agent, reader) = start().await;
    talk_until_lines_are_lost(&agent).await;
    assert!(agent.health().await.is_some(), "it answers");
    agent.signal(Signal::TERM);
    assert_eq!(agent.exited().await.code(), Some(0));
    drop(reader);
}
