//! Every fence of every rule's page, and what the rules share.

use std::fmt::Write;

use serde::Deserialize;
use serde::de::IntoDeserializer;

use super::*;
use crate::document::Sources;
use crate::finding::{Finding, Level, Severity};
use crate::history::History;
use crate::value::Date;
use crate::workspace::Opened;

fn date(text: &str) -> Date {
    let deserializer: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        text.into_deserializer();
    Date::deserialize(deserializer).unwrap()
}

fn check_with(text: &str, levels: &Levels) -> Vec<Finding> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.yaml");
    #[expect(clippy::disallowed_methods, reason = "a test needs a file")]
    std::fs::write(&path, text).unwrap();
    let mut sources = Sources::default();
    let opened = Opened::one(&path, &mut sources).unwrap();
    let as_of = date("2026-06-30");
    let history = History::new();
    check(&opened, &sources, &Request { levels, as_of: &as_of, history: &history, environment: None })
}

fn codes(text: &str) -> Vec<&'static str> {
    let mut codes: Vec<&str> =
        check_with(text, &Levels::default()).into_iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes
}

fn fences<'a>(page: &'a str, kind: &str) -> Vec<&'a str> {
    let begin = format!("```yaml,{kind}\n");
    let parts = page.split(begin.as_str()).skip(1);
    parts.map(|rest| rest.split("\n```").next().unwrap()).collect()
}

#[test]
fn every_page_tells_the_truth() {
    let mut wrong = String::new();
    for rule in RULES {
        let meta = rule.meta();
        assert!(meta.page.starts_with(&format!("# {}\n", meta.name)), "{}", meta.name);
        let (fires, quiet) = (fences(meta.page, "fires"), fences(meta.page, "quiet"));
        assert!(!fires.is_empty() && !quiet.is_empty(), "{} has no examples", meta.name);
        for text in fires {
            let mut found = codes(text);
            found.dedup();
            if found != [meta.name] {
                writeln!(wrong, "{}: fires finds {found:?}", meta.name).unwrap();
            }
        }
        for text in quiet {
            let found = check_with(text, &Levels::default());
            for finding in found {
                writeln!(wrong, "{}: quiet finds {}: {}", meta.name, finding.code, finding.message).unwrap();
            }
        }
    }
    assert_eq!(wrong, "");
}

#[test]
fn the_list_is_in_order_and_each_name_is_there_once() {
    let names: Vec<&str> = RULES.iter().map(|rule| rule.meta().name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
}

const NO_ESTIMATE: &str = "version: 1\nplan: shop\nsteps:\n  a: { run: ./a.sh }";

#[test]
fn comments_allow_in_their_line_or_the_next() {
    assert_eq!(codes(NO_ESTIMATE), ["step-without-estimate"]);
    let beside = format!("{NO_ESTIMATE} # drplan: allow[step-without-estimate]\n");
    assert_eq!(codes(&beside), Vec::<&str>::new());
    let above = NO_ESTIMATE.replace("  a:", "  # drplan: allow[step-without-estimate]\n  a:");
    assert_eq!(codes(&above), Vec::<&str>::new());
    let elsewhere = format!("# drplan: allow[step-without-estimate]\n{NO_ESTIMATE}");
    assert_eq!(codes(&elsewhere), ["step-without-estimate", "unused-allow"]);
}

#[test]
fn a_comment_for_a_rule_that_is_off_is_not_idle() {
    let text = format!("# drplan: allow[step-without-estimate]\n{NO_ESTIMATE}");
    let mut levels = Levels::default();
    levels.set("step-without-estimate", Level::Allow).unwrap();
    assert_eq!(check_with(&text, &levels), []);
}

#[test]
fn exceptions_hold_until_their_day() {
    let except = |until: &str, more: &str| {
        let policy = format!("{{ rule: step-without-estimate, reason: r, until: {until}{more} }}");
        format!("{NO_ESTIMATE}\npolicy:\n  except:\n    - {policy}\n")
    };
    assert_eq!(codes(&except("2026-06-30", "")), Vec::<&str>::new());
    assert_eq!(codes(&except("2026-06-30", ", step: a")), Vec::<&str>::new());
    let ended = check_with(&except("2026-06-29", ""), &Levels::default());
    assert_eq!(ended[0].related[0].text, "the exception has ended on 2026-06-29");
    let other = except("2026-06-30", ", step: b").replace("  a: {", "  b: { run: x, takes: 1m }\n  a: {");
    assert_eq!(codes(&other), ["step-without-estimate", "unused-allow"]);
}

#[test]
fn the_same_fault_under_each_environment_is_told_once() {
    let text = format!("{NO_ESTIMATE}\nenvironments:\n  drill: {{ title: D }}\n  lab: {{ title: L }}\n");
    assert_eq!(codes(&text), ["step-without-estimate"]);
}

#[test]
fn levels_change_what_a_finding_is() {
    let mut levels = Levels::default();
    assert_eq!(check_with(NO_ESTIMATE, &levels)[0].severity, Severity::Warning);
    levels.set("warnings", Level::Deny).unwrap();
    assert_eq!(check_with(NO_ESTIMATE, &levels)[0].severity, Severity::Error);
}

#[test]
fn a_step_for_one_environment_is_reached_there() {
    let text = "version: 1\nplan: shop\nplaces: { vps: { kind: host } }\nassets:\n  db: { kind: files, homes: [vps], health: [{ run: a }] }\n\
        scenarios:\n  loss: { title: T, damage: [db] }\nenvironments: { lab: { title: L } }\nsteps:\n  \
        restore-db: { restores: [db], needs: [note], run: a, takes: 1m }\n  \
        note: { run: a, takes: 1m, when: { environment: lab } }\n";
    assert_eq!(codes(text), Vec::<&str>::new());
    assert_eq!(codes(&text.replace(", needs: [note]", "")), ["unreachable-step"]);
}

#[test]
fn a_cycle_through_a_place_is_drawn_edge_by_edge() {
    let text = "version: 1\nplan: shop\nplaces: { vps: { kind: host, exists: false } }\n\
        assets:\n  dns: { kind: service, homes: [vps], health: [{ run: a }] }\nsteps:\n  \
        rent: { provides: [vps], needs: [dns], run: a, takes: 1m }\n  \
        start-dns: { restores: [dns], on: home, run: a, takes: 1m }\n";
    let found = check_with(text, &Levels::default());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].message, "recovery needs what it recovers: rent → dns → start-dns → vps → rent");
    let says: Vec<&str> = found[0].related.iter().map(|label| label.text.as_str()).collect();
    assert_eq!(found[0].primary.text, "`rent` needs `dns`");
    assert_eq!(
        says,
        [
            "`dns` is restored by `start-dns`",
            "`start-dns` restores `dns`, whose home is `vps`",
            "`vps` is provided by `rent`"
        ]
    );
}

/// With 10,000 steps a rule that compares each with each would take minutes.
#[test]
fn ten_thousand_steps_take_no_minutes() {
    let mut text = "version: 1\nplan: large\nsteps:\n".to_owned();
    for at in 0..10_000 {
        let need = if at == 0 { String::new() } else { format!("needs: [s{}], ", at - 1) };
        writeln!(text, "  s{at}: {{ {need}run: 'rm -rf x; serve &' }}").unwrap();
    }
    #[expect(clippy::disallowed_methods, reason = "the time that it takes is what is tested")]
    let start = std::time::Instant::now();
    assert_eq!(check_with(&text, &Levels::default()).len(), 30_000);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
