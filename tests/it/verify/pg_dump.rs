//! The recipe `pg-dump/verify`, against what the real `pg_dump` writes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Shop, of_now};
use crate::servers::{Edition, Postgres, said};

const USE: &str = ", verify: [ { use: pg-dump/verify, with: { tables: [messages] } } ]";

fn server() -> Postgres {
    filled(Postgres::start())
}

fn filled(server: Postgres) -> Postgres {
    server.sql("postgres", "create database shop");
    server.sql("postgres", "create database empty");
    server.sql(
        "shop",
        "create table messages (id int, body text); create table users (id int); create table \"Odd name\" (a int); \
         insert into messages select g, 'message ' || g || chr(10) || md5(g::text) from generate_series(1, 3000) g; \
         insert into users select generate_series(1, 20)",
    );
    server
}

/// A shop with a point as `pg_dump` writes it.
struct Dumped {
    shop: Shop,
    name: String,
}

impl std::ops::Deref for Dumped {
    type Target = Shop;

    fn deref(&self) -> &Shop {
        &self.shop
    }
}

fn shop(server: &Postgres, copy: &str, args: &[&str]) -> Dumped {
    named(server, copy, args, of_now())
}

fn named(server: &Postgres, copy: &str, args: &[&str], name: String) -> Dumped {
    let shop = Shop::today(copy, "");
    let path = shop.point(&name).display().to_string();
    said(server.client("pg_dump").args(args).args(["-f", &path]));
    Dumped { shop, name }
}

impl Dumped {
    fn path(&self) -> PathBuf {
        self.shop.point(&self.name)
    }

    fn pack(&self) {
        let packed = self.shop.0.path().join("packed");
        let out = fs::File::create(&packed).unwrap();
        assert!(Command::new("gzip").args(["-nc"]).arg(self.path()).stdout(out).status().unwrap().success());
        fs::rename(packed, self.path()).unwrap();
    }

    fn cut(&self, to: usize) {
        let mut bytes = fs::read(self.path()).unwrap();
        assert!(bytes.len() > to, "there are {} bytes", bytes.len());
        bytes.truncate(to);
        fs::write(self.path(), bytes).unwrap();
    }
}

