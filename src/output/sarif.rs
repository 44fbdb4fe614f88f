//! Findings as SARIF 2.1.0, which code scanning of forges and editors read.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use serde_json::{Value, json};
use serde_sarif::sarif::{
    ArtifactLocation, Invocation, Location, Message, MultiformatMessageString, Notification,
    PhysicalLocation, PropertyBag, Region as SarifRegion, ReportingConfiguration, ReportingDescriptor,
    Result as Found, ResultLevel, Run, Sarif, Tool, ToolComponent,
};

use super::fingerprint::Fingerprints;
use super::home::Home;
use super::region::Region;
use super::told::{Site, Told};
use super::{About, Checked, visible};
use crate::document::Sources;
use crate::finding::{Finding, RuleMeta, Severity};

const VERSION: &str = "2.1.0";
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What paths are relative to; the name that the specification and GitHub use for the root.
const ROOT: &str = "%SRCROOT%";
/// The name of our fingerprints; another way to make them gets another number.
const FINGERPRINT: &str = "drplan/v1";

pub(super) fn write(
    checked: &Checked,
    sources: &Sources,
    about: &About<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut rules: Vec<ReportingDescriptor> = about.rules.iter().map(rule).collect();
    let mut places: HashMap<&str, usize> =
        about.rules.iter().enumerate().map(|(at, meta)| (meta.name, at)).collect();
    let mut fingerprints = Fingerprints::new(sources, about);
    let mut results = Vec::with_capacity(checked.findings.len());
    for finding in &checked.findings {
        // Every result has its rule, even if its code was forgotten in the list.
        let at = *places.entry(finding.code).or_insert_with(|| {
            rules.push(ReportingDescriptor::builder().id(finding.code).build());
            rules.len() - 1
        });
        let told = Told::new(finding, checked, sources, about);
        results.push(result(&told, at, fingerprints.of(finding)));
    }
    let root = ArtifactLocation::builder().description(plain("The root of the repository.")).build();
    let run = Run::builder()
        .tool(Tool::builder().driver(driver(rules)).build())
        .invocations(vec![invocation(about)])
        .column_kind(json!("unicodeCodePoints"))
        .original_uri_base_ids(BTreeMap::from([(ROOT.to_owned(), root)]))
        .results(results)
        .properties(bag("asOf", json!(about.as_of.as_str())))
        .build();
    let sarif = Sarif::builder().schema(SCHEMA).version(json!(VERSION)).runs(vec![run]).build();
    let text = serde_json::to_string_pretty(&sarif)?;
    writeln!(out, "{}", visible::json(&text))
}

fn driver(rules: Vec<ReportingDescriptor>) -> ToolComponent {
    let version = env!("CARGO_PKG_VERSION");
    let mut driver = ToolComponent::builder()
        .name(env!("CARGO_PKG_NAME"))
        .version(version)
        .semantic_version(version)
        .rules(rules)
        .build();
    // Cargo sets what the manifest does not say to nothing.
    let homes = [env!("CARGO_PKG_HOMEPAGE"), env!("CARGO_PKG_REPOSITORY")];
    driver.information_uri = homes.into_iter().find(|home| !home.is_empty()).map(str::to_owned);
    driver
}

fn rule(meta: &RuleMeta) -> ReportingDescriptor {
    let configuration = ReportingConfiguration::builder();
    let configuration = match meta.level.severity() {
        Some(severity) => configuration.enabled(true).level(json!(severity.as_str())).build(),
        None => configuration.enabled(false).level(json!("none")).build(),
    };
    let page = meta.page.trim_end();
    let summary = MultiformatMessageString::builder().text(meta.summary).build();
    let help = MultiformatMessageString::builder().text(page).markdown(page).build();
    ReportingDescriptor::builder()
        .id(meta.name)
        .short_description(summary.clone())
        .full_description(summary)
        .help(help)
        .default_configuration(configuration)
        .build()
}

fn result(told: &Told<'_>, rule: usize, fingerprint: String) -> Found {
    let finding = told.finding;
    let mut lines = vec![visible::line(&finding.message).into_owned()];
    lines.extend(told.inner.iter().cloned());
    lines.extend(told.help_line());
    let mut result = Found::builder()
        .rule_id(finding.code)
        .rule_index(number(rule))
        .level(level(finding))
        .message(plain(&lines.join("\n")))
        .partial_fingerprints(BTreeMap::from([(FINGERPRINT.to_owned(), fingerprint)]))
        .build();
    result.locations = told.site.as_ref().map(|site| vec![location(site, told.said)]);
    if !told.related.is_empty() {
        let related = told
            .related
            .iter()
            .enumerate()
            .map(|(at, (site, text))| Location { id: Some(number(at + 1)), ..location(site, text) });
        result.related_locations = Some(related.collect());
    }
    result
}

const fn level(finding: &Finding) -> ResultLevel {
    match finding.severity {
        Severity::Note => ResultLevel::Note,
        Severity::Warning => ResultLevel::Warning,
        Severity::Error => ResultLevel::Error,
    }
}

