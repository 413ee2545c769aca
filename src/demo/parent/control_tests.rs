#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn orders_are_read_as_they_are_written() {
    assert_eq!(Order::read(Order::Start(17).line().trim_end()), Some(Order::Start(17)));
    for line in ["", "start", "start x", "stop"] {
        assert_eq!(Order::read(line), None);
    }
}
