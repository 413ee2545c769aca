#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn a_ticket_outlives_neither_its_value_nor_its_slot() {
    let mut table = Tickets::new(1);
    let first = table.insert("a").unwrap();
    assert_eq!(table.insert("b"), Err("b"), "the bound holds");
    assert_eq!(table.find(first), Known::Pending(&mut "a"));
    assert_eq!(table.remove(first, End::Verdict), Some("a"));
    assert_eq!(table.find(first), Known::Ended(End::Verdict));
    assert_eq!(table.remove(first, End::Verdict), None);

    let second = table.insert("c").unwrap();
    assert_eq!(first.slot(), second.slot());
    assert_eq!(table.find(first), Known::Ended(End::Verdict));
    assert_eq!(table.remove(second, End::Fallback), Some("c"));
    assert_eq!(table.find(first), Known::Ended(End::Fallback), "an older owner counts as overtaken by time");
    assert_eq!(table.find(second), Known::Ended(End::Fallback));
}

#[test]
fn a_ticket_that_was_never_given_out_is_unknown() {
    let mut table = Tickets::new(4);
    let ticket = table.insert(()).unwrap();
    assert_eq!(table.find(Ticket::new(ticket.slot(), ticket.generation() + 1)), Known::Never);
    assert_eq!(table.find(Ticket::new(3, 1)), Known::Never);
    table.remove(ticket, End::Verdict);
    assert_eq!(table.find(Ticket::new(ticket.slot(), ticket.generation() + 1)), Known::Never);
}
