//! Findings as a JUnit report: a suite for each file, in it a test for each rule that has found something.
//!
//! Tests fail exactly where `drplan check` does: for errors. What is only worth a warning is a skipped test, the one
//! other state that the format has. It fits the schema of Apache Ant, which every reader of JUnit reports knows.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::home::Home;
use super::told::{Site, Told, line};
use super::{About, Checked, visible};
use crate::document::Sources;
use crate::finding::{Finding, Severity};

pub(super) fn write(
    checked: &Checked,
    sources: &Sources,
    about: &About<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    // Clean files have a suite too. A map, since a recipe is read again for each plan beside it.
    let home = |source| Home::new(&sources.get(source).name, about);
    let mut files: BTreeMap<Home, BTreeMap<&str, Vec<&Finding>>> =
        checked.plans.iter().map(|plan| (home(*plan), BTreeMap::new())).collect();
    for finding in &checked.findings {
        let rules = files.entry(home(finding.primary.place.source)).or_default();
        rules.entry(finding.code).or_default().push(finding);
    }
    let mut report = Report::unnamed();
    for (home, rules) in &files {
        let name = visible::line(home.path()).into_owned();
        let mut tests: Vec<TestCase> = rules
            .iter()
            .map(|(code, findings)| {
                let status = status_of(code, findings, checked, sources, about);
                test(code, &name, status)
            })
            .collect();
        if tests.is_empty() {
            tests.push(test("check", &name, TestCaseStatus::success()));
        }
        add_suite(&mut report, &name, tests, about);
    }
    if !about.unread.is_empty() {
        let tests = about.unread.iter().map(|message| {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("unread").set_message(visible::line(message));
            test(&visible::line(message), "drplan", status)
        });
        add_suite(&mut report, "drplan", tests.collect(), about);
    }
    let text = report.to_string().map_err(io::Error::other)?;
    write!(out, "{}", with_bare_root(&text))
}

/// Returns what came of a rule in a file.
fn status_of(
    code: &str,
    findings: &[&Finding],
    checked: &Checked,
    sources: &Sources,
    about: &About<'_>,
) -> TestCaseStatus {
    let worst = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Note);
    let mut status = if worst == Severity::Error {
        let mut failure = TestCaseStatus::non_success(NonSuccessKind::Failure);
        // The schema knows no type of a skipped test.
        failure.set_type(code);
        failure
    } else {
        TestCaseStatus::skipped()
    };
    let first = findings.first().map(|finding| visible::line(&finding.message)).unwrap_or_default();
    let message = match findings.len() {
        0 | 1 => first.into_owned(),
        many => format!("{first} (and {} more)", many - 1),
    };
    let texts: Vec<String> =
        findings.iter().map(|finding| text_of(finding, checked, sources, about)).collect();
    status.set_message(message).set_description(texts.join("\n\n"));
    status
}

/// Returns a finding as lines: its place, its message, what belongs to it, and what to do.
fn text_of(finding: &Finding, checked: &Checked, sources: &Sources, about: &About<'_>) -> String {
    let told = Told::new(finding, checked, sources, about);
    let site = Site::new(finding.primary.place, sources, about);
    let message = format!("{}: {}", finding.severity.as_str(), finding.message);
    let mut lines = vec![line(&site, &message)];
    lines.extend(told.related_lines().map(|line| format!("  {line}")));
    lines.extend(told.inner.iter().map(|line| format!("  {line}")));
    lines.extend(told.help_line().map(|help| format!("  {}", help.replace('\n', "\n  "))));
    lines.join("\n")
}

fn test(name: &str, class: &str, status: TestCaseStatus) -> TestCase {
    let mut test = TestCase::new(name, status);
    test.set_classname(class).set_time(Duration::ZERO);
    test
}

/// Adds a suite with all that the schema asks for, though nothing was timed and no host matters.
fn add_suite(report: &mut Report, name: &str, tests: Vec<TestCase>, about: &About<'_>) {
    let mut suite = TestSuite::new(name);
    let id = report.test_suites.len().to_string();
    // The schema wants a moment without a time zone; the day is what the answer depends on.
    let moment = format!("{}T00:00:00", about.as_of);
    for (key, value) in
        [("package", "drplan"), ("id", &id), ("hostname", "localhost"), ("timestamp", &moment)]
    {
        suite.extra.insert(key.into(), value.into());
    }
    suite.add_property(Property::new("as_of", about.as_of.as_str()));
    suite.set_time(Duration::ZERO).set_system_out("").set_system_err("").add_test_cases(tests);
    report.add_test_suite(suite);
}

/// Takes the sums off the outermost element, for which the schema knows no attributes. They are numbers only.
fn with_bare_root(xml: &str) -> String {
    const ROOT: &str = "<testsuites";
    let Some((before, (_, after))) =
        xml.split_once(ROOT).and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
    else {
        return xml.to_owned();
    };
    format!("{before}{ROOT}>{after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::{about, nth};

    fn xml(checked: &Checked, sources: &Sources, about: &About<'_>) -> String {
        let mut out = Vec::new();
        write(checked, sources, about, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn errors_fail_warnings_are_skipped_and_clean_files_pass() {
        let mut sources = Sources::default();
        let [a, b, c] = ["a.yaml", "b.yaml", "c.yaml"].map(|name| sources.add(name, "x: 1\ny: 2\n"));
        let place = |id| nth(&sources, id, "x", 0);
        let findings = vec![
            Finding::error("code-e", "one").at(place(a), ""),
            Finding::error("code-e", "two").at(place(a), ""),
            Finding::warning("code-w", "three").at(place(b), ""),
        ];
        let text = xml(&Checked { findings, plans: vec![a, b, c] }, &sources, &about());
        assert!(text.contains("<testsuites>"), "{text}");
        assert_eq!(text.matches("<testsuite ").count(), 3, "{text}");
        assert_eq!(text.matches("<failure ").count(), 1, "{text}");
        assert!(text.contains("one (and 1 more)") && text.contains("error: two"), "{text}");
        assert_eq!(text.matches("<skipped ").count(), 1, "{text}");
        assert!(text.contains("<testcase name=\"check\" classname=\"plans/c.yaml\""), "{text}");
    }

    #[test]
    fn what_xml_forbids_is_shown_as_its_escape() {
        let mut sources = Sources::default();
        let id = sources.add("a\u{1}\"<&>\u{ffff}.yaml", "x: 1\n");
        let finding = Finding::error("code", "a\u{0}b\u{1b}[31m]]>\u{fffe}<c>\n")
            .at(nth(&sources, id, "x", 0), "")
            .help("d\u{8}");
        let unread = ["e\u{2}".to_owned()];
        let about = About { unread: &unread, ..about() };
        let text = xml(&Checked { findings: vec![finding], plans: vec![id] }, &sources, &about);
        let is_allowed = |c: char| matches!(c, '\n' | ' '..='\u{fffd}' | '\u{10000}'..);
        assert!(text.chars().all(is_allowed), "{text:?}");
        assert!(text.contains(r"a\x00b\x1b[31m]]&gt;\ufffe&lt;c&gt;\n"), "{text}");
        assert!(text.contains(r"plans/a\x01&quot;&lt;&amp;&gt;\uffff.yaml"), "{text}");
        assert!(text.contains(r"d\x08") && text.contains(r"e\x02"), "{text}");
    }
}
