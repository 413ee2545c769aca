//! How a result is shown: words, one JSON object, a picture.

mod chart;
mod scale;
mod svg;
mod table;

pub(crate) use chart::{Axis, Chart, Scale, Series};
pub(crate) use svg::write_svg;
pub(crate) use table::{Table, count, figure, size, spread};

#[cfg(test)]
mod tests;
