//! Every fence of every rule's page, and what the rules share.

use std::fmt::Write;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IntoDeserializer;

use super::*;
use crate::document::Sources;
use crate::finding::{Finding, Level, Severity};
use crate::history::{History, Seen};
use crate::plan::Plan;
use crate::value::Date;
use crate::workspace::Opened;

fn date(text: &str) -> Date {
    let deserializer: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        text.into_deserializer();
    Date::deserialize(deserializer).unwrap()
}

fn check_with(text: &str, levels: &Levels) -> Vec<Finding> {
    check_beside(None, &History::new(), text, levels)
}

/// Checks a plan; another one stands beside it as `network.yaml`.
fn check_beside(beside: Option<&str>, history: &History, text: &str, levels: &Levels) -> Vec<Finding> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.yaml");
    #[expect(clippy::disallowed_methods, reason = "a test needs a file")]
    std::fs::write(&path, text).unwrap();
    if let Some(text) = beside {
        #[expect(clippy::disallowed_methods, reason = "a test needs a file")]
        std::fs::write(folder.path().join("network.yaml"), text).unwrap();
    }
    let mut sources = Sources::default();
    let opened = Opened::one(&path, &mut sources).unwrap();
    let as_of = date("2026-06-30");
    check(&opened, &sources, &Request { levels, as_of: &as_of, history, environment: None })
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
        let beside = fences(meta.page, "beside").first().copied();
        let state = meta.page.split_once("```json,state\n").and_then(|(_, rest)| rest.split("\n```").next());
        let mut history = History::new();
        history.seen = state.map(|state| Seen::parse(state).unwrap());
        for text in fires {
            let found = check_beside(beside, &history, text, &Levels::default());
            let mut found: Vec<&str> = found.into_iter().map(|finding| finding.code).collect();
            found.sort_unstable();
            found.dedup();
            if found != [meta.name] {
                writeln!(wrong, "{}: fires finds {found:?}", meta.name).unwrap();
            }
        }
        for text in quiet {
            let found = check_beside(beside, &history, text, &Levels::default());
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

/// A plan in which a name stands wherever one can.
const EVERYTHING: &str = "
version: 1
plan: all
people: { ann: { name: Ann, roles: [boss], in: [site] } }
secrets: { KEY: { env: KEY, needs: [db, { any: [site, host] }] } }
places:
  site: { kind: site, erasable_by: [host], needs: [db] }
  host: { kind: host, in: [site] }
assets:
  db:
    kind: files
    homes: [host]
    needs: [site]
    wants: [host]
    health: [{ run: a, on: host }, { run: a, on: home }]
backups:
  nightly:
    of: [db]
    points: { every: 1d }
    copies:
      near: { in: host, keep: 1d, erasable_by: [site], immutable: { for: 1d, except: [site] } }
      far: { from: near, in: site, keep: 1d, key: KEY, needs: [ann], verify: [{ run: a, on: site }] }
consistent: [{ assets: [db] }]
scenarios: { loss: { title: L, lose: [site, ann], damage: [db], compromise: [host], targets: { all: { rto: 1h }, db: { rto: 1d } } } }
activation: { when: w, by: ann }
policy: { integrity: { all: read, db: header }, except: [{ rule: r, reason: r, until: 2027-01-01, asset: db, step: one, place: host }] }
steps:
  one: { restores: [db], fences: [host], from: [nightly.near], on: host, secrets: [KEY], run: a, needs: [ann] }
  two: { provides: [host], manual: m, by: boss, verify: [{ run: a, on: controller }], unless: { run: a, on: host } }
  three: { approve: { by: [ann, boss], distinct_from: two } }
  four: { approve: { by: [ann], distinct_from: starter }, needs: [{ any: [one, two] }] }
  five: { wait: { run: a, on: site }, on: controller }
";

/// What [`references`] knows as a name, an import must rename, or two things of two plans have one name.
#[test]
fn whatever_names_something_is_renamed_by_an_import() {
    let mut sources = Sources::default();
    let source = sources.add("p.yaml", EVERYTHING);
    let loaded = crate::plan::load(source, &sources);
    assert_eq!(loaded.findings, []);
    let mut plan = loaded.value.unwrap();
    let before: Vec<String> = references(&plan).iter().map(|reference| reference.name.to_owned()).collect();
    let new = |name: &str| format!("x/{name}");
    let renaming = crate::plan::Renaming::new(&new);
    renaming.things(&mut plan);
    renaming.claims(&mut plan);
    for step in plan.steps.values_mut() {
        renaming.step(Arc::make_mut(&mut step.common), Arc::make_mut(&mut step.action), &|_| false);
    }
    let stays = |name: &&String| ["home", "controller", "starter", "near", "all"].contains(&name.as_str());
    let wanted: Vec<String> =
        before.iter().map(|name| if stays(&name) { name.clone() } else { new(name) }).collect();
    let after: Vec<&str> = references(&plan).iter().map(|reference| reference.name).collect();
    assert!(wanted.len() > 40, "{wanted:?}");
    assert_eq!(after, wanted);
    let ids: Vec<&str> =
        things(&plan).filter(|(kind, _)| *kind != NameKind::Step).map(|(_, id)| id).collect();
    assert!(ids.len() > 4 && ids.iter().all(|id| id.starts_with("x/")), "{ids:?}");
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

#[test]
fn steps_of_which_one_comes_after_the_other_may_write_the_same() {
    let plan = |needs: &str, more: &str| {
        format!(
            "version: 1\nplan: shop\nsteps:\n  a: {{ run: ./a.sh, outputs: [X], takes: 1m }}\n  \
             b: {{ needs: [{needs}], run: ./b.sh, outputs: [X], takes: 1m }}\n  {more}"
        )
    };
    let both = "c: { needs: [a, b], run: ./c.sh, takes: 1m }";
    assert_eq!(codes(&plan("", both)), ["ambiguous-output"]);
    assert_eq!(codes(&plan("a", both)), [""; 0]);
    assert_eq!(codes(&plan("", "c: { needs: [b], run: ./c.sh, takes: 1m }")), [""; 0]);
}

#[test]
fn what_the_system_cannot_run_is_found_before() {
    let plan = |run: &str| format!("version: 1\nplan: shop\nsteps:\n  a: {{ run: {run}, takes: 1m }}");
    let long = |bytes: usize| format!("\"{}\"", "x".repeat(bytes));
    assert_eq!(codes(&plan(&long((128 << 10) - 1))), [""; 0]);
    for run in [long(128 << 10), "\"a\\0b\"".to_owned(), "[echo, \"a\\0b\"]".to_owned()] {
        let found = check_with(&plan(&run), &Levels::default());
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(finding.code, "bad-value");
        let span = finding.primary.place.span;
        assert!(plan(&run)[span.start as usize..].starts_with(&run[..1]), "{span:?}");
    }
}

#[test]
fn a_name_that_the_program_needs_is_found_where_it_is_given() {
    let plan = "version: 1\nplan: shop\nvars: { IFS: x, PATH: /bin, LD_LIBRARY_PATH: /opt, DRPLAN_RUN: a }\n\
                places: { h: { kind: host, vars: { POINT_PATH: /a, HOME: /b } } }\n\
                secrets: { BASH_ENV: { ask: What }, PGPASSWORD: { ask: What } }\n\
                steps:\n  a: { run: ./a.sh, takes: 1m, env: { INPUT_X: a, PATH: /bin }, outputs: [HOST_IP, LD_PRELOAD] }";
    let found = check_with(plan, &Levels::default());
    let mut places: Vec<&str> = found
        .iter()
        .filter(|finding| finding.code == "reserved-variable")
        .map(|finding| {
            &plan[finding.primary.place.span.start as usize..finding.primary.place.span.end as usize]
        })
        .collect();
    places.sort_unstable();
    assert_eq!(places, ["BASH_ENV", "DRPLAN_RUN", "IFS", "INPUT_X", "LD_PRELOAD", "POINT_PATH"]);
}

#[test]
fn every_day_that_is_none_is_found() {
    let except = |until: &str| format!("{{ rule: step-without-estimate, reason: x, until: {until} }}");
    let plan = format!(
        "{NO_ESTIMATE}\npolicy:\n  except: [{}, {}, {}, {}]\n",
        except("2027-99-99"),
        except("2027-02-29"),
        except("2028-02-29"),
        except("soon"),
    );
    let found = check_with(&plan, &Levels::default());
    let of = |finding: &Finding| {
        let span = finding.primary.place.span;
        (finding.code, plan[span.start as usize..span.end as usize].to_owned())
    };
    let found: Vec<(&str, String)> = found.iter().map(of).collect();
    let wrong = |day: &str| ("bad-value", day.to_owned());
    assert_eq!(found, [wrong("2027-99-99"), wrong("2027-02-29"), wrong("soon")]);
}

#[test]
fn a_host_is_reached_by_what_a_step_writes() {
    let plan = |ssh: &str| {
        format!(
            "version: 1\nplan: shop\nvars: {{ PORTAL: p }}\nplaces: {{ h: {{ kind: host, exists: false, ssh: {ssh} }} }}\nsteps:\n  \
             build: {{ provides: [h], run: ./b.sh, takes: 1m, outputs: [HOST_ADDRESS] }}\n  \
             go: {{ needs: [h], run: ./go.sh, takes: 1m }}"
        )
    };
    for fine in [
        "me@VPS",
        "{ address: VPS-1.example.com }",
        "{ address: HOST_ADDRESS, host_key: ssh-ed25519 AAAA }",
        "{ address: PORTAL }",
    ] {
        assert_eq!(codes(&plan(fine)), [""; 0], "{fine}");
    }
    for (wrong, name) in
        [("{ address: HOST_ADRESS }", "HOST_ADRESS"), ("{ address: h, host_key: HOST_KEY }", "HOST_KEY")]
    {
        let text = plan(wrong);
        let found = check_with(&text, &Levels::default());
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        let span = finding.primary.place.span;
        assert_eq!((finding.code, &text[span.start as usize..span.end as usize]), ("unknown-variable", name));
        assert_eq!(finding.fix.is_some(), name == "HOST_ADRESS");
        let asked_twice = check_with(&text.replace("./go.sh", "./go.sh $HOST_ADRESS"), &Levels::default());
        assert_eq!(asked_twice[0].fix, None);
    }
}

#[test]
fn nobody_is_told_of_what_never_happens() {
    let plan = "version: 1\nplan: shop\nnotify:\n  - { on: [run-startd], webhook: { url: u, format: slac } }\nsteps: { a: { run: x, takes: 1m } }";
    let found = check_with(plan, &Levels::default());
    let helps: Vec<_> =
        found.iter().map(|finding| (finding.code, finding.help.as_deref().unwrap_or_default())).collect();
    assert_eq!(helps, [("bad-value", "did you mean `run-started`?"), ("bad-value", "did you mean `slack`?")]);
}

#[test]
fn a_sound_plan_is_parsed_once() {
    assert_eq!(codes(WITH_A_RECIPE), [""; 0]);
    let pages = RULES.iter().map(|rule| rule.meta().page);
    for text in pages.flat_map(|page| fences(page, "quiet")).chain([WITH_A_RECIPE]) {
        let mut sources = Sources::default();
        let opened = Opened::of_text("plan.yaml".as_ref(), text.to_owned(), &mut sources).unwrap();
        // An environment is laid over the tree, what imports another plan says where it does so, and what somebody has
        // allowed has been found, and has a place.
        let is_alone = |plan: &Plan| {
            plan.environments.is_empty() && plan.imports.is_empty() && plan.policy.exceptions.is_empty()
        };
        let has_allows = opened.document.as_ref().is_some_and(|document| !document.allows.is_empty());
        if has_allows || !opened.plan.as_deref().is_some_and(is_alone) {
            continue;
        }
        let (levels, as_of, history) = (Levels::default(), date("2026-06-30"), History::new());
        let request = Request { levels: &levels, as_of: &as_of, history: &history, environment: None };
        if check(&opened, &sources, &request).is_empty() {
            assert!(!opened.document.unwrap().has_root(), "{text}");
        }
    }
}

const WITH_A_RECIPE: &str = "
version: 1
plan: shop
owner: ops
steps:
  unpack: { use: files/restore-tar, with: { archive: /srv/a.tar.gz, target: /srv/a }, rerun: safe, takes: 1m }
  tell: { each: [one, two], run: ./tell.sh, rerun: safe, takes: 1m }
";

/// Two scenarios, of which each leaves something undone, and so many steps that threads are worth it.
fn faulty_in_two_scenarios() -> String {
    let mut text = "
version: 1
plan: shop
owner: ops
places: { one: { kind: site }, two: { kind: site } }
assets:
  a: { kind: files, homes: [one], rto: 1m, health: [{ file: /a }] }
  b: { kind: files, homes: [two], rto: 1m, health: [{ file: /b }] }
scenarios:
  first: { title: First, lose: [one] }
  second: { title: Second, lose: [two] }
  both: { title: Both, lose: [one, two] }
steps:
  build-one: { provides: [one], run: ./build.sh one, takes: 1h }
  build-two: { provides: [two], run: ./build.sh two, takes: 1h }
  restore-a: { restores: [a], manual: Look at $HOST, takes: 1m }
  restore-b: { restores: [b], manual: Look at $HOST, takes: 1m }
  other: { run: ./other.sh, outputs: [HOST], takes: 1m }
"
    .to_owned();
    for at in 0..300 {
        writeln!(text, "  more-{at}: {{ needs: [build-one], run: ./more.sh, takes: 1m }}").unwrap();
    }
    text
}

#[test]
fn the_number_of_cores_cannot_be_seen() {
    let text = faulty_in_two_scenarios();
    let found = |threads: usize| -> Vec<String> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| check_with(&text, &Levels::default()));
        found.iter().map(|finding| format!("{finding:?}")).collect()
    };
    let one = found(1);
    assert!(one.len() > 300, "{}", one.len());
    assert!((0..5).all(|_| found(4) == one));
}

