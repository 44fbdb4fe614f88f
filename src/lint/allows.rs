//! What people have allowed: comments in the plan, and exceptions of the policy.

use std::collections::HashSet;

use super::levels::{meta_of, unknown};
use super::rules::{UNKNOWN_RULE, UNUSED_ALLOW};
use super::{Levels, Subject};
use crate::document::{KeyPath, Part, Place, Sources, Span};
use crate::finding::Finding;
use crate::resolve::Import;
use crate::value::Date;
use crate::workspace::Opened;

/// What people have allowed in a plan, and what of it was of use.
pub(super) struct Allows<'a> {
    opened: &'a Opened,
    as_of: &'a Date,
    used: HashSet<Span>,
    /// The positions of the exceptions that fitted something.
    used_exceptions: HashSet<usize>,
}

impl<'a> Allows<'a> {
    pub(super) fn new(opened: &'a Opened, as_of: &'a Date) -> Self {
        Self { opened, as_of, used: HashSet::new(), used_exceptions: HashSet::new() }
    }

    /// Returns a finding unless somebody has allowed it; says so if the leave has run out.
    pub(super) fn judge(&mut self, finding: Finding, about: &Subject, sources: &Sources) -> Option<Finding> {
        let place = finding.primary.place;
        let imports = &self.opened.imports.plans;
        if let Some(import) = imports.iter().find(|import| import.document.source == place.source) {
            let line = sources.get(place.source).line_of(place.span.start);
            let mut here = import.document.allows.iter().filter(|allow| allow.line == line);
            let is_allowed = here.any(|allow| allow.rules.iter().any(|(rule, _)| rule == finding.code));
            if is_allowed || self.is_excepted_there(import, &finding, about) {
                return None;
            }
        }
        if place.source == self.opened.source
            && let Some(document) = &self.opened.document
        {
            let line = sources.get(place.source).line_of(place.span.start);
            let here = document.allows.iter().filter(|allow| allow.line == line);
            let rules = here.flat_map(|allow| &allow.rules);
            let mut allowed = false;
            for (_, span) in rules.filter(|(rule, _)| rule == finding.code) {
                self.used.insert(*span);
                allowed = true;
            }
            if allowed {
                return None;
            }
        }
        self.except(finding, about)
    }

    /// What an imported plan has excepted for itself stays excepted.
    fn is_excepted_there(&self, import: &Import, finding: &Finding, about: &Subject) -> bool {
        let about = about.within_import(&import.prefix);
        import.plan.policy.exceptions.iter().any(|exception| {
            exception.rule.as_str() == finding.code
                && about.is_excepted_by(exception)
                && self.as_of.as_str() <= exception.until.as_str()
        })
    }

    fn except(&mut self, mut finding: Finding, about: &Subject) -> Option<Finding> {
        let exceptions = self.opened.plan.iter().flat_map(|plan| &plan.policy.exceptions).enumerate();
        let fitting = exceptions.filter(|(_, exception)| {
            exception.rule.as_str() == finding.code && about.is_excepted_by(exception)
        });
        let mut ended = None;
        for (at, exception) in fitting {
            self.used_exceptions.insert(at);
            if self.as_of.as_str() <= exception.until.as_str() {
                return None;
            }
            ended = Some((at, exception));
        }
        if let (Some((at, exception)), Some(document)) = (ended, &self.opened.document) {
            let path = KeyPath::root().key("policy").key("except").index(at).key("until");
            let text = format!("the exception has ended on {}", exception.until.as_str());
            finding = finding.related(document.place(&path, Part::Value), text);
        }
        Some(finding)
    }

    fn comments(&self) -> impl Iterator<Item = (&'a str, Span)> {
        let allows = self.opened.document.iter().flat_map(|document| &document.allows);
        allows.flat_map(|allow| &allow.rules).map(|(rule, span)| (rule.as_str(), *span))
    }

    /// Tells of comments and exceptions that allow what nothing finds.
    pub(super) fn unused(&self, levels: &Levels) -> Vec<Finding> {
        let Some(severity) = levels.severity(&UNUSED_ALLOW) else { return Vec::new() };
        // A rule that is switched off finds nothing; what allows it waits for the day when it is on again.
        let is_on = |rule: &str| meta_of(rule).is_some_and(|meta| levels.severity(&meta).is_some());
        let idle = self.comments().filter(|(rule, span)| is_on(rule) && !self.used.contains(span));
        let comments = idle.map(|(rule, span)| {
            let message = format!("`{rule}` finds nothing here that this comment could allow");
            let place = Place { source: self.opened.source, span };
            let mut finding = Finding::warning(UNUSED_ALLOW.name, message).at(place, "of no use");
            finding.severity = severity;
            finding.help("remove it, or put it on the line that the finding points at, or alone above it")
        });
        let exceptions = self.opened.plan.iter().flat_map(|plan| &plan.policy.exceptions).enumerate();
        let idle = exceptions
            .filter(|(at, exception)| is_on(exception.rule.as_str()) && !self.used_exceptions.contains(at));
        let exceptions = idle.filter_map(|(at, exception)| {
            let path = KeyPath::root().key("policy").key("except").index(at).key("rule");
            let place = self.opened.document.as_ref()?.place(&path, Part::Value);
            let message = format!("`{}` finds nothing that this exception could allow", exception.rule);
            let mut finding = Finding::warning(UNUSED_ALLOW.name, message).at(place, "of no use");
            finding.severity = severity;
            Some(finding.help("remove it; if it is still wanted, its asset, scenario, step or place must be the one that the finding is about"))
        });
        comments.chain(exceptions).collect()
    }

    /// Tells of names of rules that nobody knows, in comments and in exceptions.
    pub(super) fn unknown(&self, levels: &Levels) -> Vec<Finding> {
        let Some(severity) = levels.severity(&UNKNOWN_RULE) else { return Vec::new() };
        let is_strange = |rule: &str| meta_of(rule).is_none();
        let comments = self.comments().filter(|(rule, _)| is_strange(rule));
        let comments = comments.map(|(rule, span)| (rule, Place { source: self.opened.source, span }));
        let exceptions = self.opened.plan.iter().flat_map(|plan| &plan.policy.exceptions).enumerate();
        // A place is asked for only where there is something to tell: the tree may have been let go.
        let exceptions = exceptions.filter(|(_, exception)| is_strange(exception.rule.as_str()));
        let exceptions = exceptions.filter_map(|(at, exception)| {
            let path = KeyPath::root().key("policy").key("except").index(at).key("rule");
            let place = self.opened.document.as_ref()?.place(&path, Part::Value);
            Some((exception.rule.as_str(), place))
        });
        let strange = comments.chain(exceptions);
        strange
            .map(|(rule, place)| {
                let error = unknown(rule);
                let mut finding =
                    Finding::error(UNKNOWN_RULE.name, error.to_string()).at(place, "no such rule");
                finding.severity = severity;
                let list = "`drplan explain` lists the rules; faults of shape cannot be allowed".to_owned();
                finding.help(error.hint.unwrap_or(list))
            })
            .collect()
    }
}
