//! The recipes for the roles and the base backups of PostgreSQL, against what the real tools write.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Shop, of_now};
use crate::servers::{Postgres, said};

/// A shop with one point, made of these bytes.
fn shop_of(verify: &str, bytes: impl AsRef<[u8]>) -> Shop {
    Shop::today(&format!(", verify: [ {verify} ]"), "").with(&of_now(), bytes)
}

/// Makes programs that the probes of a shop find before all others.
pub(super) fn stand_in(shop: &Shop, tool: &str, body: &str) {
    shop.0.write(&format!("bin/{tool}"), &format!("#!/bin/bash\n{body}\n"));
    let path = shop.0.path().join("bin").join(tool);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    let plan = shop.0.read("plan.yaml");
    if !plan.contains("vars:") {
        let bin = shop.0.path().join("bin");
        shop.0.write("plan.yaml", &format!("{plan}vars: {{ PATH: '{}:/usr/bin:/bin' }}\n", bin.display()));
    }
}

const GLOBALS: &str =
    "{ use: postgres/verify-globals, with: { roles: [app, 'Odd \"name'], passwords: [app] } }";

#[test]
fn the_roles_of_a_cluster_are_counted_and_held_to_the_mark_at_the_end() {
    let server = Postgres::start();
    server.sql(
        "postgres",
        "create role app login password 'one two'; create role \"Odd \"\"name\"; create table t (body text); \
         insert into t values ('-- PostgreSQL database cluster dump complete'), ('CREATE ROLE nobody;')",
    );
    let dump = |args: &[&str]| {
        let out = server.client("pg_dumpall").args(args).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    for args in
        [&["--globals-only"][..], &["--roles-only"], &["--globals-only", "--clean", "--if-exists"], &[]]
    {
        let copy = shop_of(GLOBALS, dump(args)).is_good();
        let facts = &copy["looked_into"][0]["facts"];
        assert_eq!((&facts["rows"], &copy["integrity"]), (&3.into(), &"read".into()), "{args:?} {copy:#}");
    }
    let copy = shop_of(GLOBALS, dump(&["--globals-only", "--verbose"])).is_good();
    assert_eq!(copy["looked_into"][0]["dated_by"], "artifact", "{copy:#}");
    let good = dump(&["--globals-only"]);
    let packed = |bytes: &[u8], packer: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("dump"), bytes).unwrap();
        let script = format!("{packer} -c dump >packed");
        said(Command::new("bash").args(["-c", &script]).current_dir(folder.path()));
        fs::read(folder.path().join("packed")).unwrap()
    };
    shop_of(GLOBALS, packed(&good, "zstd -q")).is_good();
    let gz = packed(&good, "gzip");
    shop_of(GLOBALS, &gz).is_good();
    let bad = |bytes: &[u8], words: &str| drop(shop_of(GLOBALS, bytes).has("failure", "not-good", words));
    bad(&gz[..gz.len() - 20], "cannot be unpacked");
    bad(&good[..good.len() - 50], "pg_dumpall did not finish");
    // What died in a pipe: gzip has ended well.
    bad(&packed(&good[..good.len() - 50], "gzip"), "pg_dumpall did not finish");
    // A row that looks like the mark is none.
    let all = dump(&[]);
    bad(&all[..all.len() - 50], "pg_dumpall did not finish");
    bad(&dump(&["--globals-only", "--no-role-passwords"]), "the role app has no password");
    bad(&dump(&["--tablespaces-only"]), "there is no role in it");
    bad(&said(server.client("pg_dump").arg("postgres")).into_bytes(), "is the dump of a database");
    bad(b"<html>not found</html>", "nothing that pg_dumpall has written");
    server.sql("postgres", "drop role \"Odd \"\"name\"");
    bad(&dump(&["--globals-only"]), "the role Odd \"name is not in it");
}

/// A server whose data has a tablespace, and a folder for backups of it.
struct Source {
    server: Postgres,
    folder: tempfile::TempDir,
}

impl Source {
    fn new() -> Self {
        let server = Postgres::start();
        let folder = tempfile::tempdir().unwrap();
        let space = folder.path().join("space");
        fs::create_dir(&space).unwrap();
        crate::servers::give_to("postgres", &space);
        said(Command::new("chmod").arg("a+x").arg(folder.path()));
        server.sql("postgres", &format!("create tablespace space location '{}'", space.display()));
        server.sql("postgres", "create table t tablespace space as select generate_series(1, 1000) a");
        Self { server, folder }
    }

