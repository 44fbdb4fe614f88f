//! The recipe for Barman, against a real one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Shop;
use super::postgres::{flip, stand_in};
use crate::servers::{Postgres, as_account, give_to, program, said};
use crate::stage::until;

/// A server whose WAL Barman takes, with two backups.
struct Source {
    server: Postgres,
    folder: tempfile::TempDir,
}

fn config(home: &str, log: &str, server: &Postgres) -> String {
    let socket = server.socket().display();
    let bin = PathBuf::from(program("postgres"));
    format!(
        "[barman]\nbarman_user = postgres\nbarman_home = {home}\nlog_file = {log}\nlog_level = INFO\n\
         [main]\ndescription = main\nconninfo = host={socket} user=postgres dbname=postgres\n\
         streaming_conninfo = host={socket} user=postgres\nbackup_method = postgres\narchiver = on\n\
         path_prefix = {}\nimmediate_checkpoint = true\ncompression = gzip\n",
        bin.parent().unwrap().display()
    )
}

impl Source {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        give_to("postgres", folder.path());
        let home = folder.path().join("home").display().to_string();
        let archive = format!("archive_command = 'cp %p {home}/main/incoming/%f'");
        let server = Postgres::make(&["archive_mode = on", "wal_level = replica", &archive]);
        let log = folder.path().join("log").display().to_string();
        fs::write(folder.path().join("barman.conf"), config(&home, &log, &server)).unwrap();
        let mut source = Self { server, folder };
        // It makes its folders, and says that there is no server yet.
        let mut first = source.barman(&["check", "main"]);
        first.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        source.server.up();
        source.fill();
        for _ in 0..2 {
            said(&mut source.barman(&["backup", "--wait", "main"]));
            source.fill();
            source.fill();
        }
        source
    }

    fn barman(&self, words: &[&str]) -> Command {
        let mut command = as_account("postgres", "barman");
        command.arg("-c").arg(self.folder.path().join("barman.conf")).args(words);
        command.env("HOME", self.folder.path()).current_dir("/");
        command
    }

    /// Fills a segment, and has it archived.
    fn fill(&self) {
        self.server.sql(
            "postgres",
            "create table if not exists t (a int); insert into t select generate_series(1, 3000)",
        );
        self.server.sql("postgres", "select pg_switch_wal()");
        let archived =
            "select last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) from pg_stat_archiver";
        until("all is archived", || self.server.sql("postgres", archived) == "t");
        said(&mut self.barman(&["archive-wal", "main"]));
    }

    /// A shop whose copy is Barman's folder as it is now.
    fn shop(&self, with: &str) -> Catalog {
        let verify =
            format!("{{ use: postgres/verify-barman, with: {{ config: barman.conf, server: main{with} }} }}");
        let shop = Shop::today(&format!(", verify: [ {verify} ]"), "");
        said(Command::new("cp").arg("-aT").arg(self.folder.path().join("home")).arg(shop.point("")));
        let path = |name: &str| shop.0.path().join(name).display().to_string();
        shop.0.write("barman.conf", &config(&path("points"), &path("log"), &self.server));
        Catalog(shop)
    }
}

struct Catalog(Shop);

