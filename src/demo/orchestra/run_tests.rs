#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn both_outages_fit_and_end_while_rounds_go_on() {
    for seconds in [16, 20, 35, 3600] {
        let steps = schedule(seconds);
        assert!(steps.is_sorted_by_key(|(at, _)| *at), "{steps:?}");
        assert_eq!(
            steps.iter().map(|(_, step)| *step).collect::<Vec<_>>(),
            [Step::Kill, Step::Restart, Step::Kill, Step::Restart, Step::End]
        );
        assert_eq!([steps[1].0 - steps[0].0, steps[3].0 - steps[2].0], OUTAGES);
        assert!(steps[4].0 - steps[3].0 >= Duration::from_secs(1));
    }
}
