#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn columns_stand_below_their_names() {
    let verdicts = Verdicts { accept: 12, ignore: 3, reject: 4 };
    let row = Row { name: "weather", verdicts, forwarded: 11, delivered: 10, hop: Percentiles { p50: 300, p99: 900, p999: 0 } };
    let text = render(&[row], &Foot { elapsed: 3.0, note: "running".into(), score: -120.0, graylisted: Some(2.5) });
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0].len(), lines[1].len());
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["weather", "12", "3", "4", "11", "10", "300", "900"]);
    assert!(lines[2].contains("score -120") && lines[2].contains("graylisted at 2.5 s"));
}