    /// A shop whose point is a base backup that was made just now.
    fn backup(&self, verify: &str, args: &[&str]) -> Base {
        self.named(verify, args, &of_now().replace(".dump", ""))
    }

    fn named(&self, verify: &str, args: &[&str], name: &str) -> Base {
        let shop = Shop::today(&format!(", verify: [ {verify} ]"), "");
        let base = shop.point(name);
        let space = self.folder.path().join("space").display().to_string();
        let map = format!("--tablespace-mapping={space}={}/moved", shop.0.path().display());
        let mut command = self.server.client("pg_basebackup");
        command.args(["-c", "fast", "-D"]).arg(&base).args(args);
        if !args.contains(&"-Ft") {
            command.arg(map);
        }
        said(&mut command);
        Base { shop, base }
    }
}

struct Base {
    shop: Shop,
    base: PathBuf,
}

impl Base {
    fn bad(&self, words: &str) {
        self.shop.has("failure", "not-good", words);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    fn is_good(&self, level: &str) {
        let copy = self.shop.is_good();
        let point = &copy["looked_into"][0];
        assert_eq!((&copy["integrity"], &point["dated_by"]), (&level.into(), &"artifact".into()), "{copy:#}");
        assert!(point["facts"]["files"].as_u64().unwrap() > 900, "{copy:#}");
    }
}

/// Changes a byte.
pub(super) fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x55;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, to: usize) {
    let bytes = fs::read(path).unwrap();
    assert!(bytes.len() > to, "{} has {} bytes", path.display(), bytes.len());
    fs::write(path, &bytes[..to]).unwrap();
}

const BASE: &str = "{ use: postgres/verify-base }";

#[test]
fn a_base_backup_is_held_to_its_manifest_and_its_wal() {
    let source = Source::new();
    let good = source.backup(BASE, &[]);
    good.is_good("read");
    // Digests beside the files are no part of it.
    let script = "find . -type f ! -name SHA256SUMS -exec sha256sum {} + >SHA256SUMS";
    said(Command::new("bash").args(["-c", script]).current_dir(&good.base));
    // Of the link to the tablespace there is none.
    good.shop.has("warning", "not-covered", "pg_tblspc");
    fs::remove_file(good.path("SHA256SUMS")).unwrap();
    let system = source.server.sql("postgres", "select system_identifier from pg_control_system()");
    let of = |id: &str| {
        source.backup(&format!("{{ use: postgres/verify-base, with: {{ system: '{id}' }} }}"), &[])
    };
    of(&system).is_good("read");
    of("12").bad("it is of the cluster");

    let hold = good.path("base/1/2600");
    flip(&hold, 3000);
    good.bad("checksum mismatch for file \"base/1/2600\"");
    flip(&hold, 3000);
    good.is_good("read");
    let bytes = fs::read(&hold).unwrap();
    fs::remove_file(&hold).unwrap();
    good.bad("is present in the manifest but not on disk");
    fs::write(&hold, bytes).unwrap();
    let segment = fs::read_dir(good.path("pg_wal")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.filter(|path| path.is_file()).min().unwrap();
    let whole = fs::read(&segment).unwrap();
    // Where the backup begins in the segment, its manifest says.
    let manifest = fs::read_to_string(good.path("backup_manifest")).unwrap();
    let start = manifest.split("\"Start-LSN\": \"0/").nth(1).unwrap().split('"').next().unwrap();
    flip(&segment, usize::from_str_radix(start, 16).unwrap() % (1 << 20) + 30);
    good.bad("is missing or damaged");
    fs::write(&segment, whole).unwrap();
    good.is_good("read");
    fs::remove_file(&segment).unwrap();
    good.bad("the WAL that it needs is");
    let label = source.backup(BASE, &[]);
    fs::remove_file(label.path("backup_label")).unwrap();
    label.bad("it has no backup_label");
    fs::remove_file(label.path("backup_manifest")).unwrap();
    label.bad("it has no backup_manifest");
}

#[test]
fn a_base_backup_in_archives_is_read_to_its_end() {
    let source = Source::new();
    for args in [&["-Ft"][..], &["-Ft", "-z"], &["-Ft", "--manifest-checksums=SHA256"]] {
        source.backup(BASE, args).is_good("read");
    }
    source.backup(BASE, &["-Ft", "-z", "--manifest-checksums=NONE"]).is_good("header");
    let plain = source.backup(BASE, &["-Ft"]);
    let middle = fs::metadata(plain.path("base.tar")).unwrap().len() / 2;
    flip(&plain.path("base.tar"), usize::try_from(middle).unwrap());
    plain.bad("it differs from its manifest");
    cut(&plain.path("base.tar"), usize::try_from(middle).unwrap());
    plain.bad("base.tar");
    let packed = source.backup(BASE, &["-Ft", "-z"]);
    let bytes = fs::read(packed.path("base.tar.gz")).unwrap();
    cut(&packed.path("base.tar.gz"), bytes.len() / 2);
    packed.bad("base.tar.gz cannot be read to its end");
    fs::write(packed.path("base.tar.gz"), &bytes).unwrap();
    flip(&packed.path("base.tar.gz"), bytes.len() / 2);
    packed.bad("base.tar.gz cannot be read to its end");
    fs::write(packed.path("base.tar.gz"), &bytes).unwrap();
    packed.is_good("read");
    let space = fs::read_dir(&packed.base).unwrap().map(|entry| entry.unwrap().path());
    let space =
        space.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with('1')).last().unwrap();
    let bytes = fs::read(&space).unwrap();
    fs::remove_file(&space).unwrap();
    packed.bad("is present in the manifest but not on disk");
    fs::write(&space, bytes).unwrap();
    fs::remove_file(packed.path("pg_wal.tar.gz")).unwrap();
    packed.bad("the WAL that it needs is not in it");
    source.backup(BASE, &["-Ft", "-z", "-X", "none"]).bad("the WAL that it needs is not in it");
    source.backup(BASE, &["-X", "none"]).bad("the WAL that it needs is not in it");
}

