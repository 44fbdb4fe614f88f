//! What a recovery point must hold at least: fresh and intact but empty is no backup.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Percent, ShortForm, Size, short_form};

/// What every recovery point of a copy must hold at least. What is asked for and cannot be learned is a failure too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct Floor {
    /// The least size of a point, as it lies there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// The least number of rows, keys or documents; the probe must tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The least number of files; the probe must tell it, or the point is a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Tables that must be in it: a list of names, or a mapping with the least number of rows of each. `messages` stands for a
    /// table of that name in any schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tables: Option<RequiredTables>,
    /// Paths that must be in it; the probe must tell them, or the point is a folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// By how much size, rows and files may be less than those of the point before, such as `20%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Percent>,
}

/// Tables that must be there, each with the least number of its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RequiredTables(pub IndexMap<String, u64>);

/// Tables with the least number of rows of each.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct TableRows(#[schemars(with = "std::collections::BTreeMap<String, u64>")] IndexMap<String, u64>);

/// The names of tables.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct TableNames(Vec<String>);

impl ShortForm for RequiredTables {
    type Long = TableRows;
    type Short = TableNames;
    const EXPECTED: &'static str = "a list of tables, or a mapping from each to its least number of rows";
    const NAME: &'static str = "RequiredTables";

    fn from_long(TableRows(rows): TableRows) -> Result<Self, String> {
        Ok(Self(rows))
    }

    fn from_short(TableNames(names): TableNames) -> Result<Self, String> {
        Ok(Self(names.into_iter().map(|name| (name, 0)).collect()))
    }
}

short_form!(RequiredTables);
