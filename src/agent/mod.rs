//! The composition root: builds every room from its settings, joins them, and takes them down in order.

pub mod control;
pub mod directory;
pub mod ops;
pub mod parents;
pub mod settings;
