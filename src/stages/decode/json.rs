//! `json`: values by their pointers.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::protobuf::max_bytes;
use super::{Codec, CodecSettings, ContentTag, Malformed};
use crate::InvalidSetting;
use pmq_pipeline::{Header, MAX_ORIGIN, Origin};

/// Deepest nesting that may be set; the parser's own bound is 128.
const MAX_DEPTH: usize = 100;

/// Settings of the codec `json`: where the values are, by JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonSettings {
    /// Who made the message: a string that stands for 1 to 32 bytes.
    pub origin: Pointer,
    /// How the origin's bytes are written.
    #[serde(default)]
    pub form: Form,
    /// The numbering's epoch; without it every message is of epoch 0.
    #[serde(default)]
    pub epoch: Option<Pointer>,
    /// The sequence number: a whole number, or a string of digits.
    pub sequence: Pointer,
    /// Keys of the outermost object that are no part of the content: signatures.
    #[serde(default)]
    pub unsigned: Vec<String>,
    /// Longest message that is read, in bytes; a longer one is malformed. Default 65,536.
    #[serde(default = "max_bytes")]
    pub max_bytes: usize,
    /// Deepest nesting that is read, 1 to 100; a deeper message is malformed. Default 16.
    #[serde(default = "max_depth")]
    pub max_depth: usize,
}

fn max_depth() -> usize {
    16
}

/// How bytes are written in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Hexadecimal, with or without `0x`; capitals and small letters are the same.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
    /// The string's own bytes.
    Text,
}

/// A JSON pointer: `/author`, `/header/seq`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer(String);

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with('/') {
            Ok(Self(text))
        } else {
            Err(format!("{text:?} is no JSON pointer; write \"/author\", or \"/header/seq\""))
        }
    }
}

impl CodecSettings for JsonSettings {
    fn into_codec(self) -> Result<Arc<dyn Codec>, InvalidSetting> {
        if self.max_bytes == 0 {
            return Err(InvalidSetting::range("max_bytes", 0, "at least 1"));
        }
        if !(1..=MAX_DEPTH).contains(&self.max_depth) {
            return Err(InvalidSetting::range("max_depth", self.max_depth, format!("1 to {MAX_DEPTH}")));
        }
        Ok(Arc::new(Json { settings: self, tag: ContentTag::new() }))
    }
}

#[derive(Debug)]
struct Json {
    settings: JsonSettings,
    tag: ContentTag,
}

impl Codec for Json {
    fn read(&self, _: &str, payload: &[u8]) -> Result<Option<Header>, Malformed> {
        let JsonSettings { origin, form, epoch, sequence, unsigned, max_bytes, max_depth } = &self.settings;
        if payload.len() > *max_bytes {
            return Err(Malformed::Content("longer than max_bytes"));
        }
        let mut parser = serde_json::Deserializer::from_slice(payload);
        let value = Strict { depth: *max_depth }.deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
        let mut value = value.map_err(|_| Malformed::Content("no JSON, a key that is there twice, or nested deeper than max_depth"))?;
        let mut header = Header {
            origin: name(&value, origin, *form)?,
            epoch: epoch.as_ref().map_or(Ok(0), |pointer| integer(&value, pointer))?,
            seq: integer(&value, sequence)?,
            tag: 0,
        };
        if let Value::Object(object) = &mut value {
            for key in unsigned {
                object.remove(key);
            }
        }
        // White space and the order of keys are no content.
        header.tag = self.tag.of(value.to_string().as_bytes());
        Ok(Some(header))
    }
}

fn name(value: &Value, pointer: &Pointer, form: Form) -> Result<Origin, Malformed> {
    let text = value.pointer(&pointer.0).and_then(Value::as_str).ok_or(Malformed::Content("no origin"))?;
    let bytes = match form {
        Form::Hex => {
            hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|_| Malformed::Content("the origin is no hexadecimal"))?
        }
        Form::Base64 => STANDARD.decode(text).map_err(|_| Malformed::Content("the origin is no base64"))?,
        Form::Text => text.as_bytes().to_vec(),
    };
    if !(1..=MAX_ORIGIN).contains(&bytes.len()) {
        return Err(Malformed::Content("the origin is not 1 to 32 bytes"));
    }
    let mut name = Origin::default();
    name.0[..bytes.len()].copy_from_slice(&bytes);
    Ok(name)
}

fn integer(value: &Value, pointer: &Pointer) -> Result<u64, Malformed> {
    let number = match value.pointer(&pointer.0) {
        Some(Value::Number(number)) => number.as_u64(),
        // As protobuf's own JSON has them: not every reader keeps 64 bits of a number. One form for each, or one message would have two.
        Some(Value::String(digits)) => digits.parse().ok().filter(|number: &u64| number.to_string() == *digits),
        _ => None,
    };
    number.ok_or(Malformed::Content("a number of the header is missing, or no whole number of 64 bits"))
}

/// Reads a value in which no object has a key twice: readers differ in which of them they take.
struct Strict {
    /// Levels of nesting that are left.
    depth: usize,
}

impl Strict {
    fn inner<E: Error>(&self) -> Result<Self, E> {
        self.depth.checked_sub(1).map(|depth| Self { depth }).ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner()?)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.inner()?)?;
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("a key is there twice"));
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
