//! The recipe for archived WAL, against what real servers archive.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Shop;
use super::postgres::{flip, stand_in};
use crate::servers::{Postgres, give_to, said};
use crate::stage::until;

/// A server that archives, and a base backup of it.
struct Source {
    server: Postgres,
    folder: tempfile::TempDir,
}

impl Source {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        said(Command::new("chmod").arg("a+x").arg(folder.path()));
        let wal = folder.path().join("wal");
        fs::create_dir(&wal).unwrap();
        give_to("postgres", &wal);
        let copy = format!("archive_command = 'test ! -f {0}/%f && cp %p {0}/%f'", wal.display());
        let server = Postgres::start_with(&["wal_level = replica", "archive_mode = on", &copy]);
        let source = Self { server, folder };
        fill(&source.server, 1);
        said(source.server.client("pg_basebackup").args(["-c", "fast", "-D"]).arg(source.path("base")));
        fill(&source.server, 3);
        source
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A shop whose copy is the archive as it is now.
    fn shop(&self, with: &str) -> Archive {
        let shop =
            Shop::today(&format!(", verify: [ {{ use: postgres/verify-wal, with: {{ {with} }} }} ]"), "");
        said(Command::new("cp").arg("-rT").arg(self.path("wal")).arg(shop.point("")));
        Archive(shop)
    }

    /// The same, held to the base backup.
    fn based(&self) -> Archive {
        self.shop(&format!("base: '{}'", self.path("base").display()))
    }
}

/// Fills segments, and waits until they are archived.
fn fill(server: &Postgres, segments: u32) {
    for _ in 0..segments {
        server.sql(
            "postgres",
            "create table if not exists t (a int); insert into t select generate_series(1, 3000)",
        );
        server.sql("postgres", "select pg_switch_wal()");
    }
    let archived =
        "select last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) from pg_stat_archiver";
    until("all is archived", || server.sql("postgres", archived) == "t");
}

struct Archive(Shop);

impl Archive {
    /// The segments, the oldest first.
    fn segments(&self) -> Vec<PathBuf> {
        let all = fs::read_dir(self.0.point("")).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<PathBuf> = all.filter(|path| name_of(path).len() == 24).collect();
        all.sort();
        all
    }

    /// A segment, by its place from the end.
    fn last(&self, back: usize) -> PathBuf {
        let segments = self.segments();
        segments[segments.len() - 1 - back].clone()
    }

    fn bad(&self, words: &str) {
        self.0.has("failure", "not-good", words);
    }

    fn is_good(&self, level: &str) {
        let copy = self.0.is_good();
        assert_eq!(copy["integrity"], level, "{copy:#}");
        assert!(copy["looked_into"][0]["facts"]["files"].as_u64().unwrap() >= 4, "{copy:#}");
    }

