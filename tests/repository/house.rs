//! The house's own rules, read from its source: files stay short, nothing is a placeholder. Arrows between rooms are held by each room's
//! `Cargo.toml`, dependencies by `deny.toml`.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest file, in lines.
const MAX_LINES: usize = 400;

/// What may not stand in any source file. Written in halves, so that this file does not contain them.
const FORBIDDEN: [(&str, &str); 5] = [("#[ign", "ore"), ("to", "do!("), ("unimple", "mented!("), ("FIX", "ME"), ("TO", "DO:")];

/// Every Rust file below a folder of the repository, by its path from the root.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.strip_prefix(root).unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    // A compiler's output is read by nobody.
    found.retain(|(path, _)| !path.components().any(|part| part.as_os_str() == "generated"));
    found.sort();
    found
}

fn everything() -> Vec<(PathBuf, String)> {
    ["src", "tests", "benches", "examples", "fuzz/src", "fuzz/fuzz_targets"].into_iter().flat_map(sources).collect()
}

fn too_long(text: &str) -> Option<usize> {
    Some(text.lines().count()).filter(|&lines| lines > MAX_LINES)
}

/// Placeholders and tests that are switched off, by line.
fn placeholders(text: &str) -> Vec<(usize, String)> {
    let forbidden = FORBIDDEN.map(|(first, second)| format!("{first}{second}"));
    let lines = text.lines().zip(1..);
    lines
        .filter(|(line, _)| forbidden.iter().any(|word| line.contains(word)))
        .map(|(line, number)| (number, line.trim().to_owned()))
        .collect()
}

#[test]
fn files_are_short() {
    let long = everything().into_iter().filter_map(|(path, text)| Some(format!("{}: {} lines", path.display(), too_long(&text)?)));
    let long: Vec<String> = long.collect();
    assert!(long.is_empty(), "more than {MAX_LINES} lines want a second room:\n{}", long.join("\n"));
}

#[test]
fn nothing_is_a_placeholder() {
    let found = everything()
        .into_iter()
        .flat_map(|(path, text)| placeholders(&text).into_iter().map(move |(line, text)| format!("{}:{line}: {text}", path.display())));
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_checks_can_fail() {
    assert_eq!(too_long(&"line\n".repeat(MAX_LINES + 1)), Some(MAX_LINES + 1));
    assert_eq!(too_long(&"line\n".repeat(MAX_LINES)), None);
    for (first, second) in FORBIDDEN {
        assert_eq!(placeholders(&format!("fn f() {{}}\n    {first}{second}")).len(), 1);
    }
    assert!(placeholders("fn f() {}").is_empty());
}
