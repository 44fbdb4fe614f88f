//! Reads types from the tree: no second parse, and every error knows its place. The tree is used up on the way: its texts
//! become those of the types.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Key, Kind, Node, Span};

/// Why a type cannot be read from the tree.
#[derive(Debug)]
pub struct DeError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Option<Span>,
}

impl fmt::Display for DeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DeError {}

impl de::Error for DeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), span: None }
    }
}

impl DeError {
    fn at(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }
}

/// Reads a type from a node.
///
/// # Errors
///
/// The first thing that does not fit, and its place.
pub fn from_node<T: DeserializeOwned>(node: Node) -> Result<T, DeError> {
    T::deserialize(Reader(node))
}

struct Reader(Node);

impl<'de> Deserializer<'de> for Reader {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let Node { kind, span } = self.0;
        let read = match kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(flag) => visitor.visit_bool(flag),
            Kind::Int(number) => visitor.visit_i64(number),
            Kind::UInt(number) => visitor.visit_u64(number),
            Kind::Float(number) => visitor.visit_f64(number),
            Kind::Str(text) => visitor.visit_string(text.into()),
            Kind::Seq(items) => visitor.visit_seq(Items(items.into_iter())),
            Kind::Map(entries) => visitor.visit_map(Entries { entries: entries.into_iter(), value: None }),
        };
        read.map_err(|error| error.at(span))
    }

    /// A key that is there has a value: `null` is refused, as the schema refuses it.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let Node { kind, span } = self.0;
        let read = match kind {
            Kind::Str(text) => visitor.visit_enum(StrDeserializer::new(&text)),
            Kind::Map(mut entries) if entries.len() == 1 => match entries.pop() {
                Some((key, value)) => visitor.visit_enum(Choice(key, value)),
                None => unreachable!("it has one entry"),
            },
            _ => Err(de::Error::custom("expected a name, or a mapping with one key")),
        };
        read.map_err(|error| error.at(span))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items(std::vec::IntoIter<Node>);

impl<'de> SeqAccess<'de> for Items {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DeError> {
        let Some(node) = self.0.next() else { return Ok(None) };
        let span = node.span;
        seed.deserialize(Reader(node)).map(Some).map_err(|error| error.at(span))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries {
    entries: std::vec::IntoIter<(Key, Node)>,
    value: Option<Node>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = DeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DeError> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        let key_reader = StrDeserializer::<DeError>::new(&key.text);
        seed.deserialize(key_reader).map(Some).map_err(|error| error.at(key.span))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, DeError> {
        let Some(value) = self.value.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let span = value.span;
        seed.deserialize(Reader(value)).map_err(|error| error.at(span))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

struct Choice(Key, Node);

impl<'de> EnumAccess<'de> for Choice {
    type Error = DeError;
    type Variant = Variant;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Variant), DeError> {
        let Self(key, value) = self;
        let name = seed
            .deserialize(StrDeserializer::<DeError>::new(&key.text))
            .map_err(|error| error.at(key.span))?;
        Ok((name, Variant(value)))
    }
}

struct Variant(Node);

impl<'de> VariantAccess<'de> for Variant {
    type Error = DeError;

    fn unit_variant(self) -> Result<(), DeError> {
        de::Deserialize::deserialize(Reader(self.0))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DeError> {
        seed.deserialize(Reader(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DeError> {
        Reader(self.0).deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        Reader(self.0).deserialize_any(visitor)
    }
}
