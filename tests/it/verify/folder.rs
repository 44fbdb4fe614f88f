//! What can be told of a folder by the names in it.

use std::fs;

use serde_json::Value;

use super::{NEWEST, Shop, daily};
use crate::stage::Stage;

fn full(copy: &str) -> Shop {
    daily(1..=10).fold(Shop::new(copy, ""), |shop, name| shop.with(&name, "content"))
}

#[test]
fn a_point_a_day_is_well() {
    let shop = full("");
    let copy = shop.is_good();
    assert_eq!((&copy["count"], &copy["bytes"]), (&10.into(), &70.into()));
    assert_eq!(copy["age"], "8h59m56s");
    shop.0
        .run(&["verify", "plan.yaml", "--as-of", super::NOW])
        .exits(0)
        .says("✓ nightly.local  10 points  9h old");
    let quiet = shop.0.run(&["verify", "plan.yaml", "--as-of", super::NOW, "--quiet"]).exits(0);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
}

#[test]
fn the_age_is_in_the_name_and_not_in_what_the_disk_says() {
    // Every file has just been written.
    let shop = daily(1..=9).fold(Shop::new("", ""), |shop, name| shop.with(&name, "content"));
    shop.has("failure", "stale", "by cron `0 3 * * *` UTC there should be one of 2026-06-10T03:00:00Z");
    let copy = shop.has("failure", "rpo-missed", "the rpo of db is 1d2h");
    assert_eq!(copy["age"], "1d8h59m56s");
    // One that is being written is none yet.
    let shop = shop.with("db-20260610T030004Z.dump.partial", "content");
    shop.has("failure", "stale", "");
    shop.has("failure", "stale", "");
    fs::rename(shop.point("db-20260610T030004Z.dump.partial"), shop.point(NEWEST)).unwrap();
    shop.is_good();
}

#[test]
fn a_night_without_a_point_is_told() {
    let shop = full("");
    fs::remove_file(shop.point("db-20260605T030004Z.dump")).unwrap();
    shop.has("warning", "point-missed", "the point of 2026-06-05T03:00:00Z is missing");
    shop.0.run(&["verify", "plan.yaml", "--as-of", super::NOW, "--fail-on", "warning"]).exits(1);
}

#[test]
fn an_empty_point_and_an_empty_folder_are_none() {
    let shop = full("");
    fs::write(shop.point(NEWEST), "").unwrap();
    shop.has("failure", "empty", "no bytes");
    for name in daily(1..=10) {
        fs::remove_file(shop.point(&name)).unwrap();
    }
    shop.has("failure", "no-point", "is empty");
    let shop = shop.with("latest.dump", "content");
    shop.has("failure", "no-point", "none of the 1 entries");
    fs::remove_dir_all(shop.0.path().join("points")).unwrap();
    shop.has("failure", "no-point", "is not there");
}

#[test]
fn a_point_from_the_future_hides_nothing() {
    let shop = daily(1..=8).fold(Shop::new("", ""), |shop, name| shop.with(&name, "content"));
    let shop = shop.with("db-20991231T030000Z.dump", "content");
    shop.has("failure", "future", "ahead of this machine's clock");
    shop.has("failure", "stale", "2026-06-08");
}

#[test]
fn the_producers_digest_is_held_to() {
    let shop = full("");
    let sum = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
    let shop = shop.with(&format!("{NEWEST}.sha256"), format!("{sum}  /srv/dumps/{NEWEST}\n"));
    assert_eq!(shop.is_good()["integrity"], "digest");
    fs::write(shop.point(NEWEST), "contenT").unwrap();
    let copy = shop.has("failure", "digest-differs", "is not what its producer wrote");
    assert_eq!(copy["integrity"], "listed");
}

