//! Turns what a deserializer says into what is wrong and what would be right.

/// What is wrong, what would be right, and the key below the place of the complaint where the text names one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Advice {
    pub what: String,
    pub help: String,
    pub key: Option<String>,
}

/// Reads a message of serde or of the TOML parser.
///
/// `also` names keys that are allowed beyond those that the message lists.
pub(super) fn advise(message: &str, also: &[&str]) -> Advice {
    let message = message.trim();
    let advice = |what: String, help: String| Advice { what, help, key: None };
    let mut names = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        let field = message.starts_with("unknown field");
        let wrong = names.next().unwrap_or_default();
        let allowed: Vec<&str> = names.chain(also.iter().copied().filter(|_| field)).collect();
        let what = if field { format!("unknown key `{wrong}`") } else { format!("unknown value `{wrong}`") };
        return advice(what, choose(wrong, &allowed));
    }
    if message.starts_with("missing field") {
        let name = names.next().unwrap_or_default();
        return Advice { key: Some(name.to_owned()), ..advice(format!("`{name}` is missing"), format!("add {name} = ...")) };
    }
    advice(message.to_owned(), units(message).or_else(|| kind(message)).unwrap_or_default())
}

/// The help where a duration or a size was expected.
fn units(message: &str) -> Option<String> {
    let (_, wanted) = message.split_once(", expected ")?;
    let (example, units) = match wanted {
        "a duration" => ("4s", "ns, us, ms, s, m, h, days"),
        "parsable string" | "an integer or string" | "integer overflow" => ("1MiB", "B, KiB, MiB, GiB, TiB, kB, MB, GB, TB"),
        _ => return None,
    };
    Some(format!("write a number and its unit in quotes, such as \"{example}\"; units: {units}"))
}

/// The help where another kind of value was expected.
fn kind(message: &str) -> Option<String> {
    let wanted = message.split_once(", expected ").map(|(_, wanted)| wanted);
    let help = match wanted {
        Some(number) if integer(number).is_some() => return integer(number),
        Some("f64" | "f32") => "write a number without quotes",
        Some("a boolean") => "write true or false, without quotes",
        Some("a string" | "path string") => "write a text in quotes",
        Some("a sequence") => "write a list in brackets, such as [\"a\", \"b\"]",
        Some(wanted) if wanted.starts_with("struct ") => "write a section of keys and values",
        Some(wanted) if message.starts_with("invalid type") || message.starts_with("invalid value") => {
            return Some(format!("write {wanted}"));
        }
        _ if message.contains("duplicate key") => "a key stands only once in its section: delete one",
        Some(_) => "TOML wants `key = value`, texts in quotes, sections as [name]",
        None if message.starts_with("invalid ") || message.starts_with("unclosed") || message.contains("missing") => {
            "TOML wants `key = value`, texts in quotes, sections as [name]"
        }
        None => return None,
    };
    Some(help.to_owned())
}

fn integer(kind: &str) -> Option<String> {
    let (low, high): (i64, u64) = match kind {
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        "u64" | "usize" => (0, u64::MAX),
        "i32" => (i64::from(i32::MIN), i32::MAX as u64),
        "i64" => (i64::MIN, i64::MAX as u64),
        "a nonzero u32" => (1, u32::MAX.into()),
        "a nonzero u64" | "a nonzero usize" => (1, u64::MAX),
        _ => return None,
    };
    Some(format!("write a whole number from {low} to {high}, without quotes"))
}

/// Names the nearest of the allowed names, and all of them.
pub(super) fn choose(wrong: &str, allowed: &[impl AsRef<str>]) -> String {
    let allowed: Vec<&str> = allowed.iter().map(AsRef::as_ref).collect();
    let all = allowed.join(", ");
    if allowed.is_empty() {
        return "nothing is allowed here: delete it".to_owned();
    }
    match nearest(wrong, &allowed) {
        Some(near) => format!("did you mean {near}? Allowed: {all}"),
        None => format!("allowed: {all}"),
    }
}

/// The name with the fewest edits, if they are at most a third of its length (one at least).
fn nearest<'a>(wrong: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let (edits, near) = allowed.iter().map(|name| (strsim::osa_distance(wrong, name), *name)).min()?;
    (edits <= (near.len() / 3).max(1)).then_some(near)
}
