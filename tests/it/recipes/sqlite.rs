//! Recipes for SQLite.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::{is_as_it_was, on_a_full_disk, refused, tells, undo, untouched};
use crate::servers::said;
use crate::stage::Stage;

struct Database {
    folder: TempDir,
}

impl Database {
    /// A database in WAL mode, with rows that only its journal holds.
    fn new() -> Self {
        let database = Self { folder: tempfile::tempdir().unwrap() };
        database.sql(
            "app.db",
            "pragma journal_mode = wal; create table notes (id integer primary key, body text); \
             with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000) insert into notes (body) select 'note ' || i from n;",
        );
        database
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sql(&self, name: &str, statements: &str) -> String {
        said(Command::new("sqlite3").arg("-batch").arg(self.path(name)).arg(statements))
    }

    fn truth(&self) -> String {
        self.sql("app.db", "select count(*), sum(id), group_concat(body) from notes order by id")
    }

    fn plan(&self, backup: &str, more: &str) -> Stage {
        let (backup, target) = (self.path(backup), self.path("app.db"));
        Stage::new(&format!(
            "steps: {{ db: {{ use: sqlite/restore, with: {{ backup: {}, target: {}, tables: [notes]{more} }} }} }}\n",
            backup.display(),
            target.display()
        ))
    }
}

#[test]
fn a_database_comes_back_beside_its_old_journal() {
    let database = Database::new();
    let backup = database.path("backup.db").display().to_string();
    database.sql("app.db", &format!(".backup {backup}"));
    said(Command::new("gzip").arg(&backup));
    let truth = database.truth();
    // The harm, left in a journal that nobody has taken in.
    let script = "sqlite3 -batch \"$1\" \".dbconfig no_ckpt_on_close on\" 'delete from notes where id > 10'";
    said(Command::new("bash").args(["-c", script, "-"]).arg(database.path("app.db")));
    assert!(fs::metadata(database.path("app.db-wal")).unwrap().len() > 0);
    refused(&database.plan("backup.db.gz", ""), "holds data");
    refused(&on_a_full_disk(database.plan("backup.db.gz", ", replace: yes")), "only 0 MiB free");
    fs::create_dir(database.path("vault")).unwrap();
    fs::rename(format!("{backup}.gz"), database.path("vault/backup.db.gz")).unwrap();
    std::os::unix::fs::symlink("vault/backup.db.gz", format!("{backup}.gz")).unwrap();
    let copy = untouched(&database.path("vault"), "");
    let stage = database.plan("backup.db.gz", ", replace: yes");
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    stage.execute(&[]).exits(0);
    tells(&stage, "db/copy", " copied, ");
    assert_eq!(database.truth(), truth);
    is_as_it_was(&copy, &untouched(&database.path("vault"), ""));
    refused(&database.plan("backup.db.gz", ", replace: yes"), "before-restore is kept");
    undo("sqlite/restore", &stage, "db");
    assert_eq!(database.sql("app.db", "select count(*) from notes"), "10\n");
}

#[test]
fn a_backup_without_its_journal_or_with_damage_is_refused() {
    let database = Database::new();
    // As a plain copy of a database in use leaves it.
    let script = "sqlite3 -batch \"$1\" 'pragma journal_mode = wal' '.dbconfig no_ckpt_on_close on' 'create table notes (a)' \
        'pragma wal_checkpoint' 'insert into notes values (1)'; cp \"$1\" \"$2\"";
    said(
        Command::new("bash")
            .args(["-c", script, "-"])
            .arg(database.path("live.db"))
            .arg(database.path("copy.db")),
    );
    refused(&database.plan("copy.db", ", replace: yes"), "notes is empty");
    let backup = database.path("backup.db").display().to_string();
    database.sql("app.db", &format!(".backup {backup}"));
    let mut bytes = fs::read(&backup).unwrap();
    let at = bytes.len() / 2;
    bytes[at..at + 64].fill(0xff);
    fs::write(&backup, bytes).unwrap();
    refused(&database.plan("backup.db", ", replace: yes"), "The backup is a database that is whole");
    assert_eq!(database.sql("app.db", "select count(*) from notes"), "1000\n");
}