#[test]
fn every_format_is_read_to_its_end() {
    let server = server();
    for (args, packed) in [
        (&["-Fc"][..], false),
        (&["-Fd"], false),
        (&["-Ft"], false),
        (&["-Fp"], false),
        (&["-Fp"], true),
        (&["-Fp", "--inserts"], false),
    ] {
        let shop = shop(&server, USE, &[args, &["shop"]].concat());
        if packed {
            shop.pack();
        }
        let copy = shop.is_good();
        let facts = &copy["looked_into"][0]["facts"];
        assert_eq!((&facts["rows"], &copy["integrity"]), (&3020.into(), &"read".into()), "{args:?} {copy:#}");
        let mut tables: Vec<String> = facts["tables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|table| format!("{} {}", table["name"].as_str().unwrap(), table["rows"]))
            .collect();
        tables.sort();
        assert_eq!(tables, ["public.Odd name 0", "public.messages 3000", "public.users 20"], "{args:?}");
    }
}

#[test]
fn the_moment_inside_goes_before_the_name() {
    let server = server();
    shop(&server, USE, &["-Fc", "shop"]).is_good();
    // An old dump under a new name, as who copies a file that nobody writes any more.
    let shop = named(&server, USE, &["-Fc", "shop"], "db-20260610T030004Z.dump".to_owned());
    shop.has("failure", "misdated", "its name says 2026-06-10T03:00:04Z, and what is inside is of");
    // What is asked at a moment before is not told of what has come since.
    let (_, seen) = shop.verify(&["--as-of", "2026-06-10T12:00:00Z"]);
    assert_eq!(seen["copies"][0]["looked_into"][0]["dated_by"], "artifact");
}

#[test]
fn what_is_cut_or_damaged_is_found() {
    let server = server();
    let dump = |args: &[&str]| shop(&server, USE, &[args, &["shop"]].concat());
    let custom = dump(&["-Fc"]);
    custom.cut(20_000);
    custom.has("failure", "not-good", "it cannot be read to its end");
    let head = dump(&["-Fc"]);
    head.cut(30);
    head.has("failure", "not-good", "");
    let folder = dump(&["-Fd"]);
    let part = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let part = part.filter(|path| path.extension().is_some_and(|end| end == "gz"));
    let largest = part.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    fs::remove_file(largest).unwrap();
    folder.has("failure", "not-good", "it cannot be read to its end");
    let plain = dump(&["-Fp"]);
    plain.cut(20_000);
    plain.has("failure", "not-good", "pg_dump did not finish");
    // pg_dump has died, and gzip has ended well.
    plain.pack();
    let packed = fs::File::open(plain.path()).unwrap();
    assert!(Command::new("gzip").arg("-t").stdin(packed).status().unwrap().success());
    plain.has("failure", "not-good", "pg_dump did not finish");
    let packed = dump(&["-Fp"]);
    packed.pack();
    packed.cut(10_000);
    packed.has("failure", "not-good", "unexpected end of file");
    fs::write(packed.path(), "an html page that says 404").unwrap();
    packed.has("failure", "not-good", "nothing that pg_dump has written");
}

/// The disk fills while it is dumped, and what there is stands under its final name.
#[test]
fn a_dump_on_a_full_disk_is_found() {
    let server = server();
    let dumped_on = |size: &str| {
        let shop = Shop::today(USE, "");
        let script = "mount -t tmpfs -o size=$1 tmpfs /mnt; PGHOST=$2 pg_dump -U postgres -Fc -Z0 -f /mnt/dump shop && echo whole; \
                      cp /mnt/dump \"$3\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "bash", "-c", script, "dump", size]);
        let name = of_now();
        let output = command.arg(server.socket()).arg(shop.point(&name)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (Dumped { shop, name }, output.stdout == b"whole\n", said)
    };
    let (whole, ended_well, said) = dumped_on("10M");
    assert!(ended_well, "{said}");
    whole.is_good();
    let (part, ended_well, said) = dumped_on("64k");
    assert!(!ended_well && said.contains("No space left on device"), "{said}");
    assert!(fs::metadata(part.path()).unwrap().len() > 50_000);
    part.has("failure", "not-good", "it cannot be read to its end");
}

#[test]
fn a_dump_of_a_newer_pg_dump_is_unknown() {
    let (older, newer) = Edition::both();
    let server = filled(newer.start());
    let read_by = |edition: &Edition| {
        let shop =
            Shop::today(USE, &format!("vars: {{ PATH: '{}:/usr/bin:/bin' }}\n", edition.bin.display()));
        said(server.own_client("pg_dump").args(["-Fc", "shop", "-f"]).arg(shop.point(&of_now())));
        shop
    };
    read_by(&newer).is_good();
    read_by(&older).has(
        "unknown",
        "not-known",
        &format!("it is of a newer pg_dump than this pg_restore (PostgreSQL) {}", older.major),
    );
    // What is of an older one can be read.
    let server = filled(older.start());
    let shop = Shop::today(USE, &format!("vars: {{ PATH: '{}:/usr/bin:/bin' }}\n", newer.bin.display()));
    said(server.own_client("pg_dump").args(["-Fc", "shop", "-f"]).arg(shop.point(&of_now())));
    shop.is_good();
}

#[test]
fn rot_without_compression_is_found_by_the_producers_digest() {
    let server = server();
    let shop = shop(&server, USE, &["-Fc", "-Z0", "shop"]);
    let path = shop.path();
    let sum = said(Command::new("sha256sum").arg(&path));
    fs::write(shop.point(&format!("{}.sha256", shop.name)), sum).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(12).position(|window| window == b"message 1500").unwrap();
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let copy = shop.has("failure", "digest-differs", "the SHA-256 differs");
    assert!(!copy["problems"].to_string().contains("not-good"), "pg_restore alone does not see it: {copy:#}");
}

#[test]
fn what_is_empty_or_left_out_is_found() {
    let server = server();
    shop(&server, USE, &["-Fc", "empty"]).has("failure", "not-good", "the table messages is not in it");
    let left_out = shop(&server, USE, &["-Fc", "-T", "messages", "shop"]);
    left_out.has("failure", "not-good", "the table messages is not in it");
    let bare = shop(&server, USE, &["-Fp", "--schema-only", "shop"]);
    bare.has("failure", "not-good", "the table messages has no rows in it");
    // Without being asked for a table: half a dump is none, unless it is said that the other half is elsewhere.
    let plain = ", verify: [ { use: pg-dump/verify } ]";
    let with_part = |part: &str| format!(", verify: [ {{ use: pg-dump/verify, with: {{ part: {part} }} }} ]");
    for format in ["-Fc", "-Fp"] {
        shop(&server, plain, &[format, "empty"]).is_good();
        shop(&server, plain, &[format, "--schema-only", "shop"]).has(
            "failure",
            "not-good",
            "it is of pg_dump --schema-only",
        );
        shop(&server, plain, &[format, "--data-only", "shop"]).has(
            "failure",
            "not-good",
            "it is of pg_dump --data-only",
        );
        shop(&server, &with_part("schema"), &[format, "--schema-only", "shop"]).is_good();
        shop(&server, &with_part("data"), &[format, "--data-only", "shop"]).is_good();
        shop(&server, &with_part("data"), &[format, "--schema-only", "shop"]).has(
            "failure",
            "not-good",
            "--schema-only",
        );
    }
    server.sql("empty", "create table without_rows (a int)");
    for args in [&["-Fc", "empty"][..], &["-Fp", "empty"], &["-Fp", "--inserts", "empty"]] {
        shop(&server, plain, args).is_good();
    }
    let floor = ", verify: [ { use: pg-dump/verify } ], floor: { rows: 1000, tables: { users: 10 } }";
    shop(&server, floor, &["-Fc", "shop"]).is_good();
    shop(&server, floor, &["-Fp", "shop"]).is_good();
    shop(&server, floor, &["-Fp", "empty"]).has("failure", "below-floor", "it holds 0 rows");
    let floor_of_users = floor.replace("users: 10", "users: 21");
    let few = shop(&server, &floor_of_users, &["-Fc", "shop"]);
    few.has("failure", "below-floor", "users has 20 rows in it, fewer than 21");
    shop(&server, floor, &["-Fp", "-T", "users", "shop"]).has(
        "failure",
        "below-floor",
        "the table users is not in it",
    );
}

#[test]
fn a_check_that_breaks_is_unknown_and_never_well() {
    let broken = |with: &str, path: &str| {
        let copy = format!(", verify: [ {{ use: pg-dump/verify{with} }} ]");
        let shop = Shop::today(&copy, &format!("vars: {{ PATH: '{path}' }}\n"));
        let name = of_now();
        shop.with(&name, "PGDMP and what follows")
    };
    broken("", "/nowhere").has("unknown", "not-known", "it needs pg_restore");
    let stand_in = |body: &str| {
        let shop = broken(", timeout: 2s", "bin:/usr/bin:/bin");
        shop.0.write("bin/pg_restore", &format!("#!/bin/bash\n{body}\n"));
        let tool = shop.0.path().join("bin/pg_restore");
        fs::set_permissions(tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        shop
    };
    stand_in("exec sleep 600").has("unknown", "not-known", "no answer within 2s");
    stand_in("kill -SEGV $$").has("unknown", "not-known", "signal 11");
    stand_in("exit 0").has("unknown", "not-known", "lists nothing");
    let newer = "echo 'pg_restore: error: unsupported version (1.16) in file header' >&2; exit 1";
    stand_in(newer).has("unknown", "not-known", "it is of a newer pg_dump than");
}

#[test]
fn a_dump_of_what_one_account_may_see_is_unknown() {
    let server = server();
    server.sql(
        "shop",
        "create role clerk login; grant select on all tables in schema public to clerk; grant pg_read_all_data to clerk; \
         alter table messages enable row level security; create policy own on messages to clerk using (id < 10)",
    );
    let by = |args: &[&str]| {
        shop(
            &server,
            ", verify: [ { use: pg-dump/verify, with: { tables: [messages] } } ]",
            &[args, &["shop"]].concat(),
        )
    };
    // By default such a dump fails, and that of the owner holds all.
    assert!(
        !server
            .client("pg_dump")
            .args(["-U", "clerk", "-Fc", "-f", "/dev/null", "shop"])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(by(&["-Fc"]).is_good()["looked_into"][0]["facts"]["rows"], 3020);
    let part = by(&["-Fp", "-U", "clerk", "--enable-row-security"]);
    let copy = part.has("unknown", "not-known", "what its account may not see is not in it");
    assert_eq!(copy["looked_into"][0]["facts"]["rows"], 29, "{copy:#}");
}
