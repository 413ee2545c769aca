//! Tables for people, and how figures are written in them.

use std::fmt;

use crate::Spread;

/// Columns with their units, each as wide as its widest cell, everything at the right.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// Name and unit.
    columns: Vec<(String, String)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Columns by name and unit; a unit may be empty.
    pub(crate) fn new<'a>(columns: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self { columns: columns.into_iter().map(|(name, unit)| (name.to_owned(), unit.to_owned())).collect(), rows: Vec::new() }
    }

    /// A line. Cells that are missing are empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let units: Vec<String> = self.columns.iter().map(|(_, unit)| unit.clone()).collect();
        let heads = [names].into_iter().chain(units.iter().any(|unit| !unit.is_empty()).then_some(units));
        let lines: Vec<Vec<String>> = heads.chain(self.rows.iter().cloned()).collect();
        let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for line in &lines {
            let cells = widths.iter().enumerate().map(|(column, width)| format!("{:>width$}", line.get(column).map_or("", String::as_str)));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// A whole number, its thousands set apart: `1,234,567`.
pub(crate) fn count(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 && digits != "0" { format!("-{text}") } else { text }
}

/// Three digits that count: `0.123`, `1.23`, `12.3`, `123`, `1,234`.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        large if large >= 99.95 => count(value),
        large if large >= 9.995 => format!("{value:.1}"),
        large if large >= 0.9995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The median with the lowest and the highest: `12.3 (11.9-14.0)`.
pub(crate) fn spread(value: Spread) -> String {
    let Spread { median, low, high } = value;
    format!("{} ({}-{})", figure(median), figure(low), figure(high))
}

/// Bytes in the largest unit that leaves a whole number: `64 B`, `4 KiB`, `1 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        mebi if mebi >= 1 << 20 && mebi.is_multiple_of(1 << 20) => format!("{} MiB", mebi >> 20),
        kibi if kibi >= 1 << 10 && kibi.is_multiple_of(1 << 10) => format!("{} KiB", kibi >> 10),
        bytes => format!("{bytes} B"),
    }
}