fn change(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

impl Catalog {
    fn bad(&self, words: &str) {
        self.0.has("failure", "not-good", words);
    }

    fn is_good(&self, level: &str) {
        let copy = self.0.is_good();
        assert_eq!((&copy["integrity"], &copy["count"]), (&level.into(), &2.into()), "{copy:#}");
        assert!(!self.0.0.has("log"), "it has written a log");
    }

    /// The entries of a folder, the oldest first.
    fn all(&self, folder: &str) -> Vec<PathBuf> {
        let all = fs::read_dir(self.0.point("main").join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<PathBuf> = all.filter(|path| path.extension().is_none()).collect();
        all.sort();
        all
    }

    fn wal(&self) -> Vec<PathBuf> {
        self.all("wals/0000000100000000")
    }

    fn newest(&self, name: &str) -> PathBuf {
        self.all("base").last().unwrap().join(name)
    }
}

#[test]
fn what_barman_keeps_is_really_read() {
    let source = Source::new();
    source.shop("").is_good("read");
    source.shop(", read: none").is_good("header");
    let rot = source.shop("");
    flip(&rot.newest("data/base/1/2600"), 5000);
    rot.bad("checksum mismatch for file \"base/1/2600\"");
    fs::remove_file(rot.newest("data/base/1/2600")).unwrap();
    rot.bad("present in the manifest but not on disk");
    fs::remove_file(rot.newest("data/backup_manifest")).unwrap();
    rot.bad("has no backup_manifest");
    fs::remove_dir_all(rot.newest("data")).unwrap();
    rot.bad("is not there");
    let cut = source.shop("");
    let last = cut.wal().pop().unwrap();
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, &bytes[..bytes.len() / 2]).unwrap();
    cut.bad("cannot be unpacked");
    let (_, seen) = source.shop("").0.verify(&["--as-of", "2126-06-10T12:00:00Z"]);
    assert!(seen["copies"][0]["problems"].to_string().contains("stale"), "{seen:#}");
}

#[test]
fn what_barman_lacks_is_found() {
    let source = Source::new();
    let other = source.shop("");
    change(&other.0.0.path().join("barman.conf"), "[main]", "[other]");
    other.bad("Barman knows no server main");
    // Barman lists segments that are gone.
    let gone = source.shop("");
    fs::remove_file(gone.wal().last().unwrap()).unwrap();
    gone.bad("is noted by Barman, and not there");
    // What never arrived it has not noted.
    let forget = |catalog: &Catalog, at: usize| {
        let path = catalog.wal()[at].clone();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        fs::remove_file(path).unwrap();
        let notes = catalog.0.point("main/wals/xlog.db");
        let text = fs::read_to_string(&notes).unwrap();
        let left: Vec<&str> = text.lines().filter(|line| !line.starts_with(&format!("{name}\t"))).collect();
        fs::write(notes, left.join("\n") + "\n").unwrap();
    };
    let gap = source.shop("");
    forget(&gap, 1);
    gap.bad("the WAL has a gap");
    let gap = source.shop(", wal: newest");
    forget(&gap, 1);
    gap.is_good("read");
    let first = source.shop("");
    forget(&first, 0);
    first.bad("lacks the WAL segment");
    let failed = source.shop("");
    for backup in failed.all("base") {
        change(&backup.join("backup.info"), "status=DONE", "status=FAILED");
    }
    failed.bad("is FAILED");
    let none = source.shop("");
    fs::remove_dir_all(none.0.point("main/base")).unwrap();
    none.bad("it has no backup that is done");
}

#[test]
fn a_barman_that_lies_or_crashes_is_unknown() {
    let source = Source::new();
    let version = "case $1 in --version) exec /usr/bin/barman --version ;; esac\n";
    for (body, words) in [
        ("exit 0", "lists nothing"),
        ("kill -SEGV $$", ""),
        (
            "case \" $* \" in *\" verify-backup \"*) exit 0 ;; esac; exec /usr/bin/barman \"$@\"",
            "does not say what verify-backup has looked at",
        ),
    ] {
        let shop = source.shop("");
        stand_in(&shop.0, "barman", &format!("{version}{body}"));
        shop.0.has("unknown", "not-known", words);
    }
    let with_prefix = |prefix: Option<String>| {
        let shop = source.shop("");
        let conf = shop.0.0.path().join("barman.conf");
        let text = fs::read_to_string(&conf).unwrap();
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("path_prefix")).collect();
        let line = prefix.map(|name| format!("path_prefix = {}/{name}", shop.0.0.path().display()));
        lines.extend(line.as_deref());
        fs::write(conf, lines.join("\n") + "\n").unwrap();
        shop
    };
    let broken = with_prefix(Some("bin".to_owned()));
    // One that does not even tell its version Barman passes over.
    let body = "case $1 in --version) echo 'pg_verifybackup (PostgreSQL) 15.1'; exit ;; esac\nkill -SEGV $$";
    stand_in(&broken.0, "pg_verifybackup", body);
    broken.0.has("unknown", "not-known", "verify-backup fails");
    // Where nothing says where it is, it is found where Debian has it.
    with_prefix(None).is_good("read");
}
