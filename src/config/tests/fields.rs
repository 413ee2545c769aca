//! Asks a settings type for its keys, however deep: by deserializing it from a probe that records what it is asked for.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

/// Every key of `T` with its sections, as `mesh.heartbeat`; keys that hold sections are left out.
pub(super) fn of<T: for<'de> Deserialize<'de>>() -> BTreeSet<String> {
    let mut leaves = BTreeSet::new();
    let mut open: Vec<Vec<&'static str>> = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let mut seen = None;
        // The probe has no values to give: it always ends in an error, and what was asked for before is the answer.
        let _ = T::deserialize(Probe { way: &path, seen: &mut seen });
        match seen {
            Some(fields) => open.extend(fields.iter().map(|field| path.iter().copied().chain([*field]).collect())),
            None => drop(leaves.insert(path.join("."))),
        }
    }
    leaves
}

struct Probe<'p> {
    way: &'p [&'static str],
    seen: &'p mut Option<&'static [&'static str]>,
}

#[derive(Debug)]
struct Nothing;

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a probe has no values")
    }
}

impl std::error::Error for Nothing {}

impl Error for Nothing {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Nothing;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        match self.way.split_first() {
            Some((field, way)) => visitor.visit_map(One { field: Some(field), probe: Probe { way, seen: self.seen } }),
            None => {
                *self.seen = Some(fields);
                Err(Nothing)
            }
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Nothing> {
        Err(Nothing)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Nothing> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        visitor.visit_seq(Element(self))
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Nothing> {
        visitor.visit_enum(NoVariant)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map
        identifier ignored_any
    }
}

/// A map of one field.
struct One<'p> {
    field: Option<&'static str>,
    probe: Probe<'p>,
}

impl<'de> MapAccess<'de> for One<'_> {
    type Error = Nothing;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Nothing> {
        let field = self.field.take().map(serde::de::value::StrDeserializer::<Nothing>::new);
        field.map(|field| seed.deserialize(field)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Nothing> {
        seed.deserialize(Probe { way: self.probe.way, seen: self.probe.seen })
    }
}

/// A list of one element.
struct Element<'p>(Probe<'p>);

impl<'de> SeqAccess<'de> for Element<'_> {
    type Error = Nothing;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Nothing> {
        seed.deserialize(Probe { way: self.0.way, seen: self.0.seen }).map(Some)
    }
}

struct NoVariant;

impl<'de> EnumAccess<'de> for NoVariant {
    type Error = Nothing;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, _: V) -> Result<(V::Value, Self), Nothing> {
        Err(Nothing)
    }
}

impl<'de> VariantAccess<'de> for NoVariant {
    type Error = Nothing;

    fn unit_variant(self) -> Result<(), Nothing> {
        Err(Nothing)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Nothing> {
        Err(Nothing)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Nothing> {
        Err(Nothing)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Nothing> {
        Err(Nothing)
    }
}

#[test]
fn finds_the_keys_of_sections_lists_and_options() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its shape matters")]
    struct Outer {
        plain: u32,
        inner: Option<Inner>,
        list: Vec<Inner>,
        #[serde(with = "humantime_serde")]
        time: std::time::Duration,
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape matters")]
    struct Inner {
        deep: String,
    }
    let keys: Vec<_> = of::<Outer>().into_iter().collect();
    assert_eq!(keys, ["inner.deep", "list.deep", "plain", "time"]);
}