#[test]
fn what_is_wrong_on_several_routes_is_told_of_the_first() {
    let found = check_with(&faulty_in_two_scenarios(), &Levels::default());
    let told: Vec<&str> = found
        .iter()
        .filter(|finding| finding.code == "unknown-variable")
        .map(|finding| finding.message.as_str())
        .collect();
    let says = |scenario| {
        format!("`$HOST` has no value in scenario `{scenario}`: no step that writes it comes before")
    };
    assert_eq!(told, [says("first"), says("second")]);
}

#[test]
fn what_is_told_of_a_point_is_known_where_a_step_restores_from_one() {
    let plan = |steps: &str| {
        format!(
            "version: 1\nplan: shop\nowner: ops\nplaces: {{ h: {{ kind: host, exists: true }} }}\n\
             people: {{ ana: {{ name: Ana, roles: [lead] }} }}\n\
             assets: {{ db: {{ kind: files, homes: [h], health: [{{ http: http://x/$POINT_ID }}] }} }}\n\
             backups:\n  nightly:\n    of: [db]\n    points: {{ every: 24h }}\n    copies:\n      \
             local: {{ in: h, at: /b, keep: 30d, verify: [{{ file: $POINT_PATH/db }}] }}\n\
             steps:\n{steps}"
        )
    };
    let told = |steps: &str| -> Vec<String> {
        let found = check_with(&plan(steps), &Levels::default());
        let told = found.iter().filter(|finding| finding.code == "unknown-variable");
        told.map(|finding| finding.message.clone()).collect()
    };
    let health = "`$POINT_ID` has no value here".to_owned();
    let from = "  r: { restores: [db], from: [nightly.local], manual: Copy $POINT_PATH of $POINT_TIME, takes: 1m }\n";
    assert_eq!(told(from), [health.as_str()]);
    let leave = "  go: { needs: [r], approve: { by: [lead], ask: As of $POINT_TIME }, takes: 1m }\n";
    assert_eq!(told(&format!("{from}{leave}")), [health.clone(), "`$POINT_TIME` has no value here".into()]);
    // A recipe asks for it by itself, where nothing else is said.
    let fetch = "  f: { use: s3/fetch-point, with: { folder: /f }, takes: 1m }\n";
    let missing = ["`$POINT_BEFORE` has no value here".into(), "`$POINT_PATH` has no value here".into()];
    assert_eq!(told(fetch), [&[health.clone()][..], &missing].concat());
    let said = "  f: { use: s3/fetch-point, with: { folder: /f, point: /p, before: '' }, takes: 1m }\n";
    assert_eq!(told(said), [health]);
}
