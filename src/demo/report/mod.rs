//! What happened: facts, the arithmetic over them, and how they are shown.

pub(crate) mod account;
mod audit;
pub(crate) mod books;
pub(crate) mod facts;
pub(crate) mod summary;
pub(crate) mod table;
mod told;
