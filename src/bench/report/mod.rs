//! How a result is shown: words, one JSON object, a picture.

mod chart;

pub(crate) use chart::{Axis, Chart, Scale, Series};
