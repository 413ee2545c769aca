//! What was predicted beside what was measured.

use anyhow::Context;
use bytesize::ByteSize;
use serde::Serialize;
use serde_json::Value;

use super::load::Round;
use crate::{Machine, Spread};

/// The whole result.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) machine: Machine,
    pub(super) settings: Value,
    /// The most that an idle agent took, in bytes.
    pub(super) idle: Spread,
    pub(super) rows: Vec<Row>,
}

/// One load.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// Payload bytes.
    pub(super) size: usize,
    /// Messages a second, the median.
    rate: f64,
    /// The most that was pending in the last round: messages, bytes.
    pending: (u64, u64),
    /// What the estimate says, in bytes; of the last round.
    items: Vec<Item>,
    /// Their sum.
    pub(super) predicted: Spread,
    /// The most resident memory, in bytes.
    pub(super) measured: Spread,
    /// Measured by predicted, of each round.
    pub(super) ratio: Spread,
}

#[derive(Debug, Serialize)]
struct Item {
    what: String,
    bytes: u64,
}

#[allow(clippy::cast_precision_loss, reason = "memory fits")]
impl Row {
    pub(super) fn of(size: usize, rounds: &[Round]) -> anyhow::Result<Self> {
        let last = rounds.last().context("no round was run")?;
        let predicted: Vec<f64> = rounds.iter().map(|round| round.items.iter().map(|(_, bytes)| *bytes as f64).sum()).collect();
        let measured: Vec<f64> = rounds.iter().map(|round| round.measured as f64).collect();
        Ok(Self {
            size,
            rate: Spread::of(rounds.iter().map(|round| round.rate)).median,
            pending: last.pending,
            items: last.items.iter().map(|(what, bytes)| Item { what: what.clone(), bytes: *bytes }).collect(),
            ratio: Spread::of_ratios(&measured, &predicted),
            predicted: Spread::of(predicted),
            measured: Spread::of(measured),
        })
    }
}

impl Outcome {
    pub(super) fn words(&self) -> String {
        let Self { machine, settings, idle, rows } = self;
        let mut text = format!(
            "{}\nmost resident memory of an agent; median of the rounds, lowest and highest beside it\n\n\
             idle, with a neighbour and a parent: {} ({} - {})\n",
            machine.words(settings),
            size(idle.median),
            size(idle.low),
            size(idle.high),
        );
        for row in rows {
            let Row { rate, pending, items, predicted, measured, ratio, .. } = row;
            text += &format!("\n{} B, {rate:.0} messages a second; at most {} were pending, {} bytes\n", row.size, pending.0, pending.1);
            for Item { what, bytes } in items {
                text += &format!("  {what:<20} {:>12}\n", ByteSize(*bytes).display().iec().to_string());
            }
            text += &format!(
                "  {:<20} {:>12}\n  {:<20} {:>12}   measured / predicted {:.2} ({:.2} - {:.2})\n",
                "predicted",
                size(predicted.median),
                "measured",
                size(measured.median),
                ratio.median,
                ratio.low,
                ratio.high,
            );
        }
        text
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "memory fits")]
fn size(bytes: f64) -> String {
    ByteSize(bytes as u64).display().iec().to_string()
}
