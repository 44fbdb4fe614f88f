//! What may be written short or long: one thing or a list, a text or a mapping.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One thing, or a list of them; always read as a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMany<T>(Vec<T>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for OneOrMany<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Serialize> Serialize for OneOrMany<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(de::value::StrDeserializer::new(text)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                T::deserialize(de::value::I64Deserializer::new(number)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                T::deserialize(de::value::U64Deserializer::new(number)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(OneOrMany)
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one.clone(), { "type": "array", "items": one }] })
    }
}

/// A type that is written as a mapping (`Long`) or shorter, as something that is not a mapping.
pub trait ShortForm: Sized {
    /// The mapping.
    type Long: for<'de> Deserialize<'de> + JsonSchema;
    /// The short form.
    type Short: for<'de> Deserialize<'de> + JsonSchema;
    /// What is expected, for messages.
    const EXPECTED: &'static str;
    /// The type's name in the schema.
    const NAME: &'static str;

    /// Makes the value from the mapping.
    fn from_long(long: Self::Long) -> Result<Self, String>;
    /// Makes the value from the short form.
    fn from_short(short: Self::Short) -> Result<Self, String>;

    /// Reads either form.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShortFormVisitor(PhantomData))
    }

    /// Makes the schema of both forms.
    fn schema_of_both(generator: &mut SchemaGenerator) -> Schema {
        let short = generator.subschema_for::<Self::Short>();
        let long = generator.subschema_for::<Self::Long>();
        json_schema!({ "anyOf": [short, long] })
    }
}

struct ShortFormVisitor<T>(PhantomData<T>);

impl<'de, T: ShortForm> de::Visitor<'de> for ShortFormVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::Short::deserialize(de::value::StrDeserializer::new(text))
            .and_then(|short| T::from_short(short).map_err(E::custom))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        T::Short::deserialize(de::value::I64Deserializer::new(number))
            .and_then(|short| T::from_short(short).map_err(E::custom))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        T::Short::deserialize(de::value::U64Deserializer::new(number))
            .and_then(|short| T::from_short(short).map_err(E::custom))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        T::Short::deserialize(SeqAccessDeserializer::new(seq))
            .and_then(|short| T::from_short(short).map_err(de::Error::custom))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::Long::deserialize(MapAccessDeserializer::new(map))
            .and_then(|long| T::from_long(long).map_err(de::Error::custom))
    }
}

/// Implements `Deserialize` and `JsonSchema` for a [`ShortForm`].
macro_rules! short_form {
    ($type:ty) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <Self as $crate::value::ShortForm>::read(deserializer)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                <Self as $crate::value::ShortForm>::NAME.into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <Self as $crate::value::ShortForm>::schema_of_both(generator)
            }
        }
    };
}
pub(crate) use short_form;
