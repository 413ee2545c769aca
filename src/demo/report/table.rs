//! The live table: on a terminal only, drawn over itself.

use std::io::{IsTerminal, Write};

use super::summary::{Percentiles, Verdicts};

/// One network's line.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) verdicts: Verdicts,
    pub(crate) forwarded: u64,
    pub(crate) delivered: u64,
    pub(crate) hop: Percentiles,
}

/// What stands below the lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Foot {
    /// Seconds into the rounds.
    pub(crate) elapsed: f64,
    /// What happens at the moment.
    pub(crate) note: String,
    /// The dishonest node's best score.
    pub(crate) score: f64,
    /// When it was graylisted, in seconds into the rounds.
    pub(crate) graylisted: Option<f64>,
}

/// Draws on stderr, if that is a terminal.
#[derive(Debug)]
pub(crate) struct Table {
    on: bool,
    lines: usize,
}

impl Table {
    /// Nothing drawn yet.
    pub(crate) fn new() -> Self {
        Self { on: std::io::stderr().is_terminal(), lines: 0 }
    }

    /// Draws over what was drawn before.
    pub(crate) fn draw(&mut self, rows: &[Row], foot: &Foot) {
        if !self.on {
            return;
        }
        let text = render(rows, foot);
        let mut out = String::new();
        if self.lines > 0 {
            out.push_str(&format!("\x1b[{}A\x1b[J", self.lines));
        }
        out.push_str(&text);
        self.lines = text.lines().count();
        // A terminal that has gone away is no reason to end the run.
        let _ = std::io::stderr().lock().write_all(out.as_bytes());
    }
}

fn render(rows: &[Row], foot: &Foot) -> String {
    let mut text = format!(
        "{:<9} {:>9} {:>9} {:>9} {:>10} {:>10} {:>9} {:>9}\n",
        "network", "verified", "ignored", "rejected", "forwarded", "delivered", "p50 us", "p99 us"
    );
    for Row { name, verdicts, forwarded, delivered, hop } in rows {
        let Verdicts { accept, ignore, reject } = verdicts;
        text.push_str(&format!(
            "{name:<9} {accept:>9} {ignore:>9} {reject:>9} {forwarded:>10} {delivered:>10} {:>9} {:>9}\n",
            hop.p50, hop.p99
        ));
    }
    let graylisted = foot.graylisted.map_or_else(|| "not graylisted".to_owned(), |at| format!("graylisted at {at:.1} s"));
    text.push_str(&format!("{:>5.1} s   dishonest: score {:.0}, {graylisted}   {}\n", foot.elapsed, foot.score, foot.note));
    text
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