fn location(site: &Site, text: &str) -> Location {
    let mut artifact = ArtifactLocation::builder().uri(site.home.uri()).build();
    if matches!(site.home, Home::Inside(_)) {
        artifact.uri_base_id = Some(ROOT.to_owned());
    }
    let mut physical = PhysicalLocation::builder().artifact_location(artifact).build();
    physical.region = Some(region(site.region));
    let mut location = Location::builder().physical_location(physical).build();
    location.message = (!text.is_empty()).then(|| plain(&visible::line(text)));
    location
}

fn region(region: Region) -> SarifRegion {
    SarifRegion::builder()
        .start_line(number(region.line))
        .start_column(number(region.column))
        .end_line(number(region.end_line))
        .end_column(number(region.end_column))
        .build()
}

/// Says whether all was read: what is not in a report that is not whole is not mended.
fn invocation(about: &About<'_>) -> Invocation {
    let mut invocation = Invocation::builder().execution_successful(about.unread.is_empty()).build();
    if !about.unread.is_empty() {
        let notes = about.unread.iter().map(|message| {
            Notification::builder().level(json!("error")).message(plain(&visible::lines(message))).build()
        });
        invocation.tool_execution_notifications = Some(notes.collect());
    }
    invocation
}

/// Makes a message of a text, in which nothing that a plan says becomes a link: `[text](target)` would be one.
///
/// The specification (3.11.5) wants `{` doubled, for the sake of placeholders. GitHub and editors show it doubled
/// then, and help that shows YAML would be wrong to copy; like most producers we leave it.
fn plain(text: &str) -> Message {
    Message::builder().text(text.replace("](", "] (")).build()
}

fn bag(key: &str, value: Value) -> PropertyBag {
    PropertyBag::builder().additional_properties(BTreeMap::from([(key.to_owned(), value)])).build()
}

fn number(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Place, Span};
    use crate::finding::Level;
    use crate::output::tests::{about, nth};

    fn report(findings: Vec<Finding>, sources: &Sources, about: &About<'_>) -> Value {
        let plans = findings.iter().map(|finding| finding.primary.place.source).collect();
        let mut out = Vec::new();
        write(&Checked { findings, plans }, sources, about, &mut out).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn nothing_that_a_plan_says_becomes_a_link() {
        let mut sources = Sources::default();
        let id = sources.add("a.yaml", "x: 1\n");
        let finding =
            Finding::error("code", "[a](https://example.com) {b}").at(nth(&sources, id, "x", 0), "c](1");
        let report = report(vec![finding], &sources, &about());
        let result = &report["runs"][0]["results"][0];
        assert_eq!(result["message"]["text"], "[a] (https://example.com) {b}");
        assert_eq!(result["locations"][0]["message"]["text"], "c] (1");
    }

    #[test]
    fn notes_stay_notes_and_rules_have_their_level() {
        let meta = |name, level| RuleMeta { name, summary: "What.", page: "# Page\n", level, since: "0.1.0" };
        let rules = [meta("denied", Level::Deny), meta("warned", Level::Warn), meta("allowed", Level::Allow)];
        let about = About { rules: &rules, ..about() };
        let mut sources = Sources::default();
        let id = sources.add("a.yaml", "x: 1\n");
        let mut finding = Finding::warning("forgotten", "m").at(nth(&sources, id, "x", 0), "");
        finding.severity = Severity::Note;
        let report = report(vec![finding], &sources, &about);
        let run = &report["runs"][0];
        assert_eq!(run["results"][0]["level"], "note");
        assert_eq!(run["results"][0]["ruleIndex"], 3);
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let levels: Vec<_> =
            rules.iter().map(|rule| rule["defaultConfiguration"]["level"].as_str()).collect();
        assert_eq!(levels, [Some("error"), Some("warning"), Some("none"), None]);
        assert_eq!(rules[0]["help"]["markdown"], "# Page");
        assert_eq!(rules[2]["defaultConfiguration"]["enabled"], false);
    }

    #[test]
    fn a_finding_in_a_recipe_of_drplan_stands_where_the_plan_comes_to_it() {
        let mut sources = Sources::default();
        let plan = sources.add("a.yaml", "x: 1\ny: 2\n");
        let shipped = sources.add("drplan:files/restore-tar.yaml", "recipe: r\nz: 1\n");
        let inner = nth(&sources, shipped, "z", 0);
        let used = nth(&sources, plan, "y", 0);
        let top = Place { source: plan, span: Span::default() };
        let findings = vec![
            Finding::error("plan", "m").at(top, ""),
            Finding::error("used", "m").at(inner, "inside").related(used, "used here"),
            Finding::error("alone", "m").at(inner, "inside"),
        ];
        let report = report(findings, &sources, &about());
        let results = report["runs"][0]["results"].as_array().unwrap();
        let lines: Vec<_> = results
            .iter()
            .map(|result| &result["locations"][0]["physicalLocation"])
            .map(|place| (place["artifactLocation"]["uri"].as_str(), place["region"]["startLine"].as_u64()))
            .collect();
        let at = |line| (Some("plans/a.yaml"), Some(line));
        assert_eq!(lines, [at(1), at(2), at(1)]);
        let text = "m\ndrplan:files/restore-tar.yaml:2:1: inside";
        assert_eq!(results[1]["message"]["text"], text);
        assert_eq!(results[2]["message"]["text"], text);
    }
}
