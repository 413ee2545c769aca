//! What `sequence-window` may be told.

use std::time::Duration;

use serde::Deserialize;

use crate::{NetworkContext, SettingError, StageSettings};
use pmq_pipeline::Part;

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
    pub fn check(&self) -> Result<(), SettingError> {
        if self.window > MAX_WINDOW {
            return Err(SettingError::new("window", self.window, format!("at most {MAX_WINDOW}, which is 9 MiB for each origin")));
        }
        if self.skip >= self.validity {
            return Err(SettingError::new("skip", self.skip, format!("below validity, which is {}", self.validity)));
        }
        if self.skip > self.window {
            return Err(SettingError::new("skip", self.skip, format!("at most window, which is {}", self.window)));
        }
        if let Some((key, _)) = [("origins", self.origins), ("floors", self.floors)].into_iter().find(|(_, value)| *value == 0) {
            return Err(SettingError::new(key, 0, "nothing could ever be remembered; at least 1"));
        }
        Ok(())
    }
}

impl StageSettings for WindowSettings {
    fn into_part(self, network: &NetworkContext) -> Result<Part, SettingError> {
        self.check()?;
        Ok(Part::Stage(Box::new(super::SequenceWindow::new(self, network.clone()))))
    }
}
