//! Verifies and consumes; `docs/attach.md` shows it beside the same parent in Python.

#![allow(clippy::print_stdout, reason = "a command's own output")]

use futures::StreamExt;
use pmq_client::{Client, ConsumeOptions, Delivery, VerifyOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: small_parent URL")?;
    let builder = Client::builder(url).verify("weather", VerifyOptions::default());
    let client = builder.consume("weather", ConsumeOptions::named("printer")).connect().await?;
    client.verify("weather", |batch| {
        for message in batch {
            if message.payload.starts_with(b"report") { message.accept() } else { message.reject_because(7, "unknown prefix") }
        }
    })?;
    let mut consumer = client.consumer("weather")?;
    while let Some(delivery) = consumer.next().await {
        match &delivery {
            Delivery::Message { topic, payload, .. } => println!("{topic} {}", String::from_utf8_lossy(payload)),
            Delivery::Gap { count, reason, .. } => println!("gap: {count} messages are missing, {reason:?}"),
            Delivery::Unverified { topic, cause, count, .. } => println!("{topic}: {count} without a verdict, {}", cause.as_str()),
        }
        consumer.ack(&delivery);
    }
    // It has ended for good: another parent took its consumer's name, for example.
    Err(client.status().borrow().end().map_or("the client ended".into(), Into::into))
}
