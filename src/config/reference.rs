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

/// What to say about a key that is unknown in the section `here` and stands elsewhere: in a section below, in another one, or in the other kind of file.
pub(super) fn home(reference: &'static str, here: &str, key: &str) -> Option<String> {
    let own = sections(reference, key);
    let below = own.iter().filter(|section| section.starts_with(&format!("[{here}"))).cloned().collect();
    let (other, whose) =
        if reference == REFERENCE { (REFERENCE_NETWORK, " of a network's file") } else { (REFERENCE, " of the agent's file") };
    let (homes, file) = [(below, ""), (own, ""), (sections(other, key), whose)].into_iter().find(|(homes, _)| !homes.is_empty())?;
    match homes.as_slice() {
        [home] if home.is_empty() => Some(format!("it belongs to the top{}", if file.is_empty() { " of the file" } else { file })),
        [home] if !home.starts_with("[[") => Some(format!("it belongs to {home}{file}: write {}.{key}", home.trim_matches(['[', ']']))),
        several if several.len() <= 4 => Some(format!("it belongs to {}{file}", several.join(" or "))),
        _ => None,
    }
}

/// The sections of a reference file that show a key, in force or commented out; the top of the file is empty.
fn sections(reference: &str, key: &str) -> Vec<String> {
    let (mut at, mut found) = (String::new(), Vec::new());
    for line in reference.lines().map(|line| line.trim_start_matches('#').trim_start()) {
        if line.starts_with('[') && line.ends_with(']') {
            line.clone_into(&mut at);
        } else if let Some((name, value)) = line.split_once(" = ") {
            if name == "use" {
                at = format!("[[stage]] with use = {value}");
            }
            if name == key && !found.contains(&at) {
                found.push(at.clone());
            }
        }
    }
    found
}
