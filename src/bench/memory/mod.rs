//! `pmq bench memory`.

use super::Common;

/// Arguments of `pmq bench memory`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: Common,
}

/// Measures, and prints the result to stdout, in words or as one JSON object.
///
/// # Errors
/// When a process cannot be started or ends early, or a file cannot be written.
pub async fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    let _ = json;
    anyhow::bail!("{args:?} is not built yet")
}
