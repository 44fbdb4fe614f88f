//! The hand-worked cases of `book/src/recovery-time.md`, worked out again.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use drplan::analysis::{
    Basis, Line, Measured, Passing, Recovery, Schedule, WaitedFor, cause, cause_words, lines, schedule,
    sum_words,
};
use drplan::document::Sources;
use drplan::graph::StepGraph;
use drplan::resolve::{Request, ResolvedPlan, Route, route};
use drplan::value::{Id, Length};
use drplan::workspace::Opened;

/// A plan, its route in the scenario `loss`, and its schedule.
struct Case {
    plan: ResolvedPlan,
    route: Route,
    schedule: Schedule,
}

const HEAD: &str = "version: 1
plan: case
people:
  ana: { name: Ana, roles: [dba, lead], arrives: 15m, in: [office] }
  ivan: { name: Ivan, roles: [dba, lead], arrives: 40m }
  mia: { name: Mia, roles: [network] }
places:
  office: { kind: site }
  old: { kind: host }
  new: { kind: host, exists: false }
  tape: { kind: tape, erasable_by: [] }
scenarios:
  loss: { title: The host is gone, lose: [old], detect: 10m, decide: 15m }
  both: { title: Host and office are gone, lose: [old, office], detect: 10m, decide: 15m }
";

fn case_in(scenario: &str, text: &str, basis: &Basis) -> Case {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.yaml");
    fs::write(&path, format!("{HEAD}{text}")).unwrap();
    let mut sources = Sources::default();
    let opened = Opened::one(&path, &mut sources).unwrap();
    assert!(opened.findings.is_empty(), "{:#?}", opened.findings);
    let (variant, findings) = opened.variant(None).unwrap();
    assert!(findings.is_empty(), "{findings:#?}");
    let plan = variant.resolved;
    let scenario = Id::trusted(scenario);
    let request = Request { scenario: Some(&scenario), ..Request::default() };
    let route = route(&plan, &opened.placement, &request);
    let order = StepGraph::new(&route.nodes).order().unwrap();
    let schedule = schedule(&plan, &route, &order, basis);
    Case { plan, route, schedule }
}

fn case(text: &str) -> Case {
    case_in("loss", text, &Basis::default())
}

fn one_at_a_time() -> Basis {
    Basis { max_parallel: 1, ..Basis::default() }
}

impl Case {
    fn recovery(&self, asset: &str) -> &Recovery {
        &self.schedule.recoveries[asset]
    }

    fn lines(&self, asset: &str) -> Vec<Line> {
        lines(&self.plan, &self.route, &self.schedule, self.recovery(asset))
    }

    fn cause(&self, asset: &str) -> Option<String> {
        let cause = cause(&self.plan, &self.route, &self.schedule, self.recovery(asset));
        cause.as_ref().map(cause_words)
    }

    /// The sum of the last asset, as the page has it; the lines must really add up.
    fn sum(&self, asset: &str) -> String {
        let lines = self.lines(asset);
        let whole = lines.iter().fold(Length::ZERO, |sum, line| sum.saturating_add(line.length));
        assert_eq!(whole, self.recovery(asset).healthy, "{lines:?}");
        format!("{} = **{whole}**", sum_words(&lines))
    }
}

const ONE: &str = "assets:
  db: { kind: db, homes: [old, new], rto: 1h }
steps:
  build: { provides: [new], run: ./build, takes: 15m }
";

const TWO: &str = "assets:
  files: { kind: files, homes: [old, new], priority: 2 }
  db: { kind: db, homes: [old, new], priority: 1 }
  app: { kind: app, homes: [old, new], needs: [files, db] }
steps:
  build: { provides: [new], run: ./build, takes: 15m }
  start: { restores: [app], on: home, run: ./start, takes: 5m }
";

fn one(step: &str) -> String {
    format!("{ONE}  restore: {{ restores: [db], on: home, {step} }}\n")
}

fn two(more: &str) -> String {
    let files =
        format!("  restore-files: {{ restores: [files], on: home, run: ./files, takes: 30m{more} }}\n");
    format!("{TWO}{files}  restore-db: {{ restores: [db], on: home, run: ./db, takes: 20m{more} }}\n")
}

