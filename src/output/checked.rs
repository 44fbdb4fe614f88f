//! What was found, in order and counted.

use schemars::JsonSchema;
use serde::Serialize;

use crate::document::{SourceId, Sources};
use crate::finding::{Finding, Severity};

/// What checking some plans has found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What was found, in the order in which it is shown.
    pub findings: Vec<Finding>,
    /// The plans that were checked.
    pub plans: Vec<SourceId>,
}

impl Checked {
    /// Keeps what was found, in order.
    pub fn new(mut findings: Vec<Finding>, plans: Vec<SourceId>, sources: &Sources) -> Self {
        sort(&mut findings, sources);
        Self { findings, plans }
    }

    /// Counts the findings.
    pub fn counts(&self) -> Counts {
        let count = |severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        Counts {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
        }
    }

    /// Returns one line that says how it went: `2 errors, 1 warning in 3 plans`.
    pub fn summary(&self) -> String {
        let Counts { errors, warnings, notes } = self.counts();
        let parts: Vec<String> = [(errors, "error"), (warnings, "warning"), (notes, "note")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| counted(count, word))
            .collect();
        let found = if parts.is_empty() { "no problems".to_owned() } else { parts.join(", ") };
        format!("{found} in {}", counted(self.plans.len(), "plan"))
    }
}

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Notes.
    pub notes: usize,
}

/// Sorts findings by the name of their file, their place in it and their code.
pub fn sort(findings: &mut [Finding], sources: &Sources) {
    let key = |finding: &Finding| {
        let place = finding.primary.place;
        (place.source, place.span, finding.code)
    };
    findings.sort_by(|left, right| {
        let name = |finding: &Finding| sources.get(finding.primary.place.source).name.as_str();
        name(left)
            .cmp(name(right))
            .then_with(|| start_of(left).cmp(&start_of(right)))
            .then_with(|| left.code.cmp(right.code))
            // Whatever is left must not depend on the order in which the rules ran.
            .then_with(|| key(left).cmp(&key(right)))
            .then_with(|| left.message.cmp(&right.message))
    });
}

const fn start_of(finding: &Finding) -> u32 {
    finding.primary.place.span.start
}

fn counted(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use Severity::{Error, Note, Warning};

    use super::*;
    use crate::document::{Place, Span};

    fn finding(code: &'static str, source: SourceId, start: u32, severity: Severity) -> Finding {
        let place = Place { source, span: Span { start, end: start + 1 } };
        let mut finding = Finding::error(code, "message").at(place, "");
        finding.severity = severity;
        finding
    }

    #[test]
    fn the_summary_knows_one_from_many() {
        let mut sources = Sources::default();
        let id = sources.add("a", "text");
        let of = |severities: &[Severity], plans| {
            let findings = severities.iter().map(|severity| finding("c", id, 0, *severity)).collect();
            Checked { findings, plans: vec![id; plans] }.summary()
        };
        assert_eq!(of(&[Error, Warning, Error], 3), "2 errors, 1 warning in 3 plans");
        assert_eq!(of(&[Error], 1), "1 error in 1 plan");
        assert_eq!(of(&[Note, Warning, Note, Warning], 2), "2 warnings, 2 notes in 2 plans");
        assert_eq!(of(&[], 1), "no problems in 1 plan");
        assert_eq!(of(&[], 0), "no problems in 0 plans");
    }

    #[test]
    fn the_order_is_file_place_code() {
        let mut sources = Sources::default();
        let (b, a) = (sources.add("b", "text"), sources.add("a", "text"));
        let findings = [("z", b, 0), ("y", a, 2), ("z", a, 1), ("x", a, 1)]
            .map(|(code, source, start)| finding(code, source, start, Severity::Error));
        let checked = Checked::new(findings.to_vec(), vec![a, b], &sources);
        let order: Vec<_> = checked
            .findings
            .iter()
            .map(|finding| (finding.primary.place.source, finding.primary.place.span.start, finding.code))
            .collect();
        assert_eq!(order, [(a, 1, "x"), (a, 1, "z"), (a, 2, "y"), (b, 0, "z")]);
    }
}
