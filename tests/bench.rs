//! The benchmarks as their user runs them: that they work and what their results look like, never what the figures are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "bench/agent.rs"]
mod agent;
#[path = "bench/attach.rs"]
mod attach;
#[path = "bench/line.rs"]
mod line;
#[path = "bench/memory.rs"]
mod memory;
