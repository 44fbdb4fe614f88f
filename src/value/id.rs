//! Names of things: ids in kebab-case, variables in `UPPER_SNAKE`, and the id of a run.

use std::borrow::Borrow;
use std::fmt;

use arcstr::ArcStr;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::shared;

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        text_newtype! { $(#[$doc])* $name, $check, $check }
    };
    ($(#[$doc:meta])* $name:ident, $check:path, $stored:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(ArcStr);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes a text that is known to be well formed, and holds it once with its equals while names are shared.
            pub(super) fn shared(text: &str) -> Self {
                Self(shared::name(text))
            }

            /// Takes a text that is known to be well formed, such as one made by joining two names.
            pub fn trusted(text: impl AsRef<str>) -> Self {
                Self(ArcStr::from(text.as_ref()))
            }
        }

        impl From<&$name> for ArcStr {
            fn from(name: &$name) -> Self {
                name.0.clone()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                $check(text)?;
                Ok(Self(ArcStr::from(text)))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a name")
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $stored(text).map_err(E::custom)?;
                        Ok($name::shared(text))
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

text_newtype! {
    /// The id of a place, asset, person, step, backup or scenario: kebab-case, at most 64 letters.
    ///
    /// A *reference* may have several parts: `nightly.s3` is a copy of a backup, `network/dns` an
    /// asset of an imported plan, `restore/unpack` a step inside a recipe and `notify@eu` one item
    /// of an `each`; `AGE_KEY` is a secret. The keys of a plan have one part; [`Table`](super::Table) holds them to that.
    Id, check_reference, check_stored_reference
}

text_newtype! {
    /// The name of a variable, secret or output: `UPPER_SNAKE`, at most 64 letters.
    Name, check_name, check_stored_name
}

text_newtype! {
    /// The name of a recipe's input: `snake_case`, as the keys of the language are.
    Field, check_field
}

text_newtype! {
    /// The id of a run: the UTC second of its start and a few random letters, so that ids sort by time.
    RunId, check_run_id
}

/// What the key of a plan's table must look like, as a regular expression of JSON Schema.
pub(super) const ID_PATTERN: &str = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$";
pub(super) const REFERENCE_PATTERN: &str =
    "^([a-z][a-z0-9]*(-[a-z0-9]+)*([./@][a-z0-9]+(-[a-z0-9]+)*)*|[A-Z][A-Z0-9]*(_[A-Z0-9]+)*)$";
pub(super) const FIELD_PATTERN: &str = "^[a-z][a-z0-9_]*$";
pub(super) const NAME_PATTERN: &str = "^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$";
const LONGEST: usize = 64;

fn is_kebab(text: &str) -> bool {
    !text.is_empty()
        && text.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

/// Says what is wrong with a text that should be the key of a place, asset, step or the like.
pub(super) fn check_id(text: &str) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!("an id has at most {LONGEST} letters"));
    }
    if !is_kebab(text) || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(format!(
            "`{}` is not an id: ids are kebab-case, such as `restore-db`",
            text.escape_debug()
        ));
    }
    Ok(())
}

fn check_reference(text: &str) -> Result<(), String> {
    // Secrets are needed like anything else, and have the names of variables.
    if is_name(text) {
        return Ok(());
    }
    let mut parts = text.split(['.', '/', '@']);
    check_id(parts.next().unwrap_or_default())?;
    for part in parts {
        if !is_kebab(part) || part.len() > LONGEST {
            return Err(format!(
                "`{}` is not an id: ids are kebab-case, such as `restore-db`",
                text.escape_debug()
            ));
        }
    }
    Ok(())
}

/// Says what is wrong with a reference in a file. What a person writes is held to the schema before; in the plan that is
/// frozen into a run, a secret of an imported plan may be needed by its path, such as `network/AGE_KEY`.
fn check_stored_reference(text: &str) -> Result<(), String> {
    check_reference(text).or_else(|why| check_stored_name(text).map_err(|_| why))
}

/// Says what is wrong with a variable in a file: as for references, secrets of imported plans have a path.
fn check_stored_name(text: &str) -> Result<(), String> {
    check_behind_prefix(text, check_name)
}

/// Says what is wrong with a name behind the prefix of an imported plan, or without one.
pub(super) fn check_behind_prefix(
    text: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<(), String> {
    match text.rsplit_once('/') {
        Some((prefix, own)) => check_reference(prefix).and_then(|()| check(own)),
        None => check(text),
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.split('_').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        })
}

/// Says what is wrong with a text that should name a variable.
pub(super) fn check_name(text: &str) -> Result<(), String> {
    if !is_name(text) {
        return Err(format!(
            "`{}` is not a variable's name: they are UPPER_SNAKE, such as `DB_NAME`",
            text.escape_debug()
        ));
    }
    Ok(())
}

fn check_field(text: &str) -> Result<(), String> {
    let shaped = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if shaped && text.len() <= LONGEST {
        Ok(())
    } else {
        Err(format!("`{}` is not the name of an input: they are snake_case", text.escape_debug()))
    }
}

fn check_run_id(text: &str) -> Result<(), String> {
    let fine = !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fine { Ok(()) } else { Err(format!("`{}` is not the id of a run", text.escape_debug())) }
}

impl Id {
    /// Whether it is that step or a part of it: of its recipe, its child plan or its `each`.
    pub fn is_of(&self, whole: &str) -> bool {
        let rest = self.as_str().strip_prefix(whole);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '@']))
    }

    /// Returns the id of a part of this one: `restore` and `unpack` make `restore/unpack`.
    #[must_use]
    pub fn join(&self, part: &Self) -> Self {
        Self::trusted(format!("{self}/{part}"))
    }
}

impl Name {
    /// What a step that restores from a copy is told of the recovery point.
    pub const OF_POINT: [&'static str; 5] =
        ["POINT_PATH", "POINT_TIME", "POINT_ID", "POINT_COPY", "POINT_BEFORE"];

    /// Returns the name under which commands know it: that of an imported plan has a path, which no shell takes.
    pub fn in_commands(&self) -> &str {
        self.as_str().rsplit('/').next().unwrap_or_default()
    }
}

impl JsonSchema for Id {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "The id of something in the plan, in kebab-case.",
            "pattern": REFERENCE_PATTERN,
        })
    }
}

impl JsonSchema for Name {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "The name of a variable, secret or output, in UPPER_SNAKE.",
            "pattern": NAME_PATTERN,
            "maxLength": LONGEST,
        })
    }
}

impl JsonSchema for RunId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RunId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "The id of a run." })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kebab_case() {
        for good in ["a", "vps-00", "restore-db", "db2"] {
            assert_eq!(check_id(good), Ok(()), "{good}");
        }
        for bad in ["", "A", "2db", "a_b", "a--b", "-a", "a-", "a b", "ä", "a/b", "a.b"] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn references_may_have_parts() {
        for good in ["nightly.s3", "network/dns", "notify@eu", "restore/unpack", "each@2"] {
            assert!(good.parse::<Id>().is_ok(), "{good}");
        }
        for bad in ["a//b", "a/", "/a", "a.B", "../x"] {
            assert!(bad.parse::<Id>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_upper_snake() {
        assert!("DB_NAME".parse::<Name>().is_ok());
        for bad in ["db", "DB-NAME", "_DB", "DB_", "1DB", "A__B", ""] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
