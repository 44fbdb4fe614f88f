//! The recipe for repositories of pgBackRest, which ends with 0 whatever is wrong.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use super::Shop;
use super::postgres::{flip, stand_in};
use crate::servers::{Postgres, as_account, give_to, program, said};

/// A server with checksums of pages, and an encrypted repository with a full backup, one that builds on it, and WAL after both.
struct Source {
    server: Postgres,
    folder: tempfile::TempDir,
}

const PASSPHRASE: &str = "open sesame";

fn config(repo: &str, server: &Postgres, base: &str) -> String {
    format!(
        "[global]\nrepo1-path={repo}\nrepo1-cipher-type=aes-256-cbc\nlog-path={base}\nlock-path={base}/lock\nspool-path={base}/spool\n\
         log-level-file=off\nlog-level-console=warn\nstart-fast=y\ncompress-type=none\nrepo1-retention-full=9\n\
         [main]\npg1-path={}\npg1-socket-path={}\npg1-user=postgres\n",
        server.data().display(),
        server.socket().display()
    )
}

impl Source {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        give_to("postgres", folder.path());
        let base = folder.path().display().to_string();
        let push = format!(
            "archive_command = 'PGBACKREST_REPO1_CIPHER_PASS=\"{PASSPHRASE}\" pgbackrest --config={base}/pgbackrest.conf --stanza=main archive-push %p'"
        );
        let mut server = Postgres::make(&["archive_mode = on", &push, "wal_level = replica"]);
        said(
            as_account("postgres", &program("pg_checksums"))
                .args(["--enable", "-D"])
                .arg(server.data())
                .current_dir("/"),
        );
        fs::write(folder.path().join("pgbackrest.conf"), config(&format!("{base}/repo"), &server, &base))
            .unwrap();
        let source = |server| Self { server, folder };
        server.up();
        let source = source(server);
        source.backrest(&["stanza-create"]);
        source.backrest(&["backup", "--type=full"]);
        source.fill(2);
        source.backrest(&["backup", "--type=diff"]);
        source.fill(2);
        source.backrest(&["check"]);
        source
    }

    fn backrest(&self, words: &[&str]) {
        let mut command = as_account("postgres", "pgbackrest");
        let config = format!("--config={}", self.folder.path().join("pgbackrest.conf").display());
        command.args([&config, "--stanza=main"]).args(words).current_dir("/");
        said(command.env("PGBACKREST_REPO1_CIPHER_PASS", PASSPHRASE));
    }

    fn fill(&self, segments: u32) {
        for _ in 0..segments {
            self.server.sql(
                "postgres",
                "create table if not exists t (a int); insert into t select generate_series(1, 3000)",
            );
            self.server.sql("postgres", "select pg_switch_wal()");
        }
    }

    /// A shop whose copy is the repository as it is now.
    fn shop(&self, with: &str) -> Repository {
        self.of_stanza("main", with)
    }

    fn of_stanza(&self, stanza: &str, with: &str) -> Repository {
        let verify = format!(
            "{{ use: postgres/verify-pgbackrest, with: {{ stanza: {stanza}, config: CONFIG{with} }} }}"
        );
        let shop = Shop::today(
            &format!(", key: PGBACKREST_REPO1_CIPHER_PASS, verify: [ {verify} ]"),
            "secrets: { PGBACKREST_REPO1_CIPHER_PASS: { file: password } }\n",
        );
        shop.0.write("password", PASSPHRASE);
        let folder = shop.0.path().display().to_string();
        shop.0.write(
            "plan.yaml",
            &shop.0.read("plan.yaml").replace("CONFIG", &format!("'{folder}/pgbackrest.conf'")),
        );
        shop.0.write("pgbackrest.conf", &config(&format!("{folder}/points"), &self.server, &folder));
        said(Command::new("cp").arg("-aT").arg(self.folder.path().join("repo")).arg(shop.point("")));
        Repository(shop)
    }
}

struct Repository(Shop);

impl Repository {
    fn bad(&self, words: &str) {
        self.0.has("failure", "not-good", words);
    }

    fn is_good(&self, level: &str) {
        let copy = self.0.is_good();
        assert_eq!((&copy["integrity"], &copy["count"]), (&level.into(), &2.into()), "{copy:#}");
    }

    /// The first file that a search finds.
    fn find(&self, search: &str) -> PathBuf {
        let script = format!("find \"$PWD\" {search} | sort | head -n 1");
        let found = said(Command::new("bash").args(["-c", &script]).current_dir(self.0.point("")));
        assert!(!found.is_empty(), "{search}");
        found.trim().into()
    }

