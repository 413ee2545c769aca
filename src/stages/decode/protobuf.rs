//! `protobuf`: fields by their numbers.

use std::sync::Arc;

use prost::encoding::{WireType, decode_key, decode_varint};
use serde::Deserialize;

use super::{Codec, CodecSettings, ContentTag, Malformed};
use crate::InvalidSetting;
use pmq_pipeline::{Header, MAX_ORIGIN, Origin};

/// Messages within messages that a path may lead through.
const MAX_DEPTH: usize = 8;

/// The largest field number (protobuf's own).
const MAX_NUMBER: u32 = (1 << 29) - 1;

/// Settings of the codec `protobuf`: which fields of a message of protobuf. No schema is needed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtobufSettings {
    /// Who made the message: bytes or a string of 1 to 32 bytes.
    pub origin: Path,
    /// The numbering's epoch; without it every message is of epoch 0.
    #[serde(default)]
    pub epoch: Option<Path>,
    /// The sequence number: a varint or a fixed integer. A field that is not there is 0, as protobuf has it.
    pub sequence: Path,
    /// Fields of the outermost message that are no part of the content: signatures.
    #[serde(default)]
    pub unsigned: Vec<u32>,
    /// Longest message that is read, in bytes; a longer one is malformed. Default 65,536.
    #[serde(default = "max_bytes")]
    pub max_bytes: usize,
}

pub(super) fn max_bytes() -> usize {
    64 * 1024
}

/// Field numbers from the outermost message inward: `"3"`, or `"2.1"` for field 1 of the message in field 2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Path(Vec<u32>);

impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let numbers: Option<Vec<u32>> = text.split('.').map(|number| number.parse().ok()).collect();
        let sound = |numbers: &Vec<u32>| numbers.len() <= MAX_DEPTH && numbers.iter().all(|number| (1..=MAX_NUMBER).contains(number));
        numbers
            .filter(sound)
            .map(Self)
            .ok_or_else(|| format!("{text:?} is no path of field numbers; write \"3\", or \"2.1\" with at most {MAX_DEPTH} numbers"))
    }
}

impl CodecSettings for ProtobufSettings {
    fn into_codec(self) -> Result<Arc<dyn Codec>, InvalidSetting> {
        if self.max_bytes == 0 {
            return Err(InvalidSetting::range("max_bytes", 0, "at least 1"));
        }
        if let Some(number) = self.unsigned.iter().find(|number| !(1..=MAX_NUMBER).contains(*number)) {
            return Err(InvalidSetting::range("unsigned", number, format!("1 to {MAX_NUMBER}")));
        }
        Ok(Arc::new(Protobuf { settings: self, tag: ContentTag::new() }))
    }
}

#[derive(Debug)]
struct Protobuf {
    settings: ProtobufSettings,
    tag: ContentTag,
}

impl Codec for Protobuf {
    fn read(&self, _: &str, payload: &[u8]) -> Result<Option<Header>, Malformed> {
        let ProtobufSettings { origin, epoch, sequence, unsigned, max_bytes } = &self.settings;
        if payload.len() > *max_bytes {
            return Err(Malformed::Content("longer than max_bytes"));
        }
        let mut name = Origin::default();
        match find(payload, &origin.0)? {
            Some(Value::Bytes(bytes)) if (1..=MAX_ORIGIN).contains(&bytes.len()) => name.0[..bytes.len()].copy_from_slice(bytes),
            Some(_) => return Err(Malformed::Content("the origin is no field of 1 to 32 bytes")),
            None => return Err(Malformed::Content("no origin")),
        }
        let mut content = Vec::new();
        for field in Fields(payload) {
            let field = field?;
            if !unsigned.contains(&field.number) {
                content.push(field.whole);
            }
        }
        Ok(Some(Header {
            origin: name,
            epoch: epoch.as_ref().map_or(Ok(0), |path| integer(payload, path))?,
            seq: integer(payload, sequence)?,
            tag: self.tag.of_parts(content),
        }))
    }
}

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value<'a> {
    Integer(u64),
    Bytes(&'a [u8]),
}

/// A field of a message.
#[derive(Debug)]
struct Field<'a> {
    number: u32,
    value: Value<'a>,
    /// Key and value as they stand.
    whole: &'a [u8],
}

/// The fields of a message, in their order. Ends with the first error.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<Field<'a>, Malformed> {
        let before = self.0;
        let (number, kind) = decode_key(&mut self.0).map_err(|_| Malformed::Content("no key of a field"))?;
        let value = match kind {
            WireType::Varint => Value::Integer(varint(&mut self.0)?),
            WireType::SixtyFourBit => Value::Integer(u64::from_le_bytes(self.take()?)),
            WireType::ThirtyTwoBit => Value::Integer(u32::from_le_bytes(self.take()?).into()),
            WireType::LengthDelimited => {
                let length = usize::try_from(varint(&mut self.0)?).map_err(|_| Malformed::Content("a length beyond memory"))?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed::Short { have: self.0.len(), need: length })?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            WireType::StartGroup | WireType::EndGroup => return Err(Malformed::Content("a group, which proto3 has not")),
        };
        Ok(Field { number, value, whole: &before[..before.len() - self.0.len()] })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed::Short { have: self.0.len(), need: N })?;
        self.0 = rest;
        Ok(*bytes)
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    decode_varint(bytes).map_err(|_| Malformed::Content("no varint"))
}

/// The field at the end of a path. One that is there twice is malformed: readers differ in which of them they take.
fn find<'a>(mut message: &'a [u8], path: &[u32]) -> Result<Option<Value<'a>>, Malformed> {
    let Some((last, through)) = path.split_last() else { return Ok(None) };
    for number in through {
        match only(message, *number)? {
            Some(Value::Bytes(inner)) => message = inner,
            Some(Value::Integer(_)) => return Err(Malformed::Content("a path leads through a field that is no message")),
            None => return Ok(None),
        }
    }
    only(message, *last)
}

fn only(message: &[u8], number: u32) -> Result<Option<Value<'_>>, Malformed> {
    let mut found = None;
    for field in Fields(message) {
        let field = field?;
        if field.number == number && found.replace(field.value).is_some() {
            return Err(Malformed::Content("a field of the header is there twice"));
        }
    }
    Ok(found)
}

fn integer(payload: &[u8], path: &Path) -> Result<u64, Malformed> {
    match find(payload, &path.0)? {
        Some(Value::Integer(number)) => Ok(number),
        Some(Value::Bytes(_)) => Err(Malformed::Content("a number is a field of bytes")),
        None => Ok(0),
    }
}

#[cfg(test)]
#[path = "protobuf_tests.rs"]
mod tests;
