//! The result as pictures.

use super::result::{Outcome, Row};
use crate::report::{Axis, Chart, Scale, Series};
use crate::rig::Work;

/// Throughput against size, and latency by percentile of the smallest size, one chart for each share.
pub(super) fn charts(outcome: &Outcome) -> Vec<Chart> {
    let mut charts = vec![throughput(&outcome.rows)];
    let Some(size) = outcome.rows.iter().map(|row| row.size).min() else { return charts };
    let rows: Vec<&Row> = outcome.rows.iter().filter(|row| row.size == size && !row.loaded_us.is_empty()).collect();
    let shares = rows.first().map_or(0, |row| row.loaded_us.len());
    charts.extend((0..shares).map(|index| latency(&rows, index)));
    charts
}

#[allow(clippy::cast_precision_loss, reason = "sizes fit")]
fn throughput(rows: &[Row]) -> Chart {
    let mut series: Vec<Series> = Vec::new();
    for row in rows {
        let work = if row.work == Work::Verify { ", verify alone" } else { "" };
        let name = format!("{:?}, {:?} stack{work}", row.attach, row.stack).to_lowercase();
        let point = (row.size as f64, row.figures.throughput.per_s);
        match series.iter_mut().find(|series| series.name == name) {
            Some(series) => series.points.push(point),
            None => series.push(Series { name, points: vec![point] }),
        }
    }
    series.iter_mut().for_each(|series| series.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    Chart {
        title: "Validated messages a second, without an overlay".to_owned(),
        x: Axis { label: "payload".to_owned(), scale: Scale::Bytes },
        y: Axis { label: "messages a second".to_owned(), scale: Scale::Log },
        series,
    }
}

fn latency(rows: &[&Row], index: usize) -> Chart {
    let at = |row: &&Row| {
        let points = row.loaded_us.get(index)?.curve.clone();
        Some(Series { name: row.name(), points })
    };
    let share = rows.first().and_then(|row| row.loaded_us.get(index)).map_or(0.0, |loaded| loaded.share);
    Chart {
        title: format!("From due to delivery, at {:.0} % of the highest throughput", share * 100.0),
        x: Axis { label: "share of the messages".to_owned(), scale: Scale::Nines },
        y: Axis { label: "microseconds".to_owned(), scale: Scale::Log },
        series: rows.iter().filter_map(at).collect(),
    }
}