#[test]
fn the_policy_names_the_level() {
    let points =
        |more: &str| daily(1..=10).fold(Shop::new("", more), |shop, name| shop.with(&name, "content"));
    points("policy: { integrity: listed }").is_good();
    points("policy: { integrity: digest }").has(
        "failure",
        "integrity-too-low",
        "`listed`; the policy wants `digest`",
    );
    // Or for each asset; the copy holds one that needs more than the others.
    let wants_most = "`listed`; the policy wants `digest`";
    for (levels, is_enough) in [
        ("{ all: digest, db: listed }", true),
        ("{ all: listed, db: digest }", false),
        ("{ db: listed }", true),
        ("{ all: digest }", false),
    ] {
        let shop = points(&format!("policy: {{ integrity: {levels} }}"));
        if is_enough {
            shop.is_good();
        } else {
            shop.has("failure", "integrity-too-low", wants_most);
        }
    }
    let both = points("policy: { integrity: { db: listed, logs: digest } }");
    let plan = both.0.read("plan.yaml");
    let plan = plan.replace("assets: { ", "assets: { logs: { kind: files, homes: [vps], rpo: none }, ");
    both.0.write("plan.yaml", &plan.replace("of: [db]", "of: [db, logs]"));
    both.has("failure", "integrity-too-low", wants_most);
}

#[test]
fn floors_are_of_what_is_there() {
    full(", floor: { size: 5B }").is_good();
    full(", floor: { size: 1kB }").has("failure", "below-floor", "it holds 7B, fewer than the 1kB");
    // What is not good has not been looked into, whatever was read of it.
    let looked = |floor: &str| full(&format!(", floor: {{ size: {floor} }}, verify: [ {{ run: 'true' }} ]"));
    assert_eq!(looked("5B").is_good()["integrity"], "header");
    assert_eq!(looked("1kB").has("failure", "below-floor", "it holds 7B")["integrity"], "listed");
    full(", floor: { rows: 1 }").has("unknown", "not-known", "nothing tells its rows");
    full(", floor: { tables: [users] }").has("unknown", "not-known", "nothing tells its tables");
    full(", floor: { drop: 20% }").is_good();
    let shop = full(", floor: { drop: 20% }");
    fs::write(shop.point(NEWEST), "cont").unwrap();
    shop.has("failure", "dropped", "size fell from 7B in db-20260609T030004Z.dump to 4B");
}

#[test]
fn points_are_folders_too() {
    let shop = Shop::new(", floor: { files: 2, paths: [a/b] }", "");
    let shop = daily(1..=9).fold(shop, |shop, name| shop.with(&name, "content"));
    let shop = shop.with("20260610T030000Z/a/b", "one").with("20260610T030000Z/c", "two");
    shop.is_good();
    fs::remove_file(shop.point("20260610T030000Z/a/b")).unwrap();
    shop.has("failure", "below-floor", "a/b is not in it");
    shop.has("failure", "below-floor", "it holds 1 files");
}

#[test]
fn a_name_that_nobody_has_is_no_good_answer() {
    let shop = full("");
    shop.0.run(&["verify", "plan.yaml", "--copy", "nightly.locl"]).exits(2).says("did you mean");
    shop.0.run(&["verify", "plan.yaml", "--asset", "redis"]).exits(2).says("there is no asset");
    shop.0.run(&["verify", "plan.yaml", "--here", "moon"]).exits(2).says("there is no place");
}

#[test]
fn what_was_there_before_is_missed() {
    let shop = full("");
    shop.0.run(&["verify", "plan.yaml", "--as-of", super::NOW, "--record"]).exits(0);
    for name in daily(1..=4) {
        fs::remove_file(shop.point(&name)).unwrap();
    }
    let copy = shop.has(
        "failure",
        "deleted-early",
        "4 points that were here before are gone, the oldest of 2026-06-01",
    );
    assert_eq!(copy["lost"].as_array().unwrap().len(), 4);
    // Recording it does not make it well.
    shop.0.run(&["verify", "plan.yaml", "--as-of", super::NOW, "--record"]).exits(1);
    shop.has("failure", "deleted-early", "4 points");
    // What is older than it is kept may go.
    let later = ["verify", "plan.yaml", "--as-of", "2026-07-03T04:00:00Z"];
    shop.0.run(&later).exits(1).says("1 points that were here before are gone, the oldest of 2026-06-04");
}

