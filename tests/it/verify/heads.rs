//! The head of an archive of `pg_dump`, read without a tool, against what the real `pg_restore --list` prints of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use drplan::effect::{Env, Inspection, Inspector, Question, Verdict};
use serde_json::{Value, json};

use super::{NEWEST, Shop, of_now};
use crate::clocks::faketime;
use crate::servers::s3::{READER, S3};
use crate::servers::{Edition, Postgres, said};
use crate::stage::Stage;

/// What `pg_restore --list` prints above the table of contents.
fn listed(edition: &Edition, archive: &Path, zone: &str) -> BTreeMap<String, String> {
    let list = said(Command::new(edition.bin.join("pg_restore")).env("TZ", zone).arg("--list").arg(archive));
    let lines = list.lines().filter_map(|line| {
        let line = line.strip_prefix(';')?.trim();
        let (name, value) = line
            .split_once(": ")
            .or_else(|| line.strip_prefix("Archive created at ").map(|time| ("time", time)))?;
        Some((name.to_owned(), value.trim().to_owned()))
    });
    lines.collect()
}

/// Looks at files with one `file` probe after the other, as `drplan verify` does.
struct Looker {
    inspector: Inspector,
    runtime: tokio::runtime::Runtime,
}

impl Looker {
    fn new() -> Self {
        let exe = Path::new(env!("CARGO_BIN_EXE_drplan"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { inspector: Inspector::new(exe, Path::new("/tmp"), false), runtime }
    }

    fn look(&self, file: &Path, pg_dump: &Value) -> Inspection {
        let probe = json!({ "file": file, "expect": { "pg_dump": pg_dump } });
        let probe = serde_json::from_value(probe).unwrap();
        let (env, cwd, shell) = (Env::default(), PathBuf::from("/"), Vec::new());
        self.runtime.block_on(self.inspector.ask(Question { probe, env, cwd, shell, moot: None, afar: None }))
    }
}

fn filled(edition: &Edition) -> Postgres {
    let server = edition.start();
    server.sql("postgres", "create database shop");
    server
        .sql("shop", "create table messages (id int); insert into messages select generate_series(1, 3000)");
    server
}

#[test]
fn a_head_tells_what_pg_restore_lists() {
    let dir = tempfile::tempdir().unwrap();
    let looker = Looker::new();
    let (older, newer) = Edition::both();
    let mut versions = Vec::new();
    for edition in [older, newer] {
        let server = filled(&edition);
        let mut ways: Vec<Vec<&str>> = vec![
            vec!["-Fc"],
            vec!["-Fc", "-Z0"],
            vec!["-Fc", "-Z9"],
            vec!["-Fd"],
            vec!["-Fd", "-Z0"],
            vec!["-Ft"],
        ];
        // What it was built with, it can do.
        for kind in ["lz4", "zstd"] {
            let way = vec!["-Fc", "-Z", kind];
            let mut tried = server.own_client("pg_dump");
            if tried.args(&way).args(["-f", "/dev/null", "shop"]).output().unwrap().status.success() {
                ways.push(way);
            }
        }
        for (at, way) in ways.iter().enumerate() {
            let archive = dir.path().join(format!("{}-{at}", edition.major));
            said(server.own_client("pg_dump").args(way).arg("-f").arg(&archive).arg("shop"));
            let list = listed(&edition, &archive, "UTC");
            let Inspection { verdict, note, facts } = looker.look(&archive, &json!("shop"));
            assert_eq!(verdict, Verdict::Good, "{way:?}: {note}");
            let time = facts.time.unwrap().for_people();
            assert_eq!(
                (&time, facts.version.as_ref()),
                (&list["time"], Some(&list["Dumped from database version"])),
                "{way:?}"
            );
            assert_eq!(list["dbname"], "shop", "{way:?}");
            let format = match way[0] {
                "-Fc" => "custom",
                "-Fd" => "directory",
                _ => "tar",
            };
            let dump_version = list["Dump Version"].trim_end_matches("-0");
            let dumper = &list["Dumped by pg_dump version"];
            for part in
                [format!("by pg_dump {dumper}, "), format!("({format} format {dump_version}, compression ")]
            {
                assert!(note.contains(&part), "{way:?}: no `{part}` in {note}");
            }
            // `gzip` or its level, as the version has it.
            let compression = list["Compression"].as_str();
            let is_none = compression == "0" || compression == "none";
            assert_eq!(
                note.contains("compression none"),
                is_none,
                "{way:?}: {compression} is not what {note} says"
            );
            if !is_none && compression.parse::<i32>().is_err() {
                assert!(
                    note.contains(&format!("compression {compression}")),
                    "{way:?}: {compression} is not in {note}"
                );
            }
            versions.push(dump_version.to_owned());
        }
    }
    versions.dedup();
    assert_eq!(versions, ["1.14", "1.16"], "the versions of PostgreSQL at hand write others now");
}

#[test]
fn an_archive_that_is_cut_in_its_head_is_bad_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let looker = Looker::new();
    let edition = Edition::of_the_machine();
    let server = filled(&edition);
    for (way, file) in [("-Fc", ""), ("-Ft", ""), ("-Fd", "toc.dat")] {
        let archive = dir.path().join(way);
        said(server.own_client("pg_dump").args([way, "-f"]).arg(&archive).arg("shop"));
        let file = if file.is_empty() { archive.clone() } else { archive.join(file) };
        let whole = fs::read(&file).unwrap();
        // The head ends with the version of pg_dump; what is behind it is the table of contents.
        let version = &listed(&edition, &archive, "UTC")["Dumped by pg_dump version"];
        let mut ends =
            whole.windows(version.len()).enumerate().filter(|(_, bytes)| *bytes == version.as_bytes());
        let end = ends.nth(1).expect("both versions are in it").0 + version.len();
        for count in 0..end {
            fs::write(&file, &whole[..count]).unwrap();
            let Inspection { verdict, note, .. } = looker.look(&archive, &json!({}));
            assert_eq!(verdict, Verdict::Bad, "{way}, {count} bytes: {note}");
        }
        fs::write(&file, &whole[..end]).unwrap();
        assert_eq!(looker.look(&archive, &json!({})).verdict, Verdict::Good, "{way}");
    }
    fs::remove_file(dir.path().join("-Fd/toc.dat")).unwrap();
    let bare = looker.look(&dir.path().join("-Fd"), &json!({}));
    assert!(bare.verdict == Verdict::Bad && bare.note.contains("is a folder without toc.dat"), "{bare:?}");
    // No permission is no verdict; root has every one.
    let held = looker.look(Path::new("/proc/1/mem"), &json!({}));
    assert_eq!(held.verdict, Verdict::Unknown, "{held:?}");
}

/// Dumps the shop by a clock of another zone, at a moment of the summer.
fn dumped_in(zone: &str, server: &Postgres, path: &Path) {
    let mut dump = server.client("pg_dump");
    dump.args(["-Fc", "-f"]).arg(path).arg("shop");
    dump.env("LD_PRELOAD", faketime())
        .env("FAKETIME", "@2026-06-10 03:00:04")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    said(dump.env("TZ", zone));
}

/// The machine that dumps has not the clock of UTC: what is inside is of another hour than it seems.
#[test]
fn the_clock_by_which_was_dumped_is_told_or_missed() {
    let server = filled(&Edition::of_the_machine());
    for (probe, with) in [
        ("file: $POINT_PATH, expect: { pg_dump: { database: shop", ", timezone: Europe/Zagreb } }"),
        ("use: pg-dump/verify, with: { tables: [messages]", ", timezone: Europe/Zagreb }"),
    ] {
        let close = if probe.starts_with("file") { " } }" } else { " }" };
        let shop = |with: &str, name: &str, zone: &str| {
            let shop = Shop::new(&format!(", verify: [ {{ {probe}{with} }} ]"), "");
            dumped_in(zone, &server, &shop.point(name));
            shop
        };
        // 03:00:04 in Zagreb is 01:00:04 of UTC.
        let good = shop(with, "db-20260610T010004Z.dump", "Europe/Zagreb");
        let (_, seen) = good.verify(&[]);
        let point = &seen["copies"][0]["looked_into"][0];
        assert_eq!(
            (&point["time"], &point["dated_by"]),
            (&json!("2026-06-10T01:00:04Z"), &json!("artifact")),
            "{probe}: {seen:#}"
        );
        assert!(!seen.to_string().contains("misdated"), "{probe}: {seen:#}");
        // `date` without `-u` under a name that says UTC: the point seems two hours younger than it is.
        let (_, seen) = shop(with, NEWEST, "Europe/Zagreb").verify(&[]);
        assert!(seen.to_string().contains("misdated"), "{probe}: {seen:#}");
        // The good twin of it all.
        shop(close, NEWEST, "UTC").is_good();
        if probe.starts_with("file") {
            let summer = "was made where summer time was in force, which does not fit UTC";
            shop(close, NEWEST, "Europe/Zagreb").has("unknown", "not-known", summer);
        }
    }
}

#[test]
fn a_head_says_whose_dump_it_is_and_how_far_it_was_looked_into() {
    let server = filled(&Edition::of_the_machine());
    server.sql("postgres", "create database staging template shop");
    let dump = |probe: &str, database: &str, more: &str| {
        let shop = Shop::today(&format!(", verify: [ {{ file: $POINT_PATH, expect: {probe} }} ]"), more);
        said(server.client("pg_dump").args(["-Fc", database, "-f"]).arg(shop.point(&of_now())));
        shop
    };
    let copy = dump("{ pg_dump: shop, min_bytes: 100 }", "shop", "policy: { integrity: header }\n").is_good();
    assert_eq!(
        (&copy["integrity"], &copy["looked_into"][0]["dated_by"]),
        (&"header".into(), &"artifact".into()),
        "{copy:#}"
    );
    dump("{ pg_dump: $DB }", "shop", "vars: { DB: shop }\n").is_good();
    // The same tables, of another database.
    dump("{ pg_dump: shop }", "staging", "").has(
        "failure",
        "not-good",
        "is a dump of the database staging, not of shop",
    );
    // That a file is there says nothing of its head.
    dump("{ min_bytes: 100 }", "shop", "policy: { integrity: header }\n").has(
        "failure",
        "integrity-too-low",
        "as far as `listed`",
    );
    for (content, why) in [
        (
            "<html><head><title>502 Bad Gateway</title></head></html>\n".as_bytes().to_vec(),
            "is nothing that pg_dump has written",
        ),
        // The size of a dump, and nothing in it: the power went before the disk had it.
        (vec![0; 100_000], "is nothing that pg_dump has written"),
    ] {
        let shop = dump("{ pg_dump: shop, min_bytes: 50 }", "shop", "");
        let newest = fs::read_dir(shop.point("")).unwrap().next().unwrap().unwrap().path();
        fs::write(newest, content).unwrap();
        shop.has("failure", "not-good", why);
    }
}

#[test]
fn a_head_is_read_from_a_bucket_by_its_first_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let server = filled(&Edition::of_the_machine());
    let (file, folder) = (dir.path().join("file"), dir.path().join("folder"));
    said(server.client("pg_dump").args(["-Fc", "shop", "-f"]).arg(&file));
    said(server.client("pg_dump").args(["-Fd", "shop", "-f"]).arg(&folder));
    let s3 = S3::start();
    s3.make("vault");
    let verify = |folder: &str, expect: &str| {
        let stage = Stage::new(&format!(
            "vars: {{ AWS_ENDPOINT_URL: '{}', AWS_ACCESS_KEY_ID: {} }}\n\
             secrets: {{ AWS_SECRET_ACCESS_KEY: {{ file: vault/key }} }}\n\
             places: {{ vps: {{ kind: host }}, s3: {{ kind: bucket }} }}\n\
             assets: {{ db: {{ kind: postgresql, homes: [vps], rpo: 26h }} }}\n\
             backups: {{ nightly: {{ of: [db], points: {{ every: 24h }}, copies: {{ s3: {{ in: s3, at: 's3://vault/{folder}/', \
             keep: 12h, key: AWS_SECRET_ACCESS_KEY, verify: [ {{ file: $POINT_PATH, expect: {expect} }} ] }} }} }} }}\n",
            s3.url(),
            READER.0
        ));
        stage.write("vault/key", READER.1);
        let ran = stage.run(&["verify", "plan.yaml", "--format", "json"]);
        let seen: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}\n{}", ran.out, ran.err));
        seen["plans"][0]["copies"][0].clone()
    };
    let name = of_now();
    let whole = fs::read(&file).unwrap();
    s3.put(&format!("/vault/custom/{name}"), &whole);
    s3.put(&format!("/vault/folder/{name}/toc.dat"), fs::read(folder.join("toc.dat")).unwrap());
    s3.put(&format!("/vault/cut/{name}"), &whole[..60]);
    s3.put(&format!("/vault/none/{name}"), "");
    for kind in ["custom", "folder"] {
        let copy = verify(kind, "{ pg_dump: shop }");
        assert!(copy["verdict"].is_null() && copy["integrity"] == "header", "{kind}: {copy:#}");
        assert_eq!(copy["looked_into"][0]["dated_by"], "artifact", "{kind}: {copy:#}");
    }
    for (kind, why) in [("cut", "ends after 60 bytes, in the middle of its head"), ("none", "is empty")] {
        let copy = verify(kind, "{ pg_dump: shop }");
        assert!(
            copy["verdict"] == "failure" && copy["problems"].to_string().contains(why),
            "{kind}: {copy:#}"
        );
    }
    let sum = said(Command::new("sha256sum").arg(&file));
    let sum = sum.split_whitespace().next().unwrap();
    let copy = verify("custom", &format!("{{ min_bytes: 100, max_age: 1h, sha256: '{sum}' }}"));
    assert!(copy["verdict"].is_null() && copy["integrity"] == "digest", "{copy:#}");
    let least = whole.len() + 1;
    let copy = verify("custom", &format!("{{ min_bytes: {least} }}"));
    assert!(
        copy["problems"].to_string().contains(&format!("has {} bytes, fewer than {least}", whole.len())),
        "{copy:#}"
    );
    let copy = verify("custom", &format!("{{ sha256: '{}' }}", "0".repeat(64)));
    assert!(
        copy["verdict"] == "failure" && copy["problems"].to_string().contains("has the SHA-256"),
        "{copy:#}"
    );
}
