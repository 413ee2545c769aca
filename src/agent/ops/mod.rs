//! What the operator sees over HTTP: `/metrics`, `/livez`, `/readyz`, `/health`. Up before everything else.
//!
//! ```text
//! subsystems --set / provide--> HealthBoard --report--> /readyz, /health
//! main loop  --beat-----------> HealthBoard ----------> /livez
//! metrics facade -------------> recorder   --render---> /metrics
//! ```

mod board;
mod guard;
mod metrics;
mod server;
pub mod settings;

pub use board::{HealthBoard, Report, Status};
pub use metrics::{MetricsError, install};
pub use server::{Ops, OpsError};

#[cfg(test)]
mod tests;
