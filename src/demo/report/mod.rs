//! What happened: facts, the arithmetic over them, and how they are shown.

pub(crate) mod books;
pub(crate) mod facts;
