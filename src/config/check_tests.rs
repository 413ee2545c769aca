#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::overlap;

#[test]
fn patterns_overlap_exactly_when_a_topic_matches_both() {
    for (a, b, expected) in [
        ("a", "a", true),
        ("a", "b", false),
        ("weather.*", "weather.v2.reports", true),
        ("weather.*", "quakes.*", false),
        ("*.reports", "weather.*", true),
        ("a*c", "ab", false),
        ("a*c", "a*b*", true),
        ("*", "anything", true),
        ("a*", "a", true),
        ("a*b", "b*a", false),
        ("**", "", true),
        ("a", "", false),
    ] {
        assert_eq!(overlap(a.as_bytes(), b.as_bytes()), expected, "{a} and {b}");
        assert_eq!(overlap(b.as_bytes(), a.as_bytes()), expected, "{b} and {a}");
    }
}
