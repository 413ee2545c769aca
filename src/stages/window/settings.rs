//! What `sequence-window` may be told.

use std::time::Duration;

use serde::Deserialize;

use crate::{InvalidSetting, NetworkContext, StageSettings};
use pmq_pipeline::Part;
use pmq_protocol::setting;

/// Largest bitmap, in numbers: 9 MiB for each origin.
const MAX_WINDOW: u64 = 1 << 20;

/// Settings of the stage `sequence-window`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WindowSettings {
    /// Numbers behind the highest accepted one that are still welcome. Below `validity`, at most `window`; a parent may set it at run time.
    pub skip: u64,
    /// Numbers behind the highest accepted one after which a message is rejected and not only ignored; a parent may set it at run time.
    pub validity: u64,
    /// The largest `skip` that can ever be set, rounded up to a multiple of 64. Each origin takes about 8 bytes of memory for each of them.
    pub window: u64,
    /// Origins that are kept for each topic, an origin once for each epoch. When full, the one whose last accepted message is oldest is
    /// forgotten but for its high mark, the floor.
    pub origins: u32,
    /// Floors that are kept for each topic. When full, the oldest is forgotten, and counted.
    pub floors: u32,
    /// A window is warm after so many accepted messages of its origin and epoch; until then, and if no parent has set its mark, age is
    /// never a Reject.
    pub warm_after: u32,
    /// How long age is never a Reject after a partition has healed.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
}

impl Default for WindowSettings {
    fn default() -> Self {
        Self { skip: 256, validity: 4_096, window: 1_024, origins: 1_024, floors: 16_384, warm_after: 16, grace: Duration::from_secs(60) }
    }
}

impl WindowSettings {
    /// Looks for values that make no sense.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        setting::durations([("grace", self.grace)])?;
        if self.window > MAX_WINDOW {
            return Err(InvalidSetting::range("window", self.window, format!("at most {MAX_WINDOW}, which is 9 MiB for each origin")));
        }
        if self.skip >= self.validity {
            return Err(InvalidSetting::range("skip", self.skip, format!("below validity, which is {}", self.validity)));
        }
        if self.skip > self.window {
            return Err(InvalidSetting::range("skip", self.skip, format!("at most window, which is {}", self.window)));
        }
        if let Some((key, _)) = [("origins", self.origins), ("floors", self.floors)].into_iter().find(|(_, value)| *value == 0) {
            return Err(InvalidSetting::range(key, 0, "nothing could ever be remembered; at least 1"));
        }
        Ok(())
    }

    /// Thresholds that a fast origin passes while its first messages still wait for their verdict.
    pub(super) fn warnings(&self, rate: f64, deadline: Duration) -> Vec<InvalidSetting> {
        let within = rate * deadline.as_secs_f64();
        let counts = [("skip", self.skip), ("validity", self.validity)];
        let short = counts.into_iter().filter(|(_, count)| (*count as f64) < within);
        let warning = |(key, count): (&'static str, u64)| {
            // At most the deadline, since the count is below what comes in it.
            let passed = Duration::from_secs_f64(count as f64 / rate);
            let what = format!(
                "at {rate} messages a second from one origin {count} numbers pass in {passed:.1?}, before the verdict's deadline of {deadline:?}"
            );
            let help = format!("take at least {within:.0}, or lower expected_rate if no single origin sends that much");
            InvalidSetting::new(key, what, help).value(count)
        };
        short.map(warning).collect()
    }
}

impl StageSettings for WindowSettings {
    fn into_part(self, network: &NetworkContext) -> Result<Part, InvalidSetting> {
        self.check()?;
        Ok(Part::Stage(Box::new(super::SequenceWindow::new(self, network.clone()))))
    }
}
