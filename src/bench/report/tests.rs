#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::scale::{Ruler, label};
use super::svg::svg;
use super::*;
use crate::Spread;

fn labels(scale: Scale, values: &[f64]) -> Vec<String> {
    Ruler::new(scale, values.iter().copied()).marks.into_iter().map(|mark| label(scale, mark)).collect()
}

#[test]
fn axes_are_marked_where_people_look() {
    assert_eq!(labels(Scale::Nines, &[0.0, 0.9985]), ["0 %", "50 %", "90 %", "99 %", "99.9 %"]);
    assert_eq!(labels(Scale::Bytes, &[256.0, 4_096.0]), ["256 B", "512 B", "1 KiB", "2 KiB", "4 KiB"]);
    let wide = ["64 B", "256 B", "1 KiB", "4 KiB", "16 KiB", "64 KiB", "256 KiB", "1 MiB"];
    assert_eq!(labels(Scale::Bytes, &[64.0, 1_048_576.0]), wide);
    assert_eq!(labels(Scale::Log, &[12.0, 180.0]), ["10", "20", "50", "100", "200"]);
    assert_eq!(labels(Scale::Log, &[0.3, 4e6]), ["0.1", "1", "10", "100", "1,000", "10,000", "100,000", "1 M", "10 M"]);
}

#[test]
fn an_axis_without_values_or_with_one_is_an_axis() {
    for scale in [Scale::Log, Scale::Nines, Scale::Bytes] {
        assert!(!labels(scale, &[]).is_empty(), "{scale:?}");
        assert!(!labels(scale, &[0.5]).is_empty(), "{scale:?}");
        assert!(!labels(scale, &[f64::NAN, -1.0]).is_empty(), "{scale:?}");
    }
}

fn chart() -> Chart {
    let axis = |label: &str, scale| Axis { label: label.to_owned(), scale };
    let series = |name: &str, times: f64| {
        let points = [64.0, 256.0, 1_024.0, 4_096.0, 65_536.0, 1_048_576.0].map(|size: f64| (size, times / size.sqrt()));
        Series { name: name.to_owned(), points: points.to_vec() }
    };
    let series = vec![series("unix", 5e7), series("zeromq <&>", 4e7), series("memory", 9e7)];
    Chart { title: "Throughput".to_owned(), x: axis("size", Scale::Bytes), y: axis("messages/s", Scale::Log), series }
}

#[test]
fn a_picture_has_every_line_and_every_name() {
    let text = svg(&[chart(), chart()]).unwrap();
    assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"), "{text}");
    for colour in ["#0072B2", "#D55E00", "#009E73"] {
        let lines = text.lines().filter(|line| line.starts_with("<polyline") && line.contains(colour));
        assert_eq!(lines.count(), 2 * 2, "each chart has the line, and its name's: {text}");
    }
    for word in ["Throughput", "messages/s", "64 KiB", "zeromq &lt;&amp;&gt;"] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn a_line_with_points_that_have_no_place_is_drawn_without_them() {
    let mut chart = chart();
    chart.series[0].points.push((0.0, f64::NAN));
    chart.series[1].points.clear();
    assert!(!svg(&[chart]).unwrap().contains("NaN"));
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let wrong = write_svg(std::path::Path::new("/nowhere/at/all.svg"), &[chart()]).unwrap_err();
    assert!(wrong.to_string().contains("/nowhere/at/all.svg"), "{wrong}");
}

#[test]
fn a_table_stands_in_columns() {
    let mut table = Table::new([("size", ""), ("p50", "us"), ("rate", "1/s")]);
    table.row([size(256), figure(12.34), count(1_234_567.0)]);
    table.row([size(65_536), figure(1_234.5)]);
    let lines = ["  size    p50       rate", "           us        1/s", " 256 B   12.3  1,234,567", "64 KiB  1,234"];
    assert_eq!(table.to_string().lines().collect::<Vec<_>>(), lines);
}

#[test]
fn figures_have_three_digits() {
    let written = [0.0, 0.1234, 1.0, 12.34, 99.99, 123.4, 1_234_567.0].map(figure);
    assert_eq!(written, ["0.000", "0.123", "1.00", "12.3", "100", "123", "1,234,567"]);
    assert_eq!(spread(Spread { median: 1.0, low: 0.5, high: 20.0 }), "1.00 (0.500-20.0)");
    assert_eq!([size(1), size(1_500), size(1_024), size(1_048_576)], ["1 B", "1500 B", "1 KiB", "1 MiB"]);
    assert_eq!(count(-1_234.0), "-1,234");
}
