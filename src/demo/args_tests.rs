#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn networks_by_number_or_by_name() {
    assert_eq!(networks("2").unwrap().0, [Network::Weather, Network::Quakes]);
    assert_eq!(networks("flights, weather,flights").unwrap().0, [Network::Flights, Network::Weather]);
    for wrong in ["0", "4", "", "weather,", "tides"] {
        assert!(networks(wrong).unwrap_err().contains("weather, quakes, flights"), "{wrong:?}");
    }
}

#[test]
fn rates_are_bounded() {
    assert_eq!(rate("0.5"), Ok(0.5));
    for wrong in ["0", "51", "NaN", "inf", "-1", "x"] {
        assert!(rate(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn thresholds_leave_room_for_replays_between_them() {
    for rate in [0.5, 1.0, 5.0, 50.0] {
        let ages = ages(rate);
        assert!(ages.skip + ages.slack < ages.validity - ages.slack, "{rate}: {ages:?}");
    }
}
