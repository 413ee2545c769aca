//! The program as its users run it: commands, the demo, the benchmarks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bench;
mod cli;
mod demo;
