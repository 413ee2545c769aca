//! A parent that gives verdicts: accepts what starts with a prefix, rejects the rest.
//!
//! `cargo run --example verifier -- unix:///run/pmq/agent.sock weather report`
//!
//! In one group of a chain: `VerifyOptions::in_group("content")`. To look on without any effect: `VerifyOptions::shadow()`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's own output")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pmq_client::{Client, ClientError, VerifyOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ClientError> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(network), Some(prefix)) = (args.next(), args.next(), args.next()) else {
        refuse("usage: verifier URL NETWORK PREFIX");
    };
    let client = match Client::builder(url).verify(&network, VerifyOptions::default()).connect().await {
        // Of the URL: what may pass is tried again until the time is over.
        Err(error @ ClientError::Link(_)) => refuse(error),
        other => other?,
    };
    println!("verifying {network}");

    let (accepted, rejected) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (yes, no) = (accepted.clone(), rejected.clone());
    // Runs on a thread of its own: it may take its time, up to each message's deadline.
    client.verify(&network, move |batch| {
        for message in batch {
            if message.payload.starts_with(prefix.as_bytes()) {
                message.accept();
                yes.fetch_add(1, Ordering::Relaxed);
            } else {
                // A code of this parent's own, which the agent counts, and words for its log.
                message.reject_because(1, "unknown prefix");
                no.fetch_add(1, Ordering::Relaxed);
            }
        }
    })?;

    let mut status = client.status();
    let mut every = tokio::time::interval(Duration::from_secs(5));
    loop {
        tokio::select! {
            _ = every.tick() => println!("{} accepted, {} rejected", accepted.load(Ordering::Relaxed), rejected.load(Ordering::Relaxed)),
            Ok(()) = status.changed() => {
                if let Some(end) = status.borrow_and_update().end() {
                    return Err(end);
                }
                println!("{}", if status.borrow().is_connected() { "connected" } else { "disconnected, trying again" });
            }
        }
    }
}

/// An argument that cannot work ends the program.
fn refuse(what: impl std::fmt::Display) -> ! {
    eprintln!("{what}");
    std::process::exit(64)
}
