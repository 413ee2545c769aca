//! The benchmarks as their user runs them: that they work and what their results look like, never what the figures are.

mod agent;
mod attach;
mod line;
mod memory;
