//! Who imports whom.

use std::collections::BTreeSet;
use std::path::{Component, Path};

/// A folder of `src/` and the folders that it may import. `config` may see the settings of every room.
const LAYERS: [(&str, &[&str]); 13] = [
    ("wire", &[]),
    ("session", &["wire"]),
    ("transports", &["wire"]),
    ("client", &["wire", "session", "transports"]),
    ("pipeline", &["wire"]),
    ("store", &["wire"]),
    ("stages", &["pipeline", "wire"]),
    ("gossip", &["pipeline", "wire"]),
    ("config", &["wire", "session", "transports", "pipeline", "store", "stages", "gossip", "agent"]),
    ("agent", &["wire", "session", "transports", "client", "pipeline", "store", "stages", "gossip", "config"]),
    ("cli", &["wire", "session", "transports", "client", "pipeline", "store", "stages", "gossip", "config", "agent", "bench", "demo"]),
    ("bench", &["wire", "session", "transports", "client", "pipeline", "store", "stages", "gossip", "config", "agent"]),
    ("demo", &["wire", "session", "transports", "client", "pipeline", "store", "stages", "gossip", "config", "agent", "cli"]),
];

/// What the demo's parent processes may import.
const PARENTS: &[&str] = &["client"];

/// Tests bring rooms together that do not know each other.
fn is_test(path: &Path) -> bool {
    let test = |name: &str| matches!(name, "tests" | "testing" | "tests.rs" | "testing.rs") || name.ends_with("_tests.rs");
    path.components().any(|part| matches!(part, Component::Normal(name) if name.to_str().is_some_and(test)))
}

/// The rooms that a file names in `crate::room` paths, in `use crate::{room, ..}` lists, and in chains of `super` that leave their room.
fn named(path: &Path, text: &str) -> BTreeSet<String> {
    let code = without_comments(text);
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        // `pmq_crate::` or `$crate::` are other words.
        if code[..at].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_') {
            continue;
        }
        rooms.extend(heads(&code[at + "crate::".len()..]));
    }
    // `src/room/a/b.rs` is the module room::a::b: its third `super` is the crate. A `mod.rs` is the module of its folder.
    let parts = path.components().count() - 1;
    let depth = if path.file_name().is_some_and(|name| name == "mod.rs") { parts - 1 } else { parts };
    let chain = "super::".repeat(depth);
    for (at, _) in code.match_indices(&chain) {
        if code[..at].ends_with("super::") || depth == 0 {
            continue;
        }
        rooms.extend(heads(&code[at + chain.len()..]));
    }
    rooms
}

/// The first segments of a path or of a list of paths in braces.
fn heads(path: &str) -> Vec<String> {
    let word = |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(list) = path.trim_start().strip_prefix('{') else { return vec![word(path)] };
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            ',' if depth == 0 => {
                found.push(word(&list[start..at]));
                start = at + 1;
            }
            '}' if depth == 0 => {
                found.push(word(&list[start..at]));
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Imports that point up, in words.
pub(crate) fn upward(path: &Path, text: &str) -> Vec<String> {
    let mut parts = path.components().skip(1).filter_map(|part| part.as_os_str().to_str());
    let room = parts.next().unwrap_or_default();
    // `src/lib.rs` and `src/main.rs` join the rooms.
    if room.ends_with(".rs") || is_test(path) {
        return Vec::new();
    }
    let Some((_, below)) = LAYERS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{}: {room} has no place among the layers", path.display())];
    };
    // The demo's parents are what anybody could write: the public client and nothing else.
    let parent = ["src/demo/parent", "src/demo/oracle"].iter().any(|folder| path.starts_with(folder));
    let below: &&[&str] = if parent { &PARENTS } else { below };
    let known = |name: &String| LAYERS.iter().any(|(room, _)| room == name);
    let wrong = named(path, text).into_iter().filter(|name| known(name) && name != room && !below.contains(&name.as_str()));
    wrong.map(|name| format!("{}: {room} imports {name}, which does not stand below it", path.display())).collect()
}

#[test]
fn an_arrow_that_points_up_is_found() {
    for (path, text) in [
        ("src/wire/ids.rs", "use crate::pipeline::Topic;"),
        ("src/stages/decode/mod.rs", "use crate::{wire::Frame, gossip::{Peer, Id}};"),
        ("src/pipeline/road.rs", "fn f() -> crate::stages::Registry { todo }"),
        ("src/session/agent/send.rs", "use super::super::super::transports::Link;"),
        ("src/gossip/mod.rs", "use super::stages::Registry;"),
        ("src/client/mod.rs", "use crate::pipeline::Road;"),
        ("src/demo/parent/judge.rs", "use crate::wire::Verdict;"),
        ("src/demo/oracle/verify.rs", "use crate::gossip::Identity;"),
        ("src/nowhere/mod.rs", ""),
    ] {
        assert_eq!(upward(Path::new(path), text).len(), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("src/stages/decode/mod.rs", "use crate::{wire::Frame, pipeline::{Batch, Stage}}; // crate::gossip"),
        ("src/session/agent/send.rs", "use super::super::parent::Link; use crate::wire::Frame;"),
        ("src/pipeline/road/tests.rs", "use crate::stages::Registry;"),
        ("src/demo/parent/judge.rs", "use crate::client::Verdict; use crate::demo::oracle::Roster;"),
        ("src/lib.rs", "pub mod agent;"),
    ] {
        assert_eq!(upward(Path::new(path), text), [""; 0], "{path}: {text}");
    }
}
