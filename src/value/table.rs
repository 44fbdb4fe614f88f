//! A mapping of a plan in the order of the file.

use std::borrow::Cow;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use ahash::RandomState;
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::id::{self, Field, Id, Name};

/// What may stand as a key in a [`Table`].
pub trait Key: Sized + Eq + Hash + Serialize + 'static {
    /// The pattern of the keys, as a regular expression of JSON Schema.
    const PATTERN: &'static str;

    /// Makes the key, or says what is wrong with it. The schema says more about what a person may write.
    fn parse_key(text: &str) -> Result<Self, String>;
}

impl Key for Id {
    const PATTERN: &'static str = id::ID_PATTERN;

    fn parse_key(text: &str) -> Result<Self, String> {
        // In the plan that is frozen into a run, the things of imported plans have a path.
        id::check_behind_prefix(text, id::check_id)?;
        Ok(Self::shared(text))
    }
}

impl Key for Name {
    const PATTERN: &'static str = id::NAME_PATTERN;

    fn parse_key(text: &str) -> Result<Self, String> {
        id::check_behind_prefix(text, id::check_name)?;
        Ok(Self::shared(text))
    }
}

impl Key for Field {
    const PATTERN: &'static str = id::FIELD_PATTERN;

    fn parse_key(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

/// A mapping in the order of the file, because the order of alternatives has a meaning.
///
/// An empty one is one word: a large plan has many, such as the `env` of each step.
#[derive(Clone)]
pub struct Table<K: Key, V>(Option<Box<Map<K, V>>>);

type Map<K, V> = IndexMap<K, V, RandomState>;

impl<K: Key, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: Key, V: PartialEq + 'static> PartialEq for Table<K, V> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<K: Key, V: Eq + 'static> Eq for Table<K, V> {}

impl<K: Key, V: 'static> Table<K, V> {
    /// What an empty table is seen as; nothing is ever put into it, so that its seeds do not matter.
    const EMPTY: &Map<K, V> = &IndexMap::with_hasher(RandomState::with_seeds(0, 0, 0, 0));

    /// Whether nothing is in it; a path that serde's `skip_serializing_if` can name.
    pub fn is_nothing(&self) -> bool {
        self.is_empty()
    }
}

impl<K: Key, V> From<Map<K, V>> for Table<K, V> {
    fn from(map: Map<K, V>) -> Self {
        Self((!map.is_empty()).then(|| Box::new(map)))
    }
}

impl<K: Key, V: 'static> Deref for Table<K, V> {
    type Target = Map<K, V>;

    fn deref(&self) -> &Self::Target {
        self.0.as_deref().unwrap_or(Self::EMPTY)
    }
}

impl<K: Key, V: 'static> DerefMut for Table<K, V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.0.get_or_insert_default()
    }
}

impl<'a, K: Key, V: 'static> IntoIterator for &'a Table<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = indexmap::map::Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K: Key, V> IntoIterator for Table<K, V> {
    type Item = (K, V);
    type IntoIter = indexmap::map::IntoIter<K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map(|map| *map).unwrap_or_default().into_iter()
    }
}

impl<K: Key, V> FromIterator<(K, V)> for Table<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        Map::from_iter(items).into()
    }
}

impl<K: Key + fmt::Debug, V: fmt::Debug + 'static> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<K: Key, V: Serialize + 'static> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&**self)
    }
}

impl<'de, K: Key, V: Deserialize<'de>> Deserialize<'de> for Table<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<K, V>(PhantomData<(K, V)>);
        impl<'de, K: Key, V: Deserialize<'de>> de::Visitor<'de> for Visitor<K, V> {
            type Value = Table<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let capacity = map.size_hint().unwrap_or(0);
                let mut table = Map::with_capacity_and_hasher(capacity, RandomState::default());
                while let Some(text) = map.next_key::<Cow<'de, str>>()? {
                    let key = K::parse_key(&text).map_err(de::Error::custom)?;
                    if table.insert(key, map.next_value()?).is_some() {
                        return Err(de::Error::custom(format!("`{text}` is given twice")));
                    }
                }
                Ok(table.into())
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

impl<K: Key, V: JsonSchema> JsonSchema for Table<K, V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("TableOf{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<V>();
        json_schema!({
            "type": "object",
            "propertyNames": { "pattern": K::PATTERN, "maxLength": 64 },
            "additionalProperties": value,
        })
    }
}