const TAPE: &str = "backups:
  nightly:
    of: [db]
    points: { every: 1d }
    copies:
      local: { at: /backup, keep: 7d, fetch: 1m }
      tape: { in: tape, at: /tape, keep: 1y, fetch: 4h }
";

/// Every row of the table: its name, and its sum.
fn rows() -> Vec<(&'static str, String)> {
    let measured = Measured {
        steps: BTreeMap::from([(
            Id::trusted("restore"),
            vec![Length::from_secs(720), Length::from_secs(840)],
        )]),
    };
    let measured = Basis { measured, ..Basis::default() };
    let people = "  swap: { needs: [db], manual: Swap., by: dba, takes: 10m }
  app-two: { needs: [db], manual: Look., by: dba, takes: 20m }
  open: { restores: [app], on: home, needs: [swap, app-two], run: ./open, takes: 5m }
  restore: { restores: [db], on: home, run: ./db, takes: 20m }\n";
    let app = "assets:
  db: { kind: db, homes: [old, new] }
  app: { kind: app, homes: [old, new], needs: [db] }
steps:
  build: { provides: [new], run: ./build, takes: 15m }\n";
    let people = format!("{app}{people}");
    vec![
        ("a chain", case(&one("run: ./db, takes: 20m")).sum("db")),
        ("side by side", case(&two("")).sum("app")),
        ("one command at a time", case_in("loss", &two(""), &one_at_a_time()).sum("app")),
        ("one lock", case(&two(", lock: disk")).sum("app")),
        ("somebody must come", case(&one("manual: Restore it., by: ivan, takes: 20m")).sum("db")),
        ("two who may", case(&people).sum("app")),
        ("one who may", case(&people.replace("by: dba", "by: ana")).sum("app")),
        (
            "lost with the office",
            case_in("both", &one("manual: Do it., by: dba, takes: 20m"), &Basis::default()).sum("db"),
        ),
        (
            "a copy on tape",
            case(&format!("{TAPE}{}", one("from: [nightly.local, nightly.tape], run: ./db, takes: 20m")))
                .sum("db"),
        ),
        (
            "leave to go on",
            case(
                &one("needs: [leave], run: ./db, takes: 20m")
                    .replace("steps:", "steps:\n  leave: { approve: { by: [lead] }, takes: 5m }"),
            )
            .sum("db"),
        ),
        (
            "two must agree",
            case(
                &one("needs: [leave], run: ./db, takes: 20m")
                    .replace("steps:", "steps:\n  leave: { approve: { by: [lead], quorum: 2 }, takes: 5m }"),
            )
            .sum("db"),
        ),
        (
            "somebody else must agree",
            case(&one("needs: [leave], run: ./db, takes: 20m").replace(
                "steps:",
                "steps:\n  leave: { approve: { by: [lead], distinct_from: starter }, takes: 5m }",
            ))
            .sum("db"),
        ),
        (
            "a recipe",
            case(&one("use: files/restore-tar, with: { archive: a, target: b }, takes: 20m")).sum("db"),
        ),
        (
            "a wait",
            case(
                &one("needs: [settle], run: ./db, takes: 20m")
                    .replace("steps:", "steps:\n  settle: { needs: [new], wait: 30m }"),
            )
            .sum("db"),
        ),
        ("measured in drills", case_in("loss", &one("run: ./db, takes: 20m"), &measured).sum("db")),
    ]
}

#[test]
fn the_table_of_the_book_is_right() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("book/src/recovery-time.md");
    let page = fs::read_to_string(page).unwrap();
    let rows_of_page = page.lines().filter(|line| line.starts_with("| ") && line.contains(" = **"));
    let mut wrong = Vec::new();
    for (name, sum) in rows() {
        let is_there = page
            .lines()
            .any(|line| line.starts_with(&format!("| {name} |")) && line.ends_with(&format!("| {sum} |")));
        if !is_there {
            wrong.push(format!("| {name} | … | {sum} |"));
        }
    }
    assert!(wrong.is_empty(), "the page lacks:\n{}", wrong.join("\n"));
    assert_eq!(rows_of_page.count(), rows().len(), "the page has rows that no test works out");
}