#[test]
fn archives_that_are_too_large_to_be_unpacked_are_held_to_the_list_of_files() {
    let source = Source::new();
    let small = |args: &[&str]| {
        let base = source.backup(BASE, args);
        stand_in(&base.shop, "df", "echo Avail; echo 1000");
        base
    };
    small(&["-Ft", "-z"]).is_good("read");
    let plain = small(&["-Ft"]);
    plain.is_good("header");
    let space = fs::read_dir(&plain.base).unwrap().map(|entry| entry.unwrap().path());
    let space =
        space.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with('1')).last().unwrap();
    fs::remove_file(&space).unwrap();
    plain.bad("is missing");
    let cut_off = small(&["-Ft", "-z"]);
    cut(&cut_off.path("base.tar.gz"), 1_000_000);
    cut_off.bad("cannot be read to its end");
    fs::remove_file(cut_off.path("base.tar.gz")).unwrap();
    cut_off.bad("neither PG_VERSION nor base.tar");
}

#[test]
fn an_old_base_backup_under_a_new_name_is_found_and_a_tool_that_breaks_is_unknown() {
    let source = Source::new();
    let old = source.named(BASE, &[], "db-20260610T030004Z");
    old.shop.has("failure", "misdated", "its name says 2026-06-10T03:00:04Z");
    let with_bin = "{ use: postgres/verify-base, with: { bin: bin }, timeout: 3s }";
    let tools = ["pg_verifybackup", "pg_waldump", "pg_controldata"];
    let broken = |tool: &str, body: &str| {
        let base = source.backup(with_bin, &[]);
        for one in tools {
            stand_in(&base.shop, one, &format!("exec {} \"$@\"", crate::servers::program(one)));
        }
        let version = "case $1 in --version) echo \"x (PostgreSQL) 15.1\"; exit ;; esac";
        let major = fs::read_to_string(base.path("PG_VERSION")).unwrap();
        let version = version.replace("15", major.trim());
        if !tool.is_empty() {
            stand_in(&base.shop, tool, &format!("{version}\n{body}"));
        }
        base.shop
    };
    broken("", "").is_good();
    for tool in ["pg_verifybackup", "pg_waldump"] {
        broken(tool, "exit 0").has("unknown", "not-known", "says nothing of what it has");
        broken(tool, "kill -SEGV $$").has("unknown", "not-known", "");
    }
    broken("pg_waldump", "exec sleep 600").has("unknown", "not-known", "no answer within 3s");
    let other = broken("", "");
    stand_in(&other, "pg_verifybackup", "echo 'pg_verifybackup (PostgreSQL) 9.6.1'");
    other.has("unknown", "not-known", "and here is pg_verifybackup (PostgreSQL) 9.6.1");
    // The manifest may be of a backup that never came to its end.
    let unfinished = source.backup(BASE, &[]);
    cut(&unfinished.path("backup_manifest"), 5000);
    unfinished.bad("its backup_manifest is cut off");
}
