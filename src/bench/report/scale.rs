//! Where a value lies on an axis, and which values are marked there.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::chart::Scale;
use super::table::{count, size};

/// Marks that an axis has room for.
const MARKS: usize = 9;

/// An axis over given values.
#[derive(Debug, Clone)]
pub(super) struct Ruler {
    scale: Scale,
    /// Both ends, as [`Ruler::place`] gives them.
    ends: (f64, f64),
    /// Marked values, rising.
    pub(super) marks: Vec<f64>,
}

impl Ruler {
    /// From the lowest to the highest of the values that the scale can show.
    pub(super) fn new(scale: Scale, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = values
            .into_iter()
            .filter(|&value| shows(scale, value))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (value.min(low), value.max(high)));
        // No value at all: anything will do, as long as it is an axis.
        let (low, high) = if low <= high { (low, high) } else { (0.5, 0.9) };
        let marks = match scale {
            Scale::Linear => linear(high),
            Scale::Log => decades(low, high),
            Scale::Nines => nines(high),
            Scale::Bytes => powers(low, high),
        };
        let first = marks.first().map_or(low, |mark| mark.min(low));
        let last = marks.last().map_or(high, |mark| mark.max(high));
        let (start, end) = (place(scale, first), place(scale, last));
        Self { scale, ends: (start, if end > start { end } else { start + 1.0 }), marks }
    }

    /// Whether the scale has a place for the value.
    pub(super) fn shows(&self, value: f64) -> bool {
        shows(self.scale, value)
    }
}

fn shows(scale: Scale, value: f64) -> bool {
    match scale {
        Scale::Linear => value.is_finite() && value >= 0.0,
        Scale::Log | Scale::Bytes => value.is_finite() && value > 0.0,
        Scale::Nines => (0.0..1.0).contains(&value),
    }
}

fn place(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear => value,
        Scale::Log => value.log10(),
        Scale::Nines => -(1.0 - value).log10(),
        Scale::Bytes => value.log2(),
    }
}

/// From 0 in steps of 1, 2 or 5 times a power of ten, to the first that is not below `high`.
fn linear(high: f64) -> Vec<f64> {
    let rough = high.max(f64::MIN_POSITIVE) / 6.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= rough).unwrap_or(power * 10.0);
    (0..=12).map(|mark| f64::from(mark) * step).scan(false, |over, mark| (!std::mem::replace(over, mark >= high)).then_some(mark)).collect()
}

/// Powers of ten, with 2 and 5 times them where there is room; from the last at or below `low` to the first at or above `high`.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let marks = |within: &[f64]| {
        let all: Vec<f64> = (first..=last).flat_map(|power| within.iter().map(move |times| times * 10_f64.powi(power))).collect();
        let start = all.iter().rposition(|mark| *mark <= low * 1.000_001).unwrap_or(0);
        let end = all.iter().position(|mark| *mark >= high * 0.999_999).unwrap_or(all.len() - 1);
        all.get(start..=end).unwrap_or(&all).to_vec()
    };
    let fine = marks(&[1.0, 2.0, 5.0]);
    if fine.len() <= MARKS { fine } else { marks(&[1.0]) }
}

/// 0, a half, and every nine up to the first that is not below `high`.
fn nines(high: f64) -> Vec<f64> {
    let all = [0.0, 0.5].into_iter().chain((1..=9).map(|nines| 1.0 - 10_f64.powi(-nines)));
    all.scan(false, |over, mark| (!std::mem::replace(over, mark >= high)).then_some(mark)).collect()
}

/// Powers of two, every second or fourth where there are many.
fn powers(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log2().floor() as i32, high.log2().ceil() as i32);
    let step = [1, 2, 4, 8].into_iter().find(|step| (last - first) / step < MARKS as i32).unwrap_or(16);
    (first..=last).step_by(step as usize).map(|power| 2_f64.powi(power)).collect()
}

/// What stands beside a mark.
pub(super) fn label(scale: Scale, value: f64) -> String {
    match scale {
        Scale::Bytes => size(value.round() as u64),
        Scale::Nines => format!("{} %", short(value * 100.0)),
        Scale::Linear | Scale::Log if value >= 1e9 => format!("{} G", short(value / 1e9)),
        Scale::Linear | Scale::Log if value >= 1e6 => format!("{} M", short(value / 1e6)),
        Scale::Linear | Scale::Log if value >= 1e3 => count(value),
        Scale::Linear | Scale::Log => short(value),
    }
}

/// Without what rounding leaves behind, and without zeros at the end.
fn short(value: f64) -> String {
    let text = format!("{value:.7}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Ranged for Ruler {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let (start, end) = self.ends;
        let share = (place(self.scale, *value) - start) / (end - start);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        // For plotters to ask where the other axis begins: the first mark is that place.
        self.marks.first().copied().unwrap_or(0.0)..self.marks.last().copied().unwrap_or(1.0)
    }
}

impl ValueFormatter<f64> for Ruler {
    fn format_ext(&self, value: &f64) -> String {
        label(self.scale, *value)
    }
}
