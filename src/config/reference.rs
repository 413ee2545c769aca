//! The reference files: every option beside its default.

/// The agent's reference file. Options are commented out as `#key = value`, explanations as `# text`.
pub const REFERENCE: &str = include_str!("reference.toml");
/// The reference pipeline file, in the same form.
pub const REFERENCE_NETWORK: &str = include_str!("reference-network.toml");

/// A reference file with every option in force.
#[must_use]
pub(super) fn uncommented(reference: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(option) if option.starts_with(|first: char| first.is_ascii_lowercase() || first == '[') => option.to_owned(),
        _ => line.to_owned(),
    };
    reference.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}
