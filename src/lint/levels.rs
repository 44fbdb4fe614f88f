//! What to make of what each rule finds: from `drplan.yaml` and from flags.

use std::collections::HashMap;

use super::Stage;
use super::rules::RULES;
use crate::finding::{Level, RuleMeta, Severity};
use crate::value::did_you_mean;

/// The word that stands for every warning.
const WARNINGS: &str = "warnings";

/// A rule that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule `{name}`")]
pub struct UnknownRule {
    /// The name.
    pub name: String,
    /// What may have been meant.
    pub hint: Option<String>,
}

/// What to make of what each rule finds.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    levels: HashMap<&'static str, Level>,
    deny_warnings: bool,
}

impl Levels {
    /// Sets the level of a rule, over what was set before; `warnings` may be denied as a whole.
    ///
    /// # Errors
    ///
    /// When nobody knows the rule.
    pub fn set(&mut self, name: &str, level: Level) -> Result<(), UnknownRule> {
        if name == WARNINGS && level == Level::Deny {
            self.deny_warnings = true;
            return Ok(());
        }
        let meta = meta_of(name).ok_or_else(|| unknown(name))?;
        self.levels.insert(meta.name, level);
        Ok(())
    }

    /// Returns the severity of what a rule finds; nothing if it is allowed.
    pub(super) fn severity(&self, meta: &RuleMeta) -> Option<Severity> {
        self.levels.get(meta.name).copied().unwrap_or(meta.level).severity()
    }

    /// Returns the severity with which something is told in the end.
    pub const fn told_as(&self, severity: Severity) -> Severity {
        match severity {
            Severity::Warning if self.deny_warnings => Severity::Error,
            other => other,
        }
    }
}

/// Returns what is known of a rule.
pub fn meta_of(name: &str) -> Option<RuleMeta> {
    RULES.iter().map(|rule| rule.meta()).find(|meta| meta.name == name)
}

/// Whether a rule looks at names alone: what it finds leaves no route to be found.
pub fn is_of_names(name: &str) -> bool {
    RULES.iter().any(|rule| rule.meta().name == name && rule.stage() == Stage::Names)
}

/// Says that nobody knows a rule, and what may have been meant.
pub fn unknown(name: &str) -> UnknownRule {
    let known: Vec<&str> = RULES.iter().map(|rule| rule.meta().name).collect();
    UnknownRule { name: name.to_owned(), hint: did_you_mean(name, known) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts() {
        let mut levels = Levels::default();
        let meta = meta_of("asset-without-health").unwrap();
        assert_eq!(levels.severity(&meta), Some(Severity::Warning));
        levels.set(meta.name, Level::Deny).unwrap();
        levels.set(meta.name, Level::Allow).unwrap();
        assert_eq!(levels.severity(&meta), None);
        assert_eq!(levels.told_as(Severity::Warning), Severity::Warning);
        levels.set("warnings", Level::Deny).unwrap();
        assert_eq!(levels.told_as(Severity::Warning), Severity::Error);
    }

    #[test]
    fn a_slip_gets_a_hint() {
        let error = Levels::default().set("asset-without-helth", Level::Deny).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `asset-without-health`?"));
        assert!(Levels::default().set("warnings", Level::Allow).is_err());
    }
}
