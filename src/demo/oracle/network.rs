//! The three oracle networks, their topics, and the observations that they report.

use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// One oracle network. Its number is part of what is signed: never reorder.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Network {
    /// Temperatures.
    Weather,
    /// Magnitudes.
    Quakes,
    /// Delays.
    Flights,
}

/// What a network observes.
struct Source {
    column: &'static str,
    file: &'static str,
    embedded: &'static str,
    /// Largest noise of one node's instrument, in thousandths of the unit.
    noise: i64,
}

impl Network {
    /// All of them, in the order in which `--networks` takes them.
    pub(crate) const ALL: [Self; 3] = [Self::Weather, Self::Quakes, Self::Flights];

    /// Name in topics, files and output.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Weather => "weather",
            Self::Quakes => "quakes",
            Self::Flights => "flights",
        }
    }

    /// The network of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|network| network.name() == name)
    }

    /// The outbound topic: finished reports, read by everybody.
    pub(crate) fn reports(self) -> &'static str {
        match self {
            Self::Weather => "weather.reports",
            Self::Quakes => "quakes.reports",
            Self::Flights => "flights.reports",
        }
    }

    /// The internal topic: shares, proposals and endorsements, read by the network's own nodes.
    pub(crate) fn shares(self) -> &'static str {
        match self {
            Self::Weather => "weather.shares",
            Self::Quakes => "quakes.shares",
            Self::Flights => "flights.shares",
        }
    }

    /// Name of the agents' network that carries the internal topic.
    pub(crate) fn internal_name(self) -> &'static str {
        match self {
            Self::Weather => "weather-shares",
            Self::Quakes => "quakes-shares",
            Self::Flights => "flights-shares",
        }
    }

    /// Its file in `configs/`.
    pub(crate) fn pipeline(self) -> &'static str {
        match self {
            Self::Weather => include_str!("../../../configs/weather.toml"),
            Self::Quakes => include_str!("../../../configs/quakes.toml"),
            Self::Flights => include_str!("../../../configs/flights.toml"),
        }
    }

    /// Whose outbound topic that is.
    pub(crate) fn from_reports(topic: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|network| network.reports() == topic)
    }

    /// Whose internal topic that is.
    pub(crate) fn from_shares(topic: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|network| network.shares() == topic)
    }

    /// Largest noise of one node's instrument, in thousandths of the unit.
    pub(crate) fn noise(self) -> i64 {
        self.source().noise
    }

    fn source(self) -> Source {
        match self {
            Self::Weather => {
                Source { column: "temperature", file: "weather.csv", embedded: include_str!("../../../data/weather.csv"), noise: 200 }
            }
            Self::Quakes => {
                Source { column: "magnitude", file: "quakes.csv", embedded: include_str!("../../../data/quakes.csv"), noise: 50 }
            }
            Self::Flights => {
                Source { column: "delay_min", file: "flights.csv", embedded: include_str!("../../../data/flights.csv"), noise: 500 }
            }
        }
    }

    /// Name and text of the file with the observations that the program carries.
    pub(crate) fn embedded(self) -> (&'static str, &'static str) {
        let source = self.source();
        (source.file, source.embedded)
    }

    /// The observed values in thousandths of the unit, one a row: from the network's file in `input`, or from the binary itself.
    ///
    /// # Errors
    /// When the file cannot be read, has no such column, a value is no number, or there are no rows.
    pub(crate) fn observations(self, input: Option<&Path>) -> anyhow::Result<Vec<i64>> {
        let source = self.source();
        match input {
            None => parse(source.embedded, source.column).with_context(|| format!("in the embedded {}", source.file)),
            Some(dir) => {
                let path = dir.join(source.file);
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {}; --input wants a directory with {} in it", path.display(), source.file))?;
                parse(&text, source.column).with_context(|| format!("in {}", path.display()))
            }
        }
    }
}

/// Reads one column of a CSV text as thousandths.
fn parse(text: &str, column: &str) -> anyhow::Result<Vec<i64>> {
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let headers = rows.headers().context("the first line does not name the columns")?;
    let index = headers.iter().position(|name| name == column).with_context(|| format!("there is no column {column:?}"))?;
    let mut values = Vec::new();
    for row in rows.records() {
        let row = row?;
        let line = row.position().map_or(0, csv::Position::line);
        let text = row.get(index).unwrap_or_default();
        let value: f64 = text.trim().parse().with_context(|| format!("line {line}: {column} {text:?} is no number"))?;
        anyhow::ensure!(value.abs() < 1e12, "line {line}: {column} {value} is out of range");
        // Below 10^15 as just checked, so it fits.
        values.push((value * 1000.0).round() as i64);
    }
    anyhow::ensure!(!values.is_empty(), "there are no rows");
    Ok(values)
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
