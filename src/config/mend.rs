//! Turns what a deserializer says into what is wrong and what would be right.

/// What is wrong, what would be right, and the key below the place of the complaint, with its value, where the text names one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Advice {
    pub what: String,
    pub mend: String,
    pub key: Option<String>,
    pub value: Option<String>,
}

/// Reads a message of serde, of the TOML parser, or of a room.
///
/// `also` names keys that are allowed beyond those that the message lists.
pub(super) fn advise(message: &str, also: &[&str]) -> Advice {
    let message = message.trim();
    let advice = |what: String, mend: String| Advice { what, mend, key: None, value: None };
    let mut names = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        let field = message.starts_with("unknown field");
        let wrong = names.next().unwrap_or_default();
        let allowed: Vec<&str> = names.chain(also.iter().copied().filter(|_| field)).collect();
        let what = if field { format!("unknown key `{wrong}`") } else { format!("unknown value `{wrong}`") };
        return advice(what, choose(wrong, &allowed));
    }
    if let Some((what, known)) = message.split_once("; known are ").filter(|_| message.starts_with("unknown ")) {
        let wrong = what.split('"').nth(1).unwrap_or_default();
        let known: Vec<&str> = known.split('"').skip(1).step_by(2).collect();
        return advice(what.to_owned(), choose(wrong, &known));
    }
    if message.starts_with("missing field") {
        let name = names.next().unwrap_or_default();
        return Advice { key: Some(name.to_owned()), ..advice(format!("`{name}` is missing"), format!("add {name} = ...")) };
    }
    if let Some(mend) = units(message).or_else(|| kind(message)) {
        return advice(message.to_owned(), mend);
    }
    complaint(message)
}

/// A room's own text: `key = value: what; mend`, or a text that names the key in backticks.
fn complaint(message: &str) -> Advice {
    let assigned = message
        .split_once(" = ")
        .filter(|(key, _)| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)));
    let (key, value, text) = match assigned {
        Some((key, rest)) => {
            let end = [": ", " is ", " has "].iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
            let (value, text) = rest.split_at(end);
            (Some(key), Some(value), text.trim_start_matches(':').trim_start())
        }
        None => (message.split('`').nth(1), None, message),
    };
    let (what, mend) = match text.split_once("; ") {
        Some((what, mend)) => (what, mend),
        None if key.is_some() => ("this value cannot work", text),
        None => (text, ""),
    };
    Advice { what: what.to_owned(), mend: mend.to_owned(), key: key.map(str::to_owned), value: value.map(str::to_owned) }
}

/// The mend where a duration or a size was expected.
fn units(message: &str) -> Option<String> {
    let (_, wanted) = message.split_once(", expected ")?;
    let (example, units) = match wanted {
        "a duration" => ("4s", "ns, us, ms, s, m, h, days"),
        "parsable string" | "an integer or string" | "integer overflow" => ("1MiB", "B, KiB, MiB, GiB, TiB, kB, MB, GB, TB"),
        _ => return None,
    };
    Some(format!("write a number and its unit in quotes, such as \"{example}\"; units: {units}"))
}

/// The mend where another kind of value was expected.
fn kind(message: &str) -> Option<String> {
    let wanted = message.split_once(", expected ").map(|(_, wanted)| wanted);
    let mend = match wanted {
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
    Some(mend.to_owned())
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
pub(super) fn choose(wrong: &str, allowed: &[&str]) -> String {
    let all = allowed.join(", ");
    if allowed.is_empty() {
        return "nothing is allowed here: delete it".to_owned();
    }
    match nearest(wrong, allowed) {
        Some(near) => format!("did you mean {near}? Allowed: {all}"),
        None => format!("allowed: {all}"),
    }
}

/// The name with the fewest edits, if they are at most a third of its length (one at least).
fn nearest<'a>(wrong: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let (edits, near) = allowed.iter().map(|name| (edits(wrong, name), *name)).min()?;
    (edits <= (near.len() / 3).max(1)).then_some(near)
}

/// Levenshtein distance in bytes, with neighbours swapped counted as one edit.
fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
