//! What owners demand, and people, drills and exceptions: the corners that the pages of the rules do not show.

use serde_json::json;

use crate::drplan::Drplan;

/// The human format wraps and draws; the texts stand whole in JSON.
const ARGS: [&str; 6] = ["check", "plan.yaml", "--as-of", "2026-06-30", "--format", "json"];

fn check(plan: &str) -> Drplan {
    Drplan::new().file("drplan.yaml", "{}\n").plan(plan).args(["check", "plan.yaml", "--as-of", "2026-06-30"])
}

fn finds(plan: &str, wanted: &[&str]) {
    let outcome = Drplan::new().plan(plan).args(ARGS).run();
    let missing: Vec<&&str> = wanted.iter().filter(|wanted| !outcome.stdout.contains(**wanted)).collect();
    assert!(missing.is_empty(), "not found: {missing:?}\n{}\n{}", outcome.stdout, outcome.stderr);
}

fn is_quiet(plan: &str) {
    check(plan).expect(0, &["no problems"], &[]);
}

/// A plan with one database; `copies` and `more` are filled in.
fn shop(copies: &str, more: &str) -> String {
    format!(
        "version: 1\nplan: shop\nowner: platform\nplaces:\n  north: {{ kind: site }}\n  south: {{ kind: site }}\n  \
         login: {{ kind: account }}\n  vps: {{ kind: host, in: [north, login] }}\n  nas: {{ kind: host, in: [south] }}\n  \
         cloud: {{ kind: account }}\n  bucket: {{ kind: bucket, in: [cloud] }}\n  \
         cluster: {{ kind: host, in: [ {{ any: [north, south] }} ] }}\nassets:\n  \
         db: {{ kind: postgresql, homes: [vps], health: [{{ run: pg_isready }}] }}\nbackups:\n  \
         nightly: {{ of: [db], points: {{ every: 1d }}, copies: {{ {copies} }} }}\nsteps:\n  \
         restore-db: {{ restores: [db], run: ./restore.sh, takes: 10m }}\n{more}"
    )
}

#[test]
fn copies_in_one_place_count_once_and_optional_ones_never() {
    let policy = "policy: { copies: { at_least: 3 } }\n";
    is_quiet(&shop("a: { keep: 1d }, b: { in: nas, keep: 1d }", policy));
    is_quiet(&shop("a: { in: nas, keep: 1d, medium: disk }, b: { in: nas, keep: 1d, medium: tape }", policy));
    let one_place = shop("a: { in: nas, keep: 1d }, b: { in: nas, keep: 9d }", policy);
    finds(&one_place, &["there are 2 copies of `db`, the original included", "count once"]);
    let optional = shop("a: { keep: 1d }, b: { in: nas, keep: 1d, optional: true }", policy);
    finds(&optional, &["there are 2 copies", "is optional: nobody can rely on it"]);
}

#[test]
fn another_site_must_be_proved() {
    let policy = "policy: { copies: { offsite: 1 } }\n";
    is_quiet(&shop("a: { in: nas, keep: 1d }", policy));
    is_quiet(&shop("a: { in: cluster, keep: 1d }", policy));
    finds(&shop("a: { in: bucket, keep: 1d }", policy), &["`bucket` is not `in` a site"]);
    finds(&shop("a: { keep: 1d }", policy), &["it lies at the home `vps`"]);
    let same = shop("a: { in: nas, keep: 1d }", policy).replace("in: [south] }", "in: [north] }");
    finds(&same, &["is lost with `north`, and so is the home `vps`"]);
    // A site in a region is not elsewhere than the region itself.
    let region = shop("a: { in: nas, keep: 1d }", policy)
        .replace("north: { kind: site }", "north: { kind: site, in: [south] }")
        .replace("south: { kind: site }", "south: { kind: region }");
    finds(&region, &["is lost with `south`"]);
}

#[test]
fn immutable_is_what_an_intruder_cannot_wait_for() {
    let more = "policy: { copies: { immutable: 1 } }\nscenarios:\n  \
                intruder: { title: T, compromise: [login], found_after: 20d, targets: { db: { rpo: none } } }\n";
    let with = |copy: &str| shop(copy, more).replace("homes: [vps]", "homes: [vps, nas]");
    is_quiet(&with("a: { in: bucket, keep: 30d, immutable: 21d }"));
    finds(
        &with("a: { in: bucket, keep: 30d, immutable: 20d }"),
        &["is immutable for 20d, and `intruder` takes 21d"],
    );
    let lifted = with("a: { in: bucket, keep: 30d, immutable: { for: 30d, except: [login] } }");
    finds(&lifted, &["can be lifted from `login`"]);
    finds(&with("a: { in: bucket, keep: latest, immutable: 30d }"), &["holds only the newest state"]);
}

