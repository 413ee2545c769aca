//! The recorder behind the `metrics` facade.

use std::sync::{Mutex, PoisonError};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Bounds of histograms whose name ends in `_seconds`: from a memory link's round trip to a verdict's deadline.
const SECONDS: [f64; 16] = [0.000_01, 0.000_03, 0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 60.0];

/// The recorder cannot be installed.
#[derive(Debug, thiserror::Error)]
#[error("the metrics recorder cannot be installed: {0}; is another one set in this process?")]
pub struct MetricsError(#[from] BuildError);

/// Installs the process-wide recorder, once; every later call answers the same handle.
///
/// # Errors
/// [`MetricsError`] when the process has a foreign recorder already.
pub fn install() -> Result<PrometheusHandle, MetricsError> {
    static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?.install_recorder()?;
    Ok(installed.insert(handle).clone())
}