#[test]
fn generations_that_should_still_be_there_are_missed() {
    let shop = full("");
    let plan = shop.0.read("plan.yaml").replace("keep: 30d", "keep: { daily: 5, monthly: 2 }");
    shop.0.write("plan.yaml", &plan);
    // One more of the month before, and of the month before that, of which nothing needs to be here any more.
    let shop = ["db-20260531T030004Z.dump", "db-20260430T030004Z.dump"]
        .iter()
        .fold(shop, |shop, name| shop.with(name, "content"));
    let record = ["verify", "plan.yaml", "--as-of", super::NOW, "--record"];
    shop.0.run(&record).exits(0);
    fs::remove_file(shop.point("db-20260430T030004Z.dump")).unwrap();
    for name in daily(1..=5) {
        fs::remove_file(shop.point(&name)).unwrap();
    }
    shop.is_good();
    fs::rename(shop.point("db-20260531T030004Z.dump"), shop.point("../kept")).unwrap();
    shop.has("failure", "deleted-early", "1 points that were here before are gone, the oldest of 2026-05-31");
    fs::rename(shop.point("../kept"), shop.point("db-20260531T030004Z.dump")).unwrap();
    shop.is_good();
    // Backups have stopped, and what tidies up by age goes on.
    fs::remove_file(shop.point("db-20260607T030004Z.dump")).unwrap();
    shop.has("failure", "deleted-early", "the oldest of 2026-06-07T03:00:04Z; it keeps");
}

#[test]
fn a_run_passes_over_what_was_found_bad() {
    let steps = "steps: { restore: { restores: [db], from: [nightly.local], run: 'basename \"$POINT_PATH\" >restored' } }\n";
    let shop = daily(1..=10)
        .fold(Shop::new(", floor: { size: 5B }", steps), |shop, name| shop.with(&name, "content"));
    fs::write(shop.point(NEWEST), "cut").unwrap();
    shop.0.run(&["verify", "plan.yaml", "--as-of", super::NOW, "--record"]).exits(1);
    shop.0.execute(&[]).exits(5).says("db-20260610T030004Z.dump was passed over: it holds 3B");
    assert_eq!(shop.0.read("restored"), "db-20260609T030004Z.dump\n");
    // It was mended: it is another one than was looked at.
    fs::write(shop.point(NEWEST), "content").unwrap();
    shop.0.execute(&[]).exits(5);
    assert_eq!(shop.0.read("restored"), format!("{NEWEST}\n"));
}

