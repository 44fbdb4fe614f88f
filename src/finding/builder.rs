//! A finding, and the way to make one: never without a place.

use super::{Fix, Severity};
use crate::document::{Issue, Place, SourceId};

/// A place and what is to be said there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub place: Place,
    /// What is to be said there: a few words.
    pub text: String,
}

/// Something that is wrong in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that found it, or the name of the fault.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// Where.
    pub primary: Label,
    /// Other places that belong to it.
    pub related: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// What `drplan fix` would write.
    pub fix: Option<Fix>,
}

/// A finding that has no place yet.
#[derive(Clone, Debug)]
#[must_use]
pub struct FindingBuilder {
    code: &'static str,
    severity: Severity,
    message: String,
}

impl FindingBuilder {
    /// Gives the finding its place.
    pub fn at(self, place: Place, text: impl Into<String>) -> Finding {
        Finding {
            code: self.code,
            severity: self.severity,
            message: self.message,
            primary: Label { place, text: text.into() },
            related: Vec::new(),
            help: None,
            fix: None,
        }
    }
}

impl Finding {
    /// Begins an error.
    pub fn error(code: &'static str, message: impl Into<String>) -> FindingBuilder {
        FindingBuilder { code, severity: Severity::Error, message: message.into() }
    }

    /// Begins a warning.
    pub fn warning(code: &'static str, message: impl Into<String>) -> FindingBuilder {
        FindingBuilder { code, severity: Severity::Warning, message: message.into() }
    }

    /// Adds another place that belongs to it.
    #[must_use]
    pub fn related(mut self, place: Place, text: impl Into<String>) -> Self {
        self.related.push(Label { place, text: text.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what to do, if anything is known.
    #[must_use]
    pub fn maybe_help(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// Says what mends it, if there is one safe mend.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<Option<Fix>>) -> Self {
        self.fix = fix.into();
        self
    }

    /// Returns the texts in which it has places.
    pub fn sources(&self) -> impl Iterator<Item = SourceId> {
        let labels = std::iter::once(&self.primary).chain(&self.related).map(|label| label.place.source);
        let edits = self.fix.iter().flat_map(|fix| &fix.edits).map(|edit| edit.place.source);
        labels.chain(edits)
    }

    /// Moves its places to the same texts of another list.
    pub fn move_to(&mut self, moved: &dyn Fn(SourceId) -> SourceId) {
        for label in std::iter::once(&mut self.primary).chain(&mut self.related) {
            label.place.source = moved(label.place.source);
        }
        for edit in self.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
            edit.place.source = moved(edit.place.source);
        }
    }

    /// Makes a finding of what was wrong in a text.
    pub fn from_issue(source: SourceId, issue: Issue) -> Self {
        let begin = if issue.is_warning { Self::warning } else { Self::error };
        let mut finding = begin(issue.code, issue.message)
            .at(Place { source, span: issue.span }, "here")
            .maybe_help(issue.help);
        if let Some(replacement) = issue.replacement {
            let title = format!("write `{replacement}`");
            finding = finding.fix(Fix::one(title, Place { source, span: issue.span }, replacement));
        }
        if let Some((span, text)) = issue.other {
            finding = finding.related(Place { source, span }, text);
        }
        finding
    }
}
