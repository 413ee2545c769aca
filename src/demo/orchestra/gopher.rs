//! Parents in Go: their program, built from its source.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

/// The program's folder within the Go module.
const PROGRAM: &str = "don-parent";

/// Builds the program at `into`, from the module in `source`.
///
/// # Errors
/// When there is no such source or no Go toolchain, or it cannot be built: with the mend, and with what the toolchain says.
pub(super) fn build(source: &Path, into: &Path) -> anyhow::Result<()> {
    let shown = source.display();
    anyhow::ensure!(
        source.join(PROGRAM).is_dir(),
        "{shown} holds no {PROGRAM}: run the demo in PMQ's source directory, name its interop/go with --go-source, or leave --go-parents out"
    );
    let built = Command::new("go").arg("build").arg("-o").arg(into).arg(format!("./{PROGRAM}")).current_dir(source).output();
    let built = built.map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            anyhow::anyhow!("there is no Go toolchain on the PATH: install it (https://go.dev/dl), or leave --go-parents out")
        }
        _ => anyhow::Error::new(error).context("cannot start go"),
    })?;
    let said = String::from_utf8_lossy(&built.stderr);
    anyhow::ensure!(built.status.success(), "go build in {shown} ended with {}: {}", built.status, said.trim());
    into.metadata().map(drop).with_context(|| format!("go build has left no {}", into.display()))
}

#[cfg(test)]
#[path = "gopher_tests.rs"]
mod tests;
