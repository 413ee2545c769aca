//! Pipelines of the real stages: the pipeline by hand, and under its driver.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod by_hand;
mod driver;

use pmq_pipeline::{Part, Plan};
use pmq_stages::{delivery, validation};

/// A queue of this deadline with delivery behind it, and nothing in front.
fn network_plan(deadline: &str) -> Plan {
    let settings = validation::Settings {
        deadline: humantime::parse_duration(deadline).unwrap(),
        max_bytes: bytesize::ByteSize::mib(1),
        ..validation::Settings::default()
    };
    Plan::new(vec![Part::PendingQueue(Box::new(settings)), Part::Delivery(Box::new(delivery::Settings::default()))]).unwrap()
}
