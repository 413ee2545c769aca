//! The rooms on a network's road: synchronous, without IO, the clock an argument.

pub mod delivery;
pub mod validation;