    fn run(&self, script: &str) -> &Self {
        said(Command::new("bash").args(["-euc", script]).current_dir(self.0.point("")));
        self
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

const SEGMENTS: &str = "find . -regextype posix-extended -regex '.*/[0-9A-F]{24}' | sort";

#[test]
fn archived_wal_without_a_gap_is_good_as_it_lies_and_packed() {
    let source = Source::new();
    source.based().is_good("read");
    source.shop("").is_good("read");
    source.shop("read: newest").is_good("header");
    source.based().run(&format!("{SEGMENTS} | xargs gzip")).is_good("read");
    source.based().run(&format!("{SEGMENTS} | head -n 2 | xargs zstd -q --rm")).is_good("read");
    // What is not finished does not count, nor do the marks of backups.
    source.based().run("head -c 500 /dev/zero >0000000100000000000000AA.partial; touch 000000010000000000000001.00000028.backup").is_good("read");
    let hidden = format!("for s in $({SEGMENTS}); do base64 <$s >$s.enc; rm $s; done");
    source.shop("unpack: base64 -d").run(&hidden).is_good("read");
    source.shop("").run(&hidden).0.has("unknown", "not-known", "nothing says how");
    source.shop("unpack: 'false'").run(&hidden).bad("cannot be unpacked");
    // What was written long ago is old, whatever the disk says of it.
    let (_, seen) = source.based().0.verify(&["--as-of", "2126-06-10T12:00:00Z"]);
    assert!(seen["copies"][0]["problems"].to_string().contains("stale"), "{seen:#}");
}

#[test]
fn what_is_missing_from_an_archive_is_found() {
    let source = Source::new();
    let gap = source.based();
    let gone = gap.last(1);
    fs::remove_file(&gone).unwrap();
    gap.bad(&format!("it has a gap: 1 segments are missing, from {} on", name_of(&gone)));
    source.based().run(&format!("{SEGMENTS} | tail -n +2 | xargs rm")).bad("where the backup begins");
    source.based().run("rm *").bad("holds no WAL segment");
    source.shop("base: /nowhere").bad("there is no base backup");
    // Half of a segment is none: as it lies, and packed.
    let half = source.based();
    let bytes = fs::read(half.last(0)).unwrap();
    fs::write(half.last(0), &bytes[..bytes.len() / 2]).unwrap();
    half.bad("is not whole: it has 524288 bytes, not 1048576");
    let half = source.based();
    half.run("gzip 0*[0-9A-F]; f=$(ls *.gz | tail -n 2 | head -n 1); head -c 2000 $f >x; mv x $f");
    half.bad("cannot be unpacked");
}

#[test]
fn wal_that_is_damaged_or_foreign_is_found() {
    let source = Source::new();
    let flipped = |with: &str| {
        let archive = source.shop(with);
        flip(&archive.last(1), 30_000);
        archive
    };
    flipped("").bad("it cannot be read from");
    flipped("read: newest").is_good("header");
    let last = source.based();
    flip(&last.last(0), 9_000);
    last.bad("it cannot be read from");
    let renamed = source.based();
    fs::copy(renamed.last(2), renamed.last(1)).unwrap();
    renamed.bad("holds another segment than its name says");
    let page = source.based();
    fs::write(page.last(1), vec![0; 1 << 20]).unwrap();
    page.bad("is damaged at its head");
    // Another server archives into the same folder.
    let other = Source::new();
    let foreign = source.based();
    fs::copy(other.shop("").last(1), foreign.last(1)).unwrap();
    foreign.bad("is of the cluster");
    source.shop(&format!("base: '{}'", other.path("base").display())).bad("");
    source.shop("system: '12'").bad("is of the cluster");
    source.shop("bin: /nowhere").0.has("unknown", "not-known", "no pg_waldump here can read it");
    let broken = |body: &str| {
        let archive = source.shop("bin: bin");
        let version = "case $1 in --version) echo 'x (PostgreSQL) 1.0'; exit ;; esac";
        stand_in(&archive.0, "pg_waldump", &format!("{version}\n{body}"));
        archive
    };
    broken("exit 0").0.has("unknown", "not-known", "says nothing of what it has read");
    broken("kill -SEGV $$").0.has("unknown", "not-known", "");
    broken("echo 'error: invalid magic number D110' >&2; exit 1").0.has(
        "unknown",
        "not-known",
        "no pg_waldump here",
    );
}

#[test]
fn wal_is_followed_from_one_timeline_to_the_next() {
    let mut source = Source::new();
    source.server.down();
    let mut second = Postgres::bare();
    said(Command::new("cp").arg("-aT").arg(source.path("base")).arg(second.data()));
    second.settle_in();
    let conf = second.data().join("postgresql.conf");
    let text = fs::read_to_string(&conf).unwrap();
    let restore = format!("restore_command = 'cp {}/%f %p'\n", source.path("wal").display());
    fs::write(&conf, text + &restore).unwrap();
    fs::write(second.data().join("recovery.signal"), "").unwrap();
    said(Command::new("chown").args(["-R", "postgres:"]).arg(second.data()));
    second.up();
    until("it is promoted", || second.sql("postgres", "select pg_is_in_recovery()") == "f");
    fill(&second, 2);
    source.based().is_good("read");
    source.shop("read: newest").is_good("header");
    source.based().run("gzip *").is_good("read");
    source.based().run("rm 00000002.history").bad("00000002.history is missing");
    source.based().run("rm $(ls 00000002*[0-9A-F] | head -n 1)").bad("it has a gap");
    source.based().run("rm $(ls 00000001*[0-9A-F] | tail -n 2 | head -n 1)").bad("it has a gap");
    source.based().run("rm 00000001*").bad("it has a gap");
}

#[test]
fn what_an_archive_reaches_is_every_moment_between() {
    let source = Source::new();
    let shop = source.based();
    shop.0.0.write("plan.yaml", &shop.0.0.read("plan.yaml").replace("every: 24h", "continuous: true"));
    shop.0.0.run(&["verify", "plan.yaml", "--record"]).exits(0);
    fill(&source.server, 1);
    said(Command::new("cp").arg("-rT").arg(source.path("wal")).arg(shop.0.point("")));
    shop.is_good("read");
    // What was there is missed.
    shop.run(&format!("rm $({SEGMENTS} | tail -n 1) $({SEGMENTS} | tail -n 2 | head -n 1)"));
    shop.0.has("failure", "deleted-early", "");
}

#[test]
fn a_server_that_only_says_that_it_archives_is_found() {
    let source = Source::new();
    let server = format!("server: 'host={} user=postgres dbname=postgres'", source.server.socket().display());
    source.shop(&server).is_good("read");
    source.shop("server: 'host=/nowhere'").0.has("unknown", "not-known", "the server cannot be asked");
    let archives_by = |command: &str| {
        source.server.sql("postgres", &format!("alter system set archive_command = '{command}'"));
        source.server.sql("postgres", "select pg_reload_conf()");
        until("it is read", || source.server.sql("postgres", "show archive_command") == command);
    };
    archives_by("/bin/true");
    fill(&source.server, 2);
    // For the server all is well, and what lies there has no gap.
    assert_eq!(source.server.sql("postgres", "select failed_count from pg_stat_archiver"), "0");
    source.based().is_good("read");
    source.shop(&server).bad("the server says that it has archived");
    archives_by("/bin/false");
    source.server.sql("postgres", "insert into t values (1); select pg_switch_wal()");
    let failed = "select failed_count > 0 from pg_stat_archiver";
    until("it has failed", || source.server.sql("postgres", failed) == "t");
    source.shop(&server).bad("archive_command of the server fails");
}

#[test]
fn an_archive_is_not_old_because_nothing_is_written() {
    let source = Source::new();
    let server = format!("server: 'host={} user=postgres dbname=postgres'", source.server.socket().display());
    let newest = |with: &str| source.shop(with).0.is_good()["newest"].as_str().unwrap().to_owned();
    let timeout = |seconds: u32| {
        source.server.sql("postgres", &format!("alter system set archive_timeout = {seconds}"));
        source.server.sql("postgres", "select pg_reload_conf()");
        let wanted = format!("{seconds}{}", if seconds == 0 { "" } else { "s" });
        until("it is read", || source.server.sql("postgres", "show archive_timeout") == wanted);
    };
    let of_the_last_commit = newest("");
    // Nobody knows when what was written since would come into the archive.
    timeout(0);
    assert_eq!(newest(&server), of_the_last_commit);
    timeout(1);
    until("the server has had time to archive what it would have", || newest(&server) > of_the_last_commit);
    assert_eq!(newest(""), of_the_last_commit);
    // What lies in the server alone for longer than that is not in the archive.
    // The command goes on for as long as the server does, and ends with it.
    let waits = "tail --pid=$(head -n 1 postmaster.pid) -f /dev/null";
    source.server.sql("postgres", &format!("alter system set archive_command = '{waits}'"));
    source.server.sql("postgres", "select pg_reload_conf(); insert into t values (1)");
    until("it waits", || {
        source
            .server
            .sql("postgres", "select count(*) from pg_ls_archive_statusdir() where name like '%.ready'")
            != "0"
    });
    assert_eq!(newest(&server), of_the_last_commit);
}
