//! `fixed`: fields at fixed places.

use std::sync::Arc;

use serde::Deserialize;

use super::{Codec, CodecSettings, ContentTag, Malformed};
use crate::InvalidSetting;
use pmq_pipeline::{Header, MAX_ORIGIN, Origin};

/// Longest integer field, in bytes.
const MAX_INTEGER: usize = 8;

/// Settings of the codec `fixed`: where the fields are. All offsets and lengths are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedSettings {
    /// Who made the message: at most 32 bytes.
    pub origin: Range,
    /// The numbering's epoch; without it every message is of epoch 0.
    #[serde(default)]
    pub epoch: Option<Integer>,
    /// The sequence number.
    pub sequence: Integer,
    /// The content without its signatures; the whole payload if not given.
    #[serde(default)]
    pub tag: TagRange,
}

/// A field of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Its first byte.
    pub offset: usize,
    /// How many.
    pub length: usize,
}

/// A field that is an unsigned integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Integer {
    /// Its first byte.
    pub offset: usize,
    /// How many: 1 to 8.
    pub length: usize,
    /// `"big"` (network order, the default) or `"little"`.
    #[serde(default)]
    pub endian: Endian,
}

/// The order of an integer's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endian {
    /// Most significant first.
    #[default]
    Big,
    /// Least significant first.
    Little,
}

/// The bytes that the content tag digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TagRange {
    /// The first byte.
    pub offset: usize,
    /// How many; up to the end if not given.
    pub length: Option<usize>,
    /// How many to leave out at the end, where signatures often stand.
    pub trim: usize,
}

impl FixedSettings {
    /// Looks for values that make no sense.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        if self.origin.length == 0 || self.origin.length > MAX_ORIGIN {
            return Err(InvalidSetting::range("origin.length", self.origin.length, format!("1 to {MAX_ORIGIN} bytes")));
        }
        let integers = [("epoch.length", self.epoch), ("sequence.length", Some(self.sequence))];
        for (key, integer) in integers {
            if let Some(Integer { length, .. }) = integer.filter(|field| field.length == 0 || field.length > MAX_INTEGER) {
                return Err(InvalidSetting::range(key, length, format!("1 to {MAX_INTEGER} bytes")));
            }
        }
        let offsets = [
            ("origin.offset", self.origin.offset),
            ("epoch.offset", self.epoch.map_or(0, |field| field.offset)),
            ("sequence.offset", self.sequence.offset),
            ("tag.offset", self.tag.offset),
            ("tag.length", self.tag.length.unwrap_or(0)),
            ("tag.trim", self.tag.trim),
        ];
        // Far above any message, and far below where sums of two would overflow on the smallest machine.
        let largest = (u32::MAX / 4) as usize;
        if let Some((key, value)) = offsets.into_iter().find(|(_, value)| *value > largest) {
            return Err(InvalidSetting::range(key, value, format!("at most {largest}")));
        }
        if self.tag.length == Some(0) {
            return Err(InvalidSetting::range("tag.length", 0, "all contents would be the same; at least 1, or leave it out"));
        }
        if self.tag.length.is_some() && self.tag.trim > 0 {
            return Err(InvalidSetting::range("tag.trim", self.tag.trim, "give tag.length or tag.trim, not both"));
        }
        Ok(())
    }
}

impl CodecSettings for FixedSettings {
    fn into_codec(self) -> Result<Arc<dyn Codec>, InvalidSetting> {
        self.check()?;
        Ok(Arc::new(Fixed { settings: self, tag: ContentTag::new() }))
    }
}

#[derive(Debug)]
struct Fixed {
    settings: FixedSettings,
    tag: ContentTag,
}

impl Codec for Fixed {
    fn read(&self, _: &str, payload: &[u8]) -> Result<Option<Header>, Malformed> {
        let FixedSettings { origin, epoch, sequence, tag } = self.settings;
        let mut name = Origin::default();
        name.0[..origin.length].copy_from_slice(field(payload, origin.offset, origin.length)?);
        let content = match tag.length {
            Some(length) => field(payload, tag.offset, length)?,
            None => {
                // A payload shorter than what is trimmed has no content that would be empty, it has none.
                let have = payload.len();
                let content = have.checked_sub(tag.trim).and_then(|end| payload.get(tag.offset..end));
                content.ok_or(Malformed::Short { have, need: tag.offset + tag.trim })?
            }
        };
        Ok(Some(Header {
            origin: name,
            epoch: epoch.map_or(Ok(0), |field| integer(payload, field))?,
            seq: integer(payload, sequence)?,
            tag: self.tag.of(content),
        }))
    }
}

fn field(payload: &[u8], offset: usize, length: usize) -> Result<&[u8], Malformed> {
    payload.get(offset..offset + length).ok_or(Malformed::Short { have: payload.len(), need: offset + length })
}

fn integer(payload: &[u8], at: Integer) -> Result<u64, Malformed> {
    let bytes = field(payload, at.offset, at.length)?;
    let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    Ok(match at.endian {
        Endian::Big => bytes.iter().fold(0, push),
        Endian::Little => bytes.iter().rev().fold(0, push),
    })
}
