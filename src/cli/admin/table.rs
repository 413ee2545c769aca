//! Columns for the eye.

/// Rows with their columns aligned, two spaces between them; each row ends in a newline and in nothing invisible.
pub(super) fn aligned(rows: &[Vec<String>], indent: &str) -> Vec<String> {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0)).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            let line = format!("{indent}{}", cells.collect::<Vec<_>>().join("  "));
            format!("{}\n", line.trim_end())
        })
        .collect()
}

/// What others have named, without what would change the terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// Counts by name: `late 3, unknown 1`.
pub(super) fn counts<'c>(counts: impl IntoIterator<Item = (&'c String, &'c u64)>) -> String {
    counts.into_iter().map(|(name, count)| format!("{} {count}", plain(name))).collect::<Vec<_>>().join(", ")
}
