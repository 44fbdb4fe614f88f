//! The schema and the types give the same verdict on every plan.

use drplan::document::{Document, Limits, Sources, from_node};
use drplan::plan::{Plan, plan_schema};

/// What follows the head of a plan, and whether it is one.
const CORPUS: &[(bool, &str)] = &[
    (true, ""),
    (true, "title: T\ndescription: D\nowner: o"),
    (false, "title: 7"),
    (false, "title:"),
    (false, "titel: T"),
    (true, "activation: { when: W, by: ana, ends_when: E }"),
    (false, "activation: { by: ana }"),
    (true, "people: { ana: { name: Ana, roles: [a], in: [x], arrives: 30m, key: k, contact: c } }"),
    (false, "people: { ana: { roles: [a] } }"),
    (false, "people: { Ana: { name: A } }"),
    (true, "vars: { A: text, B: 7, C_D: '1.5' }"),
    (false, "vars: { A: 1.5 }"),
    (false, "vars: { A: true }"),
    (false, "vars: { a: x }"),
    (false, "vars: { A: [x] }"),
    (true, "secrets: { K: { env: X }, L: { file: x, needs: [a] }, M: { command: [a, b] }, N: { ask: q } }"),
    (false, "secrets: { K: { env: X, file: y } }"),
    (false, "secrets: { K: {} }"),
    (true, "places: { a: { kind: host, in: [b, { any: [c, d], at_least: 2 }], ssh: u@h, exists: false } }"),
    (
        true,
        "places: { a: { kind: host, ssh: { user: u, address: A, port: 22, host_key: K }, erasable_by: [] } }",
    ),
    (false, "places: { a: { kind: host, ssh: { user: u } } }"),
    (false, "places: { a: { kind: host, ssh: { address: '' } } }"),
    (false, "places: { a: { kind: host, ssh: { address: a, port: 70000 } } }"),
    (false, "places: { a: { kind: host, in: [{ any: [] }] } }"),
    (false, "places: { a: { kind: host, in: [{ any: [b], at_least: 0 }] } }"),
    (false, "places: { a: {} }"),
    (false, "places: { a: { kind: host, controller: 'yes' } }"),
    (
        true,
        "assets: { a: { kind: x, homes: [b], priority: 1, rto: 2h, rpo: none, needs: [c], wants: [d], newest: q } }",
    ),
    (false, "assets: { a: { kind: x, priority: 0 } }"),
    (false, "assets: { a: { kind: x, rto: never } }"),
    (false, "assets: { a: { kind: x, rto: 5 } }"),
    (false, "assets: { a: { kind: x, rto: 12:30 } }"),
    (
        true,
        "assets: { a: { kind: x, health: [{ run: q, expect: { exit: 1, matches: '^a' } }, { tcp: 'h:1' }] } }",
    ),
    (
        true,
        "assets: { a: { kind: x, health: [{ http: 'http://h', expect: { status: [200, 204] } }, { file: f }] } }",
    ),
    (true, "assets: { a: { kind: x, health: [{ use: r/p, with: { a: [b, c], d: 1 } }] } }"),
    (false, "assets: { a: { kind: x, health: [{ run: q, expect: { status: 200 } }] } }"),
    (false, "assets: { a: { kind: x, health: [{ tcp: 'h:1', expect: { exit: 0 } }] } }"),
    (false, "assets: { a: { kind: x, health: [{ run: q, with: { a: b } }] } }"),
    (false, "assets: { a: { kind: x, health: [{ run: q, tcp: 'h:1' }] } }"),
    (false, "assets: { a: { kind: x, health: [{}] } }"),
    (false, "assets: { a: { kind: x, health: [{ run: q, expect: { exit: 256 } }] } }"),
    (false, "assets: { a: { kind: x, health: [{ run: q, expect: { matches: '(' } }] } }"),
    (false, "assets: { a: { kind: x, health: [{ file: q, expect: { sha256: abc } }] } }"),
    (false, "assets: { a: { kind: x, health: [{ http: h, expect: { status: [] } }] } }"),
    (false, "assets: { a: { kind: x, health: [{ http: h, expect: { status: 70000 } }] } }"),
    (
        true,
        "backups: { b: { of: [a], points: { cron: '0 3 * * *', timezone: UTC }, copies: { l: { keep: 30d } } } }",
    ),
    (
        true,
        "backups: { b: { of: [a], points: { every: 1h }, copies: { l: { keep: latest, in: p, from: m } } } }",
    ),
    (
        true,
        "backups: { b: { of: [a], points: { continuous: true }, copies: { l: { keep: { daily: 3 }, immutable: 3d } } } }",
    ),
    (
        true,
        "backups: { b: { of: [a], points: { every: 1h }, copies: { l: { keep: 1d, immutable: { for: 1d, except: [p] } } } } }",
    ),
    (false, "backups: { b: { of: [], points: { every: 1h }, copies: {} } }"),
    (false, "backups: { b: { of: [a], points: { continuous: false }, copies: {} } }"),
    (false, "backups: { b: { of: [a], points: { every: 1h, cron: x }, copies: {} } }"),
    (false, "backups: { b: { of: [a], points: { every: 1h, timezone: UTC }, copies: {} } }"),
    (false, "backups: { b: { of: [a], points: {}, copies: {} } }"),
    (false, "backups: { b: { of: [a], points: { every: 1h }, copies: { l: {} } } }"),
    (false, "backups: { b: { of: [a], points: { every: 1h }, copies: { l: { keep: {} } } } }"),
    (false, "backups: { b: { of: [a], points: { every: 1h }, copies: { l: { keep: forever } } } }"),
    (false, "backups: { b: { of: [a], points: { every: 1h }, copies: { l: { keep: { daily: -1 } } } } }"),
    (
        true,
        "policy: { copies: { at_least: 3 }, drills: { every: 90d }, except: [{ rule: r, reason: x, until: 2027-06-30 }] }",
    ),
    (false, "policy: { except: [{ rule: r, reason: x, until: tomorrow }] }"),
    (false, "policy: { except: [{ rule: r, until: 2027-06-30 }] }"),
    (false, "policy: { copies: { at_least: -1 } }"),
    (
        true,
        "scenarios: { s: { title: T, lose: [a], damage: [b], compromise: [c], targets: { all: { rto: 1d } } } }",
    ),
    (false, "scenarios: { s: { lose: [a] } }"),
    (false, "scenarios: { s: { title: T, lose: a } }"),
    (
        true,
        "steps: { a: { run: x }, b: { run: [x, y] }, c: { manual: m, by: p }, d: { wait: 5m }, e: { wait: { run: q } } }",
    ),
    (
        true,
        "steps: { a: { approve: { by: [p], quorum: 2, expires: 1h, on_expiry: continue } }, b: { http: 'http://h' } }",
    ),
    (
        true,
        "steps: { a: { http: { method: POST, url: u, headers: { A: b }, body: c }, expect: { status: 201 } } }",
    ),
    (true, "steps: { a: { use: r/s, with: { a: 1 } }, b: { plan: ../p.yaml, with: { a: b } } }"),
    (
        true,
        "steps: { a: { run: x, takes: { p50: 1m, p95: 2m }, retry: 3, undo: y, rerun: safe, on_failure: ask } }",
    ),
    (
        true,
        "steps: { a: { run: x, retry: { times: 3, delay: 1s, factor: 1 }, undo: { manual: m }, unless: { tcp: 'h:1' } } }",
    ),
    (
        true,
        "steps: { a: { run: x, when: { scenario: s, environment: [e, f], operation: failback }, each: [a, b], lock: l } }",
    ),
    (
        true,
        "steps: { a: { run: x, each: { of: [a], at_most: 1 }, outputs: [A], secrets: [B], env: { C: d }, shell: [sh, -c] } }",
    ),
    (false, "steps: { a: {} }"),
    (false, "steps: { a: { run: x, manual: m } }"),
    (false, "steps: { a: { run: '' } }"),
    (false, "steps: { a: { run: ' ' } }"),
    (false, "steps: { a: { run: [] } }"),
    (false, "steps: { a: { run: [''] } }"),
    (false, "steps: { a: { run: [x, 1] } }"),
    (false, "steps: { a: { run: x, with: { a: b } } }"),
    (false, "steps: { a: { run: x, by: p } }"),
    (false, "steps: { a: { manual: m, shell: [sh] } }"),
    (false, "steps: { a: { run: x, expect: { exit: 0 } } }"),
    (false, "steps: { a: { http: u, expect: { exit: 0 } } }"),
    (false, "steps: { a: { run: x, retry: 0 } }"),
    (false, "steps: { a: { run: x, retry: { times: 3, factor: 11 } } }"),
    (false, "steps: { a: { run: x, takes: { p50: 1m } } }"),
    (false, "steps: { a: { run: x, takes: 5 } }"),
    (false, "steps: { a: { run: x, rerun: perhaps } }"),
    (false, "steps: { a: { run: x, undo: {} } }"),
    (false, "steps: { a: { run: x, undo: { run: a, manual: b } } }"),
    (false, "steps: { a: { run: x, each: [] } }"),
    (false, "steps: { a: { run: x, when: { operation: sideways } } }"),
    (false, "steps: { a: { run: x, outputs: [lower] } }"),
    (false, "steps: { a: { run: x, shell: [] } }"),
    (false, "steps: { a: { approve: { by: [] } } }"),
    (false, "steps: { a: { approve: {} } }"),
    (false, "steps: { a: { http: { method: FETCH, url: u } } }"),
    (false, "steps: { A: { run: x } }"),
    (false, "steps: { a--b: { run: x } }"),
    (false, "steps: { a: { run: x, needs: [{ at_least: 1 }] } }"),
    (false, "steps: [a]"),
    (
        true,
        "environments: { d: { places: { a: b, c: { exists: true, vars: { A: b } } }, reads: [s], omit: [x], vars: { A: b } } }",
    ),
    (false, "environments: { d: { assets: {} } }"),
    (false, "environments: { d: { places: { c: { kind: host } } } }"),
    (
        true,
        "notify: [{ on: [run-started], webhook: { url: { env: X }, format: slack } }, { on: [run-finished], command: x }]",
    ),
    (false, "notify: [{ on: [run-finished] }]"),
    (false, "notify: [{ on: [run-startd], command: x }]"),
    (false, "notify: [{ on: [run-started], webhook: { url: u, format: slac } }]"),
    (false, "notify: [{ on: [], command: x }]"),
    (false, "notify: [{ on: [run-finished], command: x, webhook: { url: u } }]"),
    (true, "consistent: [{ assets: [a, b], within: 1h }]"),
    (false, "consistent: [{ assets: [] }]"),
    (true, "imports: { network: ../n/plan.yaml }\nshell: [bash]\npass_env: [A]"),
    (false, "shell: bash"),
    (false, "pass_env: A"),
];

#[test]
fn schema_and_types_agree() {
    let validator = jsonschema::options().should_validate_formats(true).build(&plan_schema()).unwrap();
    let mut wrong = String::new();
    for (is_plan, rest) in CORPUS {
        let mut sources = Sources::default();
        let source = sources.add("plan.yaml", format!("version: 1\nplan: x\n{rest}\n"));
        let (document, issues) = Document::parse(source, &sources, &Limits::default());
        assert!(issues.iter().all(|issue| issue.is_warning), "{rest}: {issues:?}");
        let root = document.unwrap().take_root();
        let by_schema = validator.is_valid(&root.to_json());
        let types = from_node::<Plan>(root.clone());
        let by_types = types.is_ok();
        if (by_schema, by_types) != (*is_plan, *is_plan) {
            let why = types.err().map(|error| error.message).unwrap_or_default();
            wrong += &format!("{is_plan}, schema {by_schema}, types {by_types} {why}: {rest}\n");
        }
    }
    assert_eq!(wrong, "");
}

#[test]
fn the_corpus_is_no_token() {
    assert!(CORPUS.len() >= 60, "{}", CORPUS.len());
}
