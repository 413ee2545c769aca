//! `raw`: opaque messages.

use std::sync::Arc;

use serde::Deserialize;

use super::{Codec, CodecSettings, Malformed};
use crate::InvalidSetting;
use pmq_pipeline::Header;

/// Settings of the codec `raw`: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {}

#[derive(Debug)]
struct Raw;

impl Codec for Raw {
    fn read(&self, _: &str, _: &[u8]) -> Result<Option<Header>, Malformed> {
        Ok(None)
    }

    fn reads_header(&self) -> bool {
        false
    }
}

impl CodecSettings for RawSettings {
    fn into_codec(self) -> Result<Arc<dyn Codec>, InvalidSetting> {
        Ok(Arc::new(Raw))
    }
}
