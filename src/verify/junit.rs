//! What was seen, as a JUnit report: a suite a plan, in it a test for each copy, each job, each step that restores and each asset.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Problem, Severity, Verification};
use crate::value::plain;

/// Writes the report. What fails, and what nobody can know, are failed tests; a warning is a skipped one, as in the reports of
/// `drplan check`.
///
/// # Errors
///
/// When it cannot be written as XML.
pub fn junit(verification: &Verification) -> Result<String, String> {
    let mut report = Report::new("drplan verify");
    for plan in &verification.plans {
        let mut suite = TestSuite::new(plain(&plan.file));
        suite.extra.insert("hostname".into(), "localhost".into());
        suite.extra.insert(
            "timestamp".into(),
            verification.as_of.to_string().trim_end_matches('Z').to_owned().into(),
        );
        for copy in &plan.copies {
            suite.add_test_case(test(copy.copy.as_str(), plan.plan.as_str(), &copy.problems));
        }
        for job in &plan.jobs {
            suite.add_test_case(test(&format!("job of {}", job.backup), plan.plan.as_str(), &job.problems));
        }
        for restore in &plan.restores {
            let scenarios = restore.scenarios.iter().map(|id| format!(" in {id}")).collect::<String>();
            let name = format!("restore by {}{scenarios}", restore.step);
            suite.add_test_case(test(&name, plan.plan.as_str(), &restore.problems));
        }
        for asset in &plan.assets {
            suite.add_test_case(test(asset.asset.as_str(), plan.plan.as_str(), &asset.problems));
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| error.to_string())
}

fn test(name: &str, plan: &str, problems: &[Problem]) -> TestCase {
    let told: Vec<&Problem> = problems.iter().filter(|problem| problem.severity > Severity::Note).collect();
    let mut status = match told.iter().max_by_key(|problem| problem.severity) {
        None => TestCaseStatus::success(),
        Some(worst) if worst.severity == Severity::Warning => TestCaseStatus::skipped(),
        Some(worst) => {
            let kind = match worst.severity {
                Severity::Unknown => NonSuccessKind::Error,
                Severity::Note | Severity::Warning | Severity::Failure => NonSuccessKind::Failure,
            };
            let mut status = TestCaseStatus::non_success(kind);
            status.set_type(worst.kind.word());
            status
        }
    };
    if let Some(first) = told.first() {
        let lines: Vec<String> = told
            .iter()
            .map(|problem| {
                format!(
                    "{}: {}\n  help: {}",
                    problem.severity.as_str(),
                    plain(&problem.what),
                    plain(&problem.help)
                )
            })
            .collect();
        status.set_message(plain(&first.what)).set_description(lines.join("\n"));
    }
    let mut test = TestCase::new(name, status);
    test.set_classname(plan);
    test
}