const PEOPLE: &str = "version: 1\nplan: shop\npeople:\n  ana: { name: A, roles: [lead, dba], in: [office] }\n  \
    ivan: { name: I, roles: [dba] }\nplaces:\n  office: { kind: site }\nassets:\n  \
    db: { kind: files, homes: [office, spare], health: [{ run: a }] }\nactivation: { when: Fire., by: dba }\n\
    scenarios: { fire: { title: T, lose: [office] } }\nsteps:\n  \
    restore: { restores: [db], needs: [go], run: a, takes: 1m }\n  go: STEP\n";

fn people(step: &str) -> String {
    PEOPLE
        .replace("STEP", step)
        .replace("office: { kind: site }", "office: { kind: site }\n  spare: { kind: site }")
}

#[test]
fn a_quorum_and_another_person_are_counted_among_the_living() {
    is_quiet(&people("{ approve: { by: [dba] }, takes: 1m }"));
    finds(
        &people("{ approve: { by: [dba], quorum: 2 }, takes: 1m }"),
        &[
            "2 people must approve `go`, and only 1 of them are left in scenario `fire`",
            "is lost with office",
        ],
    );
    finds(
        &people("{ approve: { by: [dba], quorum: 3 }, takes: 1m }"),
        &["3 people must approve `go`, and the plan names 2: `ana` and `ivan`"],
    );
    finds(
        &people("{ approve: { by: [dba], distinct_from: starter }, takes: 1m }"),
        &["whoever begins the run may not approve `go`", "in scenario `fire`"],
    );
    finds(
        &people("{ manual: Go and look at it., by: lead, takes: 1m }"),
        &["nobody is left to carry out `go`"],
    );
    let other = "{ approve: { by: [dba], distinct_from: look }, needs: [look], takes: 1m }\n  \
                 look: { manual: Go and look at it., by: ivan, takes: 1m }";
    finds(&people(other), &["whoever does `look` may not approve `go`"]);
    let invoked = people("{ approve: { by: [dba] }, takes: 1m }").replace("by: dba }", "by: lead }");
    finds(&invoked, &["nobody is left to invoke the plan in scenario `fire`"]);
}

fn record(run: &str, day: &str, passed: bool) -> String {
    let at = |time: &str| format!("{day}T{time}Z");
    json!({
        "version": 1, "id": run, "started": at("10:00:00"), "ended": at("11:00:00"), "duration": "1h",
        "plan": "shop", "title": "Shop", "plan_hash": "", "drplan": "0.1.0", "test_type": "parallel",
        "scenario": "mistake", "environment": "drill", "operation": "recover", "systems": ["db"],
        "incident": null, "result": "done", "passed": passed, "gaps": [], "targets": [], "integrity": [],
        "restored_from": [], "steps": [], "not_exercised": [], "participants": [], "assumptions": [],
        "notes": [], "observations": ["All went well."], "recommendations": [], "corrective_actions": [],
        "excluded": [], "third_parties": [], "references": [], "reviewer": null, "reviewed": null,
        "journal_head": ""
    })
    .to_string()
}

#[test]
fn the_age_of_the_last_good_drill_is_known_from_evidence_alone() {
    let plan = shop(
        "a: { keep: 30d }",
        "policy: { drills: { every: 30d } }\nscenarios: { mistake: { title: T, damage: [db] } }\n",
    );
    let good = |day: &str| record("20260601T100000Z-aaaa", day, true);
    check(&plan).expect(0, &["warning[drill-overdue]", "no good drill of `mistake` is on record"], &[]);
    check(&plan).file("evidence/a.json", good("2026-06-01")).expect(0, &["no problems"], &[]);
    check(&plan).file("evidence/2026/a.json", good("2026-05-01")).args(ARGS).expect(
        0,
        &["was on 2026-05-01 (20260601T100000Z-aaaa), 60d before 2026-06-30, and the policy demands one every 30d"],
        &[],
    );
    let failed = record("20260601T100000Z-aaaa", "2026-06-01", false);
    check(&plan).file("evidence/a.json", failed).expect(0, &["no good drill of `mistake`"], &[]);
    check(&plan).file(".drplan/a.json", good("2026-06-01")).expect(0, &["no good drill of `mistake`"], &[]);
}

#[test]
fn an_exception_that_allows_nothing_is_told_and_has_a_reason_and_a_day() {
    let except = |reason: &str, until: &str| {
        shop(
            "a: { in: nas, keep: 1d }",
            &format!(
                "policy:\n  except: [ {{ rule: copies, asset: db, reason: {reason}, until: {until} }} ]\n"
            ),
        )
    };
    finds(
        &except("r", "2027-01-01"),
        &["unused-allow", "`copies` finds nothing that this exception could allow"],
    );
    finds(&except("''", "2027-01-01"), &["policy", "reason"]);
    finds(&except("r", "2027-02-31"), &["is no day of the calendar"]);
}

