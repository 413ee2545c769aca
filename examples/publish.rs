//! A parent that publishes every line of its input.
//!
//! `echo "report 1" | cargo run --example publish -- unix:///run/pmq/agent.sock weather weather.reports`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's own output")]

use std::io::BufRead;

use pmq_client::{Client, ClientError, PublishError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(network), Some(topic)) = (args.next(), args.next(), args.next()) else {
        refuse("usage: publish URL NETWORK TOPIC < LINES");
    };
    let client = match Client::builder(url).produce(&network).connect().await {
        // Of the URL: what may pass is tried again until the time is over.
        Err(error @ ClientError::Link(_)) => refuse(error),
        other => other?,
    };

    // The terminal is read on a thread of its own, so that heartbeats flow while nobody types.
    let (lines, mut typed) = tokio::sync::mpsc::channel(16);
    std::thread::spawn(move || std::io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| lines.blocking_send(line)));

    let mut failed = 0;
    while let Some(line) = typed.recv().await {
        match client.publish(&network, &topic, line).await {
            Ok(sent) if sent.duplicate => println!("{} was published before", sent.id),
            Ok(sent) => println!("{} to {} peers", sent.id, sent.peers),
            Err(PublishError::NotSent { status, text, .. }) => {
                eprintln!("not sent ({status}): {text}");
                failed += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    client.close().await;
    if failed > 0 { Err(format!("{failed} messages were not sent").into()) } else { Ok(()) }
}

/// An argument that cannot work ends the program.
fn refuse(what: impl std::fmt::Display) -> ! {
    eprintln!("{what}");
    std::process::exit(64)
}