#[test]
fn what_is_waited_for_is_named() {
    let at = |case: &Case, id: &str| case.route.nodes.iter().position(|node| node.id.as_str() == id).unwrap();
    let waits = |case: &Case, id: &str| case.schedule.timings[at(case, id)].waited_for.clone();
    let case_of_slots = case_in("loss", &two(""), &one_at_a_time());
    assert_eq!(waits(&case_of_slots, "restore-files"), WaitedFor::Slot(at(&case_of_slots, "restore-db")));
    let locks = case(&two(", lock: disk"));
    assert_eq!(
        waits(&locks, "restore-files"),
        WaitedFor::Lock(Id::trusted("disk"), at(&locks, "restore-db"))
    );
    let arrival = case(&one("manual: Do it., by: ana, takes: 20m"));
    // Building takes as long as it takes Ana to come: what is needed is named first.
    assert_eq!(waits(&arrival, "restore"), WaitedFor::Node(at(&arrival, "build")));
    let late = case(&one("manual: Do it., by: ivan, takes: 20m"));
    assert_eq!(waits(&late, "restore"), WaitedFor::Arrival(Id::trusted("ivan")));
    assert_eq!(late.schedule.timings[at(&late, "restore")].done_by, Some(Id::trusted("ivan")));
    assert_eq!(waits(&late, "build"), WaitedFor::Nothing);
    assert_eq!(late.schedule.timings[at(&late, "build")].slack, Length::from_secs(25 * 60));
    let passing: Vec<Passing> = late.lines("db").into_iter().map(|line| line.what).collect();
    let restore = Passing::Step(Id::trusted("restore"));
    assert_eq!(passing, [Passing::Detect, Passing::Decide, Passing::Arrival(Id::trusted("ivan")), restore]);
}

#[test]
fn where_nobody_is_left_it_is_said_and_counted_as_if_somebody_were() {
    let lost = case_in("both", &one("manual: Do it., by: ana, takes: 20m"), &Basis::default());
    assert_eq!(lost.schedule.without_person.len(), 1);
    assert_eq!(lost.sum("db"), "detect 10m + decide 15m + build 15m + restore 20m = **1h**");
    let few = one("needs: [leave], run: ./db, takes: 20m")
        .replace("steps:", "steps:\n  leave: { approve: { by: [lead], quorum: 3 }, takes: 5m }");
    assert_eq!(case(&few).schedule.without_person.len(), 1);
}

#[test]
fn what_is_needed_and_late_is_to_blame_all_the_way_down() {
    let text = "assets:
  dns: { kind: dns, homes: [old, new] }
  vpn: { kind: vpn, homes: [old, new], needs: [dns], rto: 6h }
  identity: { kind: ldap, homes: [old, new], needs: [vpn], rto: 4h }
  mail: { kind: mail, homes: [old, new], needs: [identity], rto: 1h }
  fast: { kind: app, homes: [old, new], rto: 1h }
  slow: { kind: app, homes: [old, new], needs: [fast], rto: 1h }
steps:
  build: { provides: [new], run: ./build, takes: 15m }
  a: { restores: [dns], on: home, run: a, takes: 1h }
  b: { restores: [vpn], on: home, run: b, takes: 1h }
  c: { restores: [identity], on: home, run: c, takes: 1h }
  d: { restores: [mail], on: home, run: d, takes: 5m }
  e: { restores: [fast], on: home, run: e, takes: 10m }
  f: { restores: [slow], on: home, run: f, takes: 2h }
";
    let case = case(text);
    let mail = case.cause("mail").unwrap();
    let expected = "identity, which it needs, is back after 3h40m (RTO 4h); that needs vpn, back after 2h40m (RTO 6h); \
                    that needs dns, back after 1h40m (no RTO)";
    assert_eq!(mail, expected);
    assert_eq!(case.cause("fast"), None, "it is in time");
    assert_eq!(case.cause("slow"), None, "it is late by its own fault");
    assert!(case.recovery("slow").is_late());
}
