//! A parent that prints what its network delivers, and goes on where it stopped.
//!
//! `cargo run --example consume -- unix:///run/pmq/agent.sock weather printer [STREAM:COUNTER]`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's own output")]

use futures::StreamExt;
use pmq_client::{Client, ConsumeOptions, Cursor, Delivery};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(network), Some(name)) = (args.next(), args.next(), args.next()) else {
        eprintln!("usage: consume URL NETWORK NAME [STREAM:COUNTER]");
        std::process::exit(64);
    };
    let mut options = ConsumeOptions::named(name);
    if let Some(cursor) = args.next() {
        let (stream, counter) = cursor.split_once(':').ok_or("a cursor is STREAM:COUNTER, as printed at the end")?;
        options.cursor = Cursor { stream: stream.parse()?, counter: counter.parse()? };
    }
    let client = Client::builder(url).consume(&network, options).connect().await?;
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
