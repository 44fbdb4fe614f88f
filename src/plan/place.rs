//! Places: failure domains, what can be lost as one.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Need;
use crate::value::{Id, Name, Scalar, ShortForm, Table, short_form};

/// A failure domain: a site, a host, an account, a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// What it is, such as `site`, `host`, `account`, `bucket`.
    pub kind: Id,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The places that it is lost with: any of them, unless `{ any, at_least }` says otherwise.
    #[serde(default, rename = "in", skip_serializing_if = "Vec::is_empty")]
    pub in_: Vec<Need>,
    /// False if it is not there before a step provides it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub exists: bool,
    /// True if drplan itself may run there.
    #[serde(default, skip_serializing_if = "is_no")]
    pub controller: bool,
    /// How it is reached; without it, it is acted on from the controller with its `vars`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<Ssh>,
    /// Variables for everything that is done there.
    #[serde(default, skip_serializing_if = "Table::is_nothing")]
    pub vars: Table<Name, Scalar>,
    /// Places whose login may destroy the copies here; `[]` is the claim that none can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erasable_by: Option<Vec<Id>>,
    /// What using it takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_yes(flag: &bool) -> bool {
    *flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_no(flag: &bool) -> bool {
    !*flag
}

/// How a host is reached: `user@host`, or a mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ssh {
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The host's name or address, or the output of a step that gives it.
    pub address: String,
    /// The port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The host's public key, or the output of a step that gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
}

impl Ssh {
    /// Fills in values: a name stands for the output of the step that has built the host, or for a variable.
    ///
    /// # Errors
    ///
    /// When the host's key is a name without a value, or the address is none; in words.
    pub fn filled(&self, place: &Id, values: &BTreeMap<String, String>) -> Result<Self, String> {
        let filled = |text: &String| match (text.parse::<Name>(), values.get(text)) {
            (Ok(_), Some(value)) => value.clone(),
            // `ssh: user@HOST` may be a name in capitals.
            _ => text.clone(),
        };
        let host_key = match &self.host_key {
            Some(name) if name.parse::<Name>().is_ok() && !values.contains_key(name) => {
                return Err(format!("the key of {place} is {name}, which has no value here"));
            }
            Some(key) => Some(filled(key)),
            None => None,
        };
        let address = filled(&self.address);
        if address.starts_with('-') || address.chars().any(char::is_whitespace) {
            return Err(format!("the address of {place} is no address: {address}"));
        }
        Ok(Self { user: self.user.clone(), address, port: self.port, host_key })
    }
}

/// How a host is reached, written out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SshLong")]
pub struct SshLong {
    /// The user.
    user: Option<String>,
    /// The host's name or address, or the name of the output of a step that gives it.
    #[schemars(length(min = 1))]
    address: String,
    /// The port.
    port: Option<u16>,
    /// The host's public key, or the name of the output of a step that gives it.
    host_key: Option<String>,
}

impl ShortForm for Ssh {
    type Long = SshLong;
    type Short = String;
    const EXPECTED: &'static str = "`user@host`, or a mapping with `address`";
    const NAME: &'static str = "Ssh";

    fn from_long(SshLong { user, address, port, host_key }: SshLong) -> Result<Self, String> {
        if address.is_empty() {
            return Err("the address is empty".into());
        }
        Ok(Self { user, address, port, host_key })
    }

    fn from_short(text: String) -> Result<Self, String> {
        let (user, address) = match text.split_once('@') {
            Some((user, address)) => (Some(user.to_owned()), address.to_owned()),
            None => (None, text),
        };
        Ok(Self { user, address, port: None, host_key: None })
    }
}

short_form!(Ssh);