/// A database with a replica in the south, and steps.
fn replicated(steps: &str) -> String {
    format!(
        "version: 1\nplan: shop\nplaces:\n  north: {{ kind: site }}\n  one: {{ kind: host, in: [north] }}\n  two: {{ kind: host }}\n\
         assets:\n  db: {{ kind: postgresql, homes: [one, two], health: [{{ run: a }}] }}\n\
         backups:\n  replica: {{ of: [db], points: {{ continuous: true }}, copies: {{ two: {{ in: two, keep: latest }} }} }}\n\
         scenarios: {{ loss: {{ title: T, lose: [north] }} }}\nsteps:\n{steps}"
    )
}

#[test]
fn a_promotion_is_fenced_before_it_and_not_after() {
    let replica =
        "  up: { restores: [db], from: [replica.two], on: home, run: ./up.sh, takes: 1m, rerun: safe }\n";
    finds(
        &replicated(replica),
        &["`up` promotes `db` on `two` (the replica `replica.two`)", "cuts off `one`"],
    );
    let fence = |what: &str, needs: &str| {
        let step = format!("  cut: {{ fences: [{what}], needs: [{needs}], run: ./cut.sh, takes: 1m }}\n");
        replicated(&format!("{}{step}", replica.replace("on: home", "on: home, needs: [cut]")))
    };
    is_quiet(&fence("one", ""));
    is_quiet(&fence("north", ""));
    is_quiet(&fence("db", ""));
    finds(&fence("two", ""), &["promotion-without-fence"]);
    // On the route, but too late.
    let after = format!(
        "{replica}  cut: {{ fences: [one], needs: [up], run: ./cut.sh, takes: 1m }}\n  \
         start: {{ restores: [app], needs: [cut], on: home, run: ./start.sh, takes: 1m }}\n"
    );
    let app = "  app: { kind: app, homes: [one, two], needs: [db], health: [{ run: a }] }\nbackups:\n";
    finds(&replicated(&after).replace("backups:\n", app), &["promotion-without-fence"]);
    let before = after
        .replace("needs: [up], ", "")
        .replace("on: home, run: ./up", "needs: [cut], on: home, run: ./up");
    is_quiet(&replicated(&before).replace("backups:\n", app));
}

#[test]
fn what_must_be_kept_is_kept() {
    let with = |copy: &str| shop(&format!("a: {{ in: nas, {copy} }}"), "");
    is_quiet(&with("keep: 10y, archive: 10y"));
    finds(
        &with("keep: 9y, archive: 10y"),
        &["must be kept for 10y by law or contract, and is deleted after 9y"],
    );
    finds(&with("keep: { last: 100 }, archive: 1d"), &["keeps a number of points, whatever their age"]);
    finds(&with("keep: 1y, archive: 1y, optional: true"), &["perhaps it is never made"]);
    is_quiet(&with("keep: 1y, archive: 1y, legal_hold: true, erasable_by: []"));
    finds(&with("keep: 1y, legal_hold: true, erasable_by: []"), &["its points are deleted after 1y"]);
    finds(
        &with("keep: { daily: 400 }, archive: 1y, legal_hold: true, immutable: 1y"),
        &["`keep` destroys points in between"],
    );
    finds(&with("keep: 1y, archive: 1y, legal_hold: true"), &["somebody can still destroy it"]);
}

#[test]
fn one_backup_is_one_moment_and_several_must_be_near() {
    let plan = |backups: &str, within: &str| {
        format!(
            "version: 1\nplan: shop\nassets:\n  a: {{ kind: files, health: [{{ run: a }}] }}\n  b: {{ kind: files, health: [{{ run: a }}] }}\n\
             backups:\n{backups}consistent: [ {{ assets: [a, b]{within} }} ]\n\
             scenarios: {{ oops: {{ title: T, damage: [a, b] }} }}\nsteps:\n  \
             ra: {{ restores: [a], from: [one.x], run: a, takes: 1m }}\n  rb: {{ restores: [b], from: [two.x, one.y], run: a, takes: 1m }}\n"
        )
    };
    let one = "  one: { of: [a, b], points: { every: 1d }, copies: { x: { keep: 9d }, y: { keep: 9d } } }\n";
    let two = |points: &str| {
        format!("{one}  two: {{ of: [b], points: {{ {points} }}, copies: {{ x: {{ keep: 9d }} }} }}\n")
    };
    is_quiet(&plan(one, "").replace("two.x, ", ""));
    finds(&plan(&two("every: 1d"), ""), &["inconsistent-points", "they must be of one moment"]);
    finds(&plan(&two("every: 2h"), ", within: 30m"), &["up to 1h apart, more than 30m"]);
    is_quiet(&plan(&two("every: 2h"), ", within: 1h"));
}

#[test]
fn a_request_that_does_something_twice_is_unrepeatable() {
    let plan = |more: &str| {
        format!(
            "version: 1\nplan: shop\nsteps:\n  tell: {{ http: {{ method: POST, url: \"http://192.0.2.1/x\" }}, takes: 1m{more} }}\n"
        )
    };
    finds(&plan(""), &["`tell` cannot simply be repeated (a POST request)"]);
    is_quiet(&plan(", rerun: never"));
    is_quiet(&plan("").replace("POST", "PUT"));
}
