#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn a_directory_without_the_source_is_told_with_the_mend() {
    let dir = tempfile::tempdir().unwrap();
    let told = build(dir.path(), &dir.path().join("program")).unwrap_err().to_string();
    assert!(told.contains("--go-source") && told.contains("holds no don-parent"), "{told}");
}
