//! What a dry run has looked at, and who was told what: sections of the report.

use super::Report;
use super::markdown::cell;
use crate::event::{Confined, Found};
use crate::value::Id;

/// Writes what the real thing needs and whether it is there.
pub(super) fn looked_at(report: &Report, text: &mut String) {
    let Some((by, note)) = report.confined.as_ref().map(|confined| (confined.by, &confined.note)) else {
        return;
    };
    let confined = match by {
        Confined::Nothing => "Probes were **not confined**: they could have written files",
        Confined::Mounts | Confined::Landlock => "Probes were confined",
    };
    text.push_str(&format!("## Looked at\n\n{confined}. {}.\n\n", cell(note)));
    if report.checks.is_empty() {
        return;
    }
    text.push_str("| What | For | There | Found |\n|--|--|--|--|\n");
    for check in &report.checks {
        let there = match check.found {
            Found::Met => "✅ yes",
            Found::Unmet => "❌ NO",
            Found::Unknown | Found::Broken => "❔ unknown",
        };
        let steps: Vec<String> = check.steps.iter().map(|step: &Id| format!("`{step}`")).collect();
        let steps = if steps.is_empty() { "the run".to_owned() } else { steps.join(", ") };
        text.push_str(&format!("| {} | {steps} | {there} | {} |\n", cell(&check.what), cell(&check.note)));
    }
    text.push('\n');
}

/// Writes which values only the real thing will know.
pub(super) fn unknown(report: &Report, text: &mut String) {
    let steps: Vec<_> = report.steps.iter().filter(|step| !step.unknown.is_empty()).collect();
    if steps.is_empty() {
        return;
    }
    text.push_str("## Not known before the real thing\n\n");
    for step in steps {
        let names: Vec<String> = step.unknown.iter().map(|name| format!("`${name}`")).collect();
        text.push_str(&format!("- `{}` uses {}\n", step.id, names.join(", ")));
    }
    text.push('\n');
}

/// Writes who was told of what, and who could not be.
pub(super) fn told(report: &Report, text: &mut String) {
    if report.deliveries.is_empty() {
        return;
    }
    text.push_str("## Who was told\n\n| When | Whom | Of what | Arrived |\n|--|--|--|--|\n");
    for delivery in &report.deliveries {
        let about = delivery.step.as_ref().map(|step| format!(" `{step}`")).unwrap_or_default();
        let arrived = match &delivery.failure {
            None => "yes".to_owned(),
            Some(why) => format!("**no**, tried {} times: {}", delivery.attempts, cell(why)),
        };
        text.push_str(&format!(
            "| {} | {} | {}{about} | {arrived} |\n",
            delivery.at.for_people(),
            cell(&delivery.to),
            cell(&delivery.of)
        ));
    }
    text.push('\n');
}
