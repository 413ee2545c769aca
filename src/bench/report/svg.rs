//! Charts drawn into one SVG.

use std::path::Path;

use anyhow::{Context, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{Axis, Chart, Series};
use super::scale::Ruler;

/// Size of one chart in pixels.
const SIZE: (u32, u32) = (860, 460);
/// Of it the legend's width.
const LEGEND: i32 = 210;
/// Markers on one line at most: beyond that they hide it.
const MARKERS: usize = 12;
/// Kinds of markers: disc, triangle, cross.
const SHAPES: usize = 3;

const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
/// Okabe and Ito's colours, told apart with every kind of colour blindness; without their yellow, which vanishes on white. Lines differ by their markers, too.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x00, 0x00),
];

/// Draws the charts one below the other, two beside each other from the third on, and writes them to `path`.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_svg(path: &Path, charts: &[Chart]) -> anyhow::Result<()> {
    std::fs::write(path, svg(charts)?).with_context(|| format!("cannot write {}", path.display()))
}

/// The charts as an SVG document.
pub(super) fn svg(charts: &[Chart]) -> anyhow::Result<String> {
    let columns = if charts.len() > 2 { 2 } else { 1 };
    let rows = charts.len().div_ceil(columns).max(1);
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (SIZE.0 * columns as u32, SIZE.1 * rows as u32)).into_drawing_area();
    area.fill(&WHITE).map_err(|wrong| anyhow!("cannot draw: {wrong}"))?;
    for (chart, area) in charts.iter().zip(area.split_evenly((rows, columns))) {
        draw(chart, &area).map_err(|wrong| anyhow!("cannot draw {:?}: {wrong}", chart.title))?;
    }
    area.present().map_err(|wrong| anyhow!("cannot draw: {wrong}"))?;
    drop(area);
    Ok(text)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

fn draw(chart: &Chart, area: &Area<'_>) -> Drawn {
    let Chart { title, x, y, series } = chart;
    let (plot, legend) = area.margin(8, 8, 8, 8).split_horizontally(SIZE.0 as i32 - LEGEND);
    let points = || series.iter().flat_map(|series| &series.points);
    let (rule_x, rule_y) = (Ruler::new(x.scale, points().map(|point| point.0)), Ruler::new(y.scale, points().map(|point| point.1)));
    let (marks_x, marks_y) = (rule_x.marks.len(), rule_y.marks.len());
    let shown = |point: &&(f64, f64)| rule_x.shows(point.0) && rule_y.shows(point.1);
    let lines: Vec<Vec<(f64, f64)>> = series.iter().map(|series| series.points.iter().filter(shown).copied().collect()).collect();
    let mut builder = ChartBuilder::on(&plot);
    let builder = builder.caption(title, ("sans-serif", 22).into_font().color(&INK)).margin_right(28).margin_top(4);
    let mut context = builder.x_label_area_size(46).y_label_area_size(78).build_cartesian_2d(rule_x, rule_y)?;
    let Axis { label: below, .. } = x;
    let Axis { label: left, .. } = y;
    context
        .configure_mesh()
        .x_labels(marks_x)
        .y_labels(marks_y)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .label_style(("sans-serif", 16).into_font().color(&INK))
        .axis_desc_style(("sans-serif", 17).into_font().color(&INK))
        .x_desc(below)
        .y_desc(left)
        .draw()?;
    for (at, line) in lines.into_iter().enumerate() {
        let every = line.len().div_ceil(MARKERS).max(1);
        // The last point has a marker in any case: it is the one that is read off.
        let marked: Vec<(f64, f64)> = line.iter().rev().step_by(every).copied().collect();
        context.draw_series(LineSeries::new(line, colour(at).stroke_width(2)))?;
        let (marked, style) = (marked.into_iter(), colour(at).filled());
        match at % SHAPES {
            0 => drop(context.draw_series(marked.map(|point| Circle::new(point, 4, style)))?),
            1 => drop(context.draw_series(marked.map(|point| TriangleMarker::new(point, 6, style)))?),
            _ => drop(context.draw_series(marked.map(|point| Cross::new(point, 4, style.stroke_width(2))))?),
        }
    }
    explain(series, &legend)
}

fn colour(at: usize) -> RGBColor {
    COLOURS[at % COLOURS.len()]
}

/// The names beside the lines that they name.
fn explain(series: &[Series], legend: &Area<'_>) -> Drawn {
    let words = ("sans-serif", 17).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    for (at, series) in series.iter().enumerate() {
        let y = 44 + 22 * at as i32;
        legend.draw(&PathElement::new([(0, y), (26, y)], colour(at).stroke_width(2)))?;
        let (middle, style) = ((13, y), colour(at).filled());
        match at % SHAPES {
            0 => legend.draw(&Circle::new(middle, 4, style))?,
            1 => legend.draw(&TriangleMarker::new(middle, 6, style))?,
            _ => legend.draw(&Cross::new(middle, 4, style.stroke_width(2)))?,
        }
        legend.draw(&Text::new(series.name.clone(), (34, y), words.clone()))?;
    }
    Ok(())
}