    /// Segments of WAL, the oldest first.
    fn wal(&self) -> Vec<PathBuf> {
        let folder = self.find("-type d -name 0000000100000000");
        let mut all: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        all.retain(|path| path.file_name().unwrap().len() > 60);
        all.sort();
        all
    }

    fn remove(&self, search: &str) -> &Self {
        let script = format!("find \"$PWD\" {search} | xargs rm -r");
        said(Command::new("bash").args(["-c", &script]).current_dir(self.0.point("")));
        self
    }
}

const FILE: &str = "-path '*F/pg_data/base/1/*' -size +60k";

#[test]
fn a_repository_of_pgbackrest_is_really_read() {
    let source = Source::new();
    source.shop("").is_good("read");
    source.shop(", read: none").is_good("header");
    let system = source.server.sql("postgres", "select system_identifier from pg_control_system()");
    source.shop(&format!(", system: '{system}'")).is_good("read");
    source.shop(", system: '12'").bad("it is of the cluster");
    // Both info and verify end with 0.
    let rot = source.shop("");
    flip(&rot.find(FILE), 9000);
    rot.bad("its data is damaged");
    let rot = source.shop(", read: none");
    flip(&rot.find(FILE), 9000);
    rot.is_good("header");
    let gone = source.shop("");
    fs::remove_file(gone.find(FILE)).unwrap();
    gone.bad("its data is damaged");
    let wal = source.shop("");
    flip(wal.wal().last().unwrap(), 9000);
    wal.bad("its data is damaged");
    source.shop("").remove("-path '*F/backup.manifest*'").bad("the manifest of the backup");
    source.shop(", read: none").remove("-path '*D/backup.manifest*'").bad("the manifest of the backup");
    let (_, seen) = source.shop("").0.verify(&["--as-of", "2126-06-10T12:00:00Z"]);
    assert!(seen["copies"][0]["problems"].to_string().contains("stale"), "{seen:#}");
}

#[test]
fn what_a_repository_of_pgbackrest_lacks_is_found() {
    let source = Source::new();
    source.of_stanza("other", "").bad("the stanza other: missing stanza path");
    source.shop("").remove("-name 'backup.info*'").bad("the stanza main");
    source.shop("").remove("-name 'archive.info*'").bad("the repository is damaged");
    source.shop("").remove("-mindepth 1 -maxdepth 1").bad("missing stanza path");
    let locked = source.shop("");
    locked.0.0.write("password", "something else");
    locked.bad("the passphrase that the plan names does not open it");
    let gap = source.shop("");
    let wal = gap.wal();
    fs::remove_file(&wal[wal.len() - 2]).unwrap();
    gap.bad("the WAL has a gap");
    // Between the backups there may be one, if that is how the archive is kept.
    let early = |with: &str| {
        let early = source.shop(with);
        fs::remove_file(&early.wal()[2]).unwrap();
        early
    };
    early("").bad("the WAL has a gap");
    early(", wal: newest").is_good("read");
    let needed = source.shop("");
    let label = needed.find("-name '*.backup'");
    let start = label.file_name().unwrap().to_str().unwrap()[..24].to_owned();
    fs::remove_file(needed.find(&format!("-name '{start}-*'"))).unwrap();
    needed.bad("lacks the WAL segment");
}

#[test]
fn a_backup_of_damaged_pages_is_no_good_one() {
    let source = Source::new();
    source.server.sql("postgres", "checkpoint");
    let path = source.server.sql("postgres", "select pg_relation_filepath('t')");
    let file = fs::File::options().write(true).open(source.server.data().join(path)).unwrap();
    file.write_all_at(b"rotten", 4000).unwrap();
    source.backrest(&["backup", "--type=incr"]);
    source.shop("").bad("has pages in it whose checksums are wrong");
}

#[test]
fn a_pgbackrest_that_lies_or_crashes_is_unknown() {
    let source = Source::new();
    let version = "case $1 in version | --version) exec /usr/bin/pgbackrest version ;; esac\n";
    for (body, words) in [
        ("exit 0", "lists nothing"),
        ("kill -SEGV $$", ""),
        (
            "case \" $* \" in *\" verify \"*) exit 0 ;; esac; exec /usr/bin/pgbackrest \"$@\"",
            "does not say what verify has looked at",
        ),
        ("case \" $* \" in *\" verify \"*) exit 40 ;; esac; exec /usr/bin/pgbackrest \"$@\"", "verify fails"),
    ] {
        let shop = source.shop("");
        stand_in(&shop.0, "pgbackrest", &format!("{version}{body}"));
        shop.0.has("unknown", "not-known", words);
    }
}
