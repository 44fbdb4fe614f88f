//! What a person has signed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a person has signed, and the signature: all that is needed, with the plan's key, to check it again.
///
/// `ssh-keygen -Y verify -n drplan-approval@v1` does so over the exact bytes of `statement`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The text that was signed.
    pub statement: String,
    /// The armored SSH signature (SSHSIG).
    pub signature: String,
    /// The fingerprint of the key in the plan, such as `SHA256:…`.
    pub key: String,
}

impl Proof {
    /// Returns what makes the statement the only one of its kind: its last line.
    pub fn nonce(&self) -> Option<&str> {
        self.statement.lines().next_back()?.strip_prefix("nonce: ")
    }
}
