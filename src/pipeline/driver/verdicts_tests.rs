#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use pmq_protocol::wire::Ticket;

#[test]
fn one_of_a_kind_is_told_a_second_and_the_rest_is_counted() {
    let mut sampler = Sampler::default();
    let start = Instant::now();
    let told = |sampler: &mut Sampler, ms| sampler.admit(start + Duration::from_millis(ms));
    assert_eq!(told(&mut sampler, 0), Some(0));
    assert_eq!([1, 500, 999].map(|ms| told(&mut sampler, ms)), [None; 3]);
    assert_eq!(told(&mut sampler, 1_000), Some(3));
    assert_eq!(told(&mut sampler, 5_000), Some(0));
}

#[test]
fn a_text_that_is_repeated_is_kept_once() {
    let mut teller = Teller::default();
    let judged = |text| Judged { network: 0, ticket: Ticket(1), verdict: Verdict::Reject, reason: 7, text };
    let first = teller.said(&judged("no")).text.unwrap();
    assert!(Arc::ptr_eq(&first, &teller.said(&judged("no")).text.unwrap()));
    assert_eq!(teller.said(&judged("")).text, None);
    assert_eq!(teller.said(&judged("yes")).text.as_deref(), Some("yes"));
}

#[test]
fn what_a_parent_says_cannot_break_the_log() {
    let said = VerdictRecord { text: Some("a\nb\"\u{1b}[2J".into()), code: 7, ..VerdictRecord::from(Verdict::Reject) };
    assert_eq!(said.to_string(), r#"reject (7: "a\nb\"\u{1b}[2J")"#);
    assert_eq!(VerdictRecord::from(Verdict::Accept).to_string(), "accept");
}