#[test]
fn reports_are_for_machines_too() {
    let shop = daily(1..=9).fold(Shop::new("", ""), |shop, name| shop.with(&name, "content"));
    let ran = |format: &str| {
        shop.0.run(&["verify", "plan.yaml", "--as-of", super::NOW, "--format", format]).exits(1).out
    };
    let metrics = ran("openmetrics");
    for line in [
        "# TYPE drplan_backup_state gauge",
        "drplan_backup_state{plan=\"test\",copy=\"nightly.local\",place=\"vps\"} 3",
        "drplan_backup_newest_point_timestamp_seconds{plan=\"test\",copy=\"nightly.local\",place=\"vps\"} 1780974004",
        "drplan_backup_problems{plan=\"test\",copy=\"nightly.local\",kind=\"stale\",severity=\"failure\"} 1",
    ] {
        assert!(metrics.lines().any(|other| other == line), "{line}\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
    let junit = ran("junit");
    assert!(junit.contains("<testcase name=\"nightly.local\" classname=\"test\""), "{junit}");
    assert!(junit.contains("<failure message=\"the newest point is 1d9h old"), "{junit}");
}

#[test]
fn probes_are_in_flight_together() {
    let wait = "run: 'touch \"started/$POINT_COPY\"; until [ \"$(ls started | wc -l)\" = 10 ]; do read -rt 0.02 <> <(:) || true; done', timeout: 20s";
    let copies: String = (0..10)
        .map(|number| format!("      c{number}: {{ at: points, keep: 30d, verify: [ {{ {wait} }} ] }}\n"))
        .collect();
    let shop = full("");
    let plan = shop.0.read("plan.yaml");
    let (head, _) = plan.split_once("      local:").unwrap();
    shop.0.write("plan.yaml", &format!("{head}{copies}"));
    shop.0.write("drplan.yaml", "defaults: { confine: false }\n");
    fs::create_dir(shop.0.path().join("started")).unwrap();
    shop.0.run(&["verify", "plan.yaml", "--as-of", super::NOW]).exits(0);
}

#[test]
fn a_check_cannot_mend_what_it_looks_at() {
    let shop = full(", verify: [ { run: 'echo mended >\"$POINT_PATH\"' } ]");
    shop.has("failure", "not-good", "Read-only");
    assert_eq!(fs::read_to_string(shop.point(NEWEST)).unwrap(), "content");
}

#[test]
fn a_check_whose_program_is_missing_is_unknown() {
    // One that ends well and says nothing has not looked.
    full(", verify: [ { run: 'true', expect: { facts: [ROWS] } } ]").has(
        "unknown",
        "not-known",
        "it ended well and has not told ROWS",
    );
    for probe in ["run: [no-such-program]", "run: no-such-program", "run: 'no-such-program; true'"] {
        let shop = full(&format!(", verify: [ {{ {probe} }} ]"));
        shop.has("unknown", "not-known", "");
    }
}

#[test]
fn check_reads_what_verify_has_seen_where_somebody_asks_for_it() {
    let shop = full("");
    let plan = |args: &[&str]| shop.0.run(&[&["check", "plan.yaml", "--as-of", "2026-06-10"], args].concat());
    plan(&["--state", ".drplan"]).exits(2).says("drplan verify --record");
    shop.0.run(&["verify", "plan.yaml", "--as-of", super::NOW, "--record"]).exits(0);
    let quiet = plan(&["--state", ".drplan"]);
    assert!(!quiet.out.contains("backup-"), "{}", quiet.out);
    // The look is too old by now, in a file of another place as well.
    let file = ".drplan/verification.json";
    let late = ["--state", file, "--as-of", "2026-06-20"];
    shop.0.run(&[&["check", "plan.yaml"], late.as_slice()].concat()).says("backup-not-looked-at");
    fs::write(shop.point(NEWEST), "").unwrap();
    shop.0.run(&["verify", "plan.yaml", "--as-of", super::NOW, "--record"]).exits(1);
    let found = plan(&["--state", ".drplan"]).exits(1);
    assert!(
        found.out.contains("error[backup-found-bad]") && found.out.contains("plan.yaml:"),
        "{}",
        found.out
    );
    // Nothing that lies on some machine is told without that.
    assert!(!plan(&[]).out.contains("backup-found-bad"));
    fs::write(shop.0.path().join(file), "{}").unwrap();
    plan(&["--state", ".drplan"]).exits(2).says("missing field");
}

#[test]
fn a_look_at_another_plan_makes_an_earlier_look_no_younger() {
    let shop = full("");
    shop.0.run(&["verify", "plan.yaml", "--as-of", super::NOW, "--record"]).exits(0);
    let other = shop.0.read("plan.yaml").replace("plan: test", "plan: other");
    shop.0.write("other.yaml", &other);
    shop.0.run(&["verify", "other.yaml", "--as-of", "2026-06-20T12:00:00Z", "--record"]).exits(1);
    let late = ["--state", ".drplan", "--as-of", "2026-06-20"];
    let found = shop.0.run(&[&["check", "plan.yaml"], late.as_slice()].concat());
    found.says("backup-not-looked-at").says("was last looked at on 2026-06-10");
}

/// A backup with a copy beside the host and one on a disk that is mounted at `disk`, if it is.
fn with_a_disk(places: &str) -> Stage {
    let stage = Stage::new(&format!(
        "places: {{ vps: {{ kind: host }}, {places} }}\n\
         assets: {{ db: {{ kind: postgresql, homes: [vps], rpo: 26h }} }}\n\
         backups:\n  nightly:\n    of: [db]\n    points: {{ cron: '0 3 * * *' }}\n    takes: 10m\n    copies:\n      \
         local: {{ at: points, keep: 30d }}\n      disk: {{ in: disk, at: disk, keep: 30d }}\n"
    ));
    for folder in ["points", "disk"] {
        stage.write(&format!("{folder}/{NEWEST}"), "data");
    }
    stage
}

/// Returns the kinds of problems of the second copy.
fn problems_of_the_disk(stage: &Stage, more: &[&str]) -> Vec<String> {
    let args = ["verify", "plan.yaml", "--format", "json", "--as-of", super::NOW];
    let ran = stage.run(&[args.as_slice(), more].concat());
    let seen: Value = serde_json::from_str(&ran.out).unwrap();
    let problems = seen["plans"][0]["copies"][1]["problems"].as_array().unwrap().clone();
    problems.iter().map(|problem| problem["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_disk_that_is_not_mounted_is_no_other_place() {
    let stage = with_a_disk("disk: { kind: disk }");
    stage
        .run(&["verify", "plan.yaml", "--as-of", super::NOW])
        .exits(1)
        .says("apart from nightly.local in `vps`");
    assert!(problems_of_the_disk(&stage, &[]).contains(&"not-elsewhere".to_owned()));
    // Where the plan says that they fall together, it is as it says.
    let together = with_a_disk("disk: { kind: disk, in: [vps] }");
    assert!(!problems_of_the_disk(&together, &[]).contains(&"not-elsewhere".to_owned()));
    // The good twin: a file system of its own.
    let mount = |words: &[&str]| crate::servers::said(std::process::Command::new(words[0]).args(&words[1..]));
    let disk = stage.path().join("disk");
    mount(&["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk.to_str().unwrap()]);
    fs::write(disk.join(NEWEST), "data").unwrap();
    let problems = problems_of_the_disk(&stage, &[]);
    mount(&["umount", disk.to_str().unwrap()]);
    assert!(!problems.contains(&"not-elsewhere".to_owned()), "{problems:?}");
}

#[test]
fn a_job_that_was_not_looked_at_is_not_said_to_be_well() {
    let stage = Stage::new(
        "places: { vps: { kind: host }, box: { kind: host } }\n\
         assets: { db: { kind: postgresql, homes: [vps], rpo: 26h } }\n\
         backups:\n  nightly:\n    of: [db]\n    points: { cron: '0 3 * * *' }\n    takes: 10m\n\
         \x20   job: { crontab: root }\n    copies: { local: { at: points, keep: 30d } }\n\
         environments: { drill: { places: { vps: box } } }\n",
    );
    fs::create_dir(stage.path().join("points")).unwrap();
    daily(1..=10).for_each(|name| fs::write(stage.path().join("points").join(name), "content").unwrap());
    stage
        .run(&["verify", "plan.yaml", "--as-of", super::NOW, "--environment", "drill"])
        .exits(0)
        .says("\n  - nightly  job: crontab of root\n")
        .says("it was not looked for: box stands in for vps, where it runs");
}

#[test]
fn a_digest_that_is_missing_or_cannot_be_read_is_told() {
    let of_one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  a\n";
    let of_two = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3  b\n";
    let shop = daily(1..=9).fold(Shop::new("", ""), |shop, name| shop.with(&name, "content"));
    let shop = shop.with("20260610T030000Z/a", "one").with("20260610T030000Z/b", "two");
    let shop = shop.with("20260610T030000Z/SHA256SUMS", of_one);
    shop.has("warning", "not-covered", "b");
    let shop = shop.with("20260610T030000Z/SHA256SUMS", "no digests at all\n");
    shop.has("unknown", "not-known", "its digests cannot be read");
    let shop = shop.with("20260610T030000Z/SHA256SUMS", format!("{of_one}{of_two}"));
    assert_eq!(shop.is_good()["integrity"], "digest");
}

#[test]
fn what_was_restored_in_a_good_run_of_late_is_told_and_only_of_sound_points() {
    let steps = "steps: { restore: { restores: [db], from: [nightly.local], run: 'true', takes: 1m } }\n";
    let more = format!("{steps}policy: {{ integrity: restored }}\n");
    let name = super::of_now();
    let shop = Shop::today(", floor: { size: 5B }", &more).with(&name, "content");
    shop.has("failure", "integrity-too-low", "`listed`; the policy wants `restored`");
    shop.0.execute(&[]).exits(0);
    let record = shop.0.run(&["report", "latest", "--format", "record"]).exits(0).out;
    shop.0.write("evidence/first.json", &record);
    assert_eq!(shop.is_good()["integrity"], "restored");
    // It is no word on what lies there now, and none for ever.
    fs::write(shop.point(&name), "cut").unwrap();
    assert_eq!(shop.has("failure", "below-floor", "it holds 3B")["integrity"], "listed");
    fs::write(shop.point(&name), "content").unwrap();
    let (_, seen) = shop.verify(&["--as-of", "2099-01-01T00:00:00Z"]);
    assert_eq!(seen["copies"][0]["integrity"], "listed", "{seen:#}");
}
