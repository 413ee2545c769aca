//! A picture's content, without its drawing.

/// One diagram.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// Above it.
    pub(crate) title: String,
    /// Left to right.
    pub(crate) x: Axis,
    /// Bottom to top.
    pub(crate) y: Axis,
    /// Its lines.
    pub(crate) series: Vec<Series>,
}

/// One of the two axes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// With the unit.
    pub(crate) label: String,
    /// How values are laid out.
    pub(crate) scale: Scale,
}

/// How values are laid out on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Evenly, from 0.
    Linear,
    /// Every power of ten the same length.
    Log,
    /// Shares from 0 to below 1, every nine of them the same length: 0, 90 %, 99 %, 99.9 %.
    Nines,
    /// Sizes in bytes, every power of two the same length.
    Bytes,
}

/// A line with its name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// In the legend.
    pub(crate) name: String,
    /// Its points, from left to right.
    pub(crate) points: Vec<(f64, f64)>,
}
