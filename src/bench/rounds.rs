//! What every benchmark is asked, and how it shows that it works.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Rounds of a full run. The figure is their median.
const ROUNDS: usize = 5;

/// Arguments of every benchmark.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Common {
    /// A run that shows that everything works, in well under two minutes; its figures mean nothing
    #[arg(long)]
    pub quick: bool,
    /// Rounds, of which the median counts: 5 or more, with --quick 1 or more
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Draws the result as a picture
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
}

impl Common {
    /// How many rounds.
    pub(crate) fn rounds(&self) -> usize {
        match (self.rounds, self.quick) {
            (Some(rounds), true) => rounds.max(1),
            (Some(rounds), false) => rounds.max(ROUNDS),
            (None, true) => 1,
            (None, false) => ROUNDS,
        }
    }
}

/// Reads a number within a range.
///
/// # Errors
/// In words, when it is none.
pub(super) fn between(text: &str, range: std::ops::RangeInclusive<f64>) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if range.contains(&number) { Ok(number) } else { Err(format!("take {} to {}", range.start(), range.end())) }
}

/// A progress bar on stderr, if that is a terminal.
#[derive(Debug, Clone)]
pub(crate) struct Progress(pub(super) ProgressBar);

impl Progress {
    /// So many steps.
    pub(crate) fn new(steps: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
        #[allow(clippy::expect_used, reason = "the template is a constant that a test draws")]
        bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {eta:>5} {msg}").expect("constant template"));
        Self(bar)
    }

    /// What is measured now.
    pub(crate) fn at(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }

    /// A step is done.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// All are.
    pub(crate) fn done(&self) {
        self.0.finish_and_clear();
    }
}
