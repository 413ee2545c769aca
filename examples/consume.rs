//! A parent that prints what its network delivers, and goes on where it stopped.
//!
//! `cargo run --example consume -- unix:///run/pmq/agent.sock weather printer [STREAM:COUNTER]`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's own output")]

use futures::StreamExt;
use pmq_client::{Client, ClientError, ConsumeOptions, Cursor, Delivery};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(network), Some(name)) = (args.next(), args.next(), args.next()) else {
        refuse("usage: consume URL NETWORK NAME [STREAM:COUNTER]");
    };
    let mut options = ConsumeOptions::named(name);
    if let Some(cursor) = args.next() {
        let numbers = cursor.split_once(':').and_then(|(stream, counter)| Some((stream.parse().ok()?, counter.parse().ok()?)));
        let Some((stream, counter)) = numbers else {
            refuse(format!("{cursor:?} is no cursor: STREAM:COUNTER, as printed at the end"));
        };
        options.cursor = Cursor { stream, counter };
    }
    let client = match Client::builder(url).consume(&network, options).connect().await {
        // Of the URL: what may pass is tried again until the time is over.
        Err(error @ ClientError::Link(_)) => refuse(error),
        other => other?,
    };
    let mut consumer = client.consumer(&network)?;

    let stop = tokio::signal::ctrl_c();
    tokio::pin!(stop);
    loop {
        let delivery = tokio::select! {
            delivery = consumer.next() => delivery,
            stopped = &mut stop => { stopped?; break }
        };
        match &delivery {
            Some(Delivery::Message { topic, id, payload, .. }) => println!("{topic} {id} {}", String::from_utf8_lossy(payload)),
            Some(Delivery::Gap { count, reason, .. }) => println!("{count} messages are missing: {reason:?}"),
            Some(Delivery::Unverified { topic, cause, count, .. }) => println!("{topic}: {count} without a verdict: {}", cause.as_str()),
            None => return Err(client.status().borrow().end().map_or("the client ended".into(), Into::into)),
        }
        // Processed: the agent may forget it, and the next run goes on behind it.
        delivery.iter().for_each(|delivery| consumer.ack(delivery));
    }
    let Cursor { stream, counter } = consumer.cursor();
    println!("stopped at {stream}:{counter}");
    client.close().await;
    Ok(())
}

/// An argument that cannot work ends the program.
fn refuse(what: impl std::fmt::Display) -> ! {
    eprintln!("{what}");
    std::process::exit(64)
}
