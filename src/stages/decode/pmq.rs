//! `pmq`: this project's own header, [`PmqHeader`] in front of the content.

use std::sync::Arc;

use serde::Deserialize;

use super::{Codec, CodecSettings, ContentTag, Malformed};
use crate::InvalidSetting;
use pmq_pipeline::{Header, Origin};
use pmq_protocol::wire::{HeaderError, PmqHeader};

/// Settings of the codec `pmq`: none, the header says everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PmqSettings {}

#[derive(Debug)]
struct Pmq {
    tag: ContentTag,
}

impl CodecSettings for PmqSettings {
    fn into_codec(self) -> Result<Arc<dyn Codec>, InvalidSetting> {
        Ok(Arc::new(Pmq { tag: ContentTag::new() }))
    }
}

impl Codec for Pmq {
    fn read(&self, _: &str, payload: &[u8]) -> Result<Option<Header>, Malformed> {
        let (header, content, _) = PmqHeader::split(payload)?;
        let mut origin = Origin::default();
        let bytes = header.origin.as_bytes();
        origin.0[..bytes.len()].copy_from_slice(bytes);
        Ok(Some(Header { origin, epoch: header.epoch, seq: header.seq, tag: self.tag.of(content) }))
    }
}

impl From<HeaderError> for Malformed {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Short { have, need } => Self::Short { have, need },
            HeaderError::Magic => Self::Content("the payload does not start with \"PMQ\""),
            HeaderError::Version(_) => Self::Content("a version of the header that this codec does not know"),
            HeaderError::Reserved => Self::Content("reserved bits of the header are set"),
        }
    }
}
