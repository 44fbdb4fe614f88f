//! The recipe that restores what Barman keeps.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::clusters::service;
use super::postgres::fill;
use super::{is_as_it_was, refused, undo, untouched};
use crate::servers::{Postgres, as_account, give_to, program, said};
use crate::stage::{Stage, until};

/// A server that is backed up by Barman.
pub(super) struct Barman {
    pub(super) server: Postgres,
    folder: TempDir,
}

impl Barman {
    /// A backup of a server, in a folder of its own below this one.
    pub(super) fn below(disk: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        give_to("postgres", folder.path());
        let base = folder.path().display();
        let archive = format!("archive_command = 'cp %p {base}/home/main/incoming/%f'");
        let mut server = Postgres::make_below(disk, &["archive_mode = on", "wal_level = replica", &archive]);
        let bin = PathBuf::from(program("postgres"));
        let socket = server.socket().display().to_string();
        fs::write(
            folder.path().join("barman.conf"),
            format!(
                "[barman]\nbarman_user = postgres\nbarman_home = {base}/home\nlog_file = {base}/log\n\
                 [main]\ndescription = main\nconninfo = host={socket} user=postgres dbname=postgres\n\
                 streaming_conninfo = host={socket} user=postgres\nbackup_method = postgres\narchiver = on\n\
                 path_prefix = {}\nimmediate_checkpoint = true\n",
                bin.parent().unwrap().display()
            ),
        )
        .unwrap();
        let barman = |words: &[&str]| -> Command {
            let mut command = as_account("postgres", "barman");
            command.arg("-c").arg(folder.path().join("barman.conf")).args(words);
            command.env("HOME", folder.path()).current_dir("/");
            command
        };
        // It makes its folders, and says that there is no server yet.
        barman(&["check", "main"]).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        server.up();
        fill(&server);
        server.sql("postgres", "select pg_switch_wal()");
        let all =
            "select last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) from pg_stat_archiver";
        until("all is archived", || server.sql("postgres", all) == "t");
        said(&mut barman(&["archive-wal", "main"]));
        said(&mut barman(&["backup", "--wait", "main"]));
        Self { server, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn plan(&self, backup: &str, more: &str) -> Stage {
        Stage::new(&format!(
            "vars: {{ {} }}\nsteps: {{ db: {{ use: postgres/restore-barman, with: {{ server: {backup}, config: {}, {}{more} }} }} }}\n",
            self.server.vars(),
            self.path("barman.conf").display(),
            service(&self.server)
        ))
    }
}

#[test]
fn barman_brings_a_cluster_back_to_a_point_in_time() {
    let barman = Barman::below(&std::env::temp_dir());
    let server = &barman.server;
    server.sql("shop", "insert into s.messages (body) values ('after the backup')");
    let truth = server.truth("shop");
    // Barman knows the end of a backup by the second.
    let harm = server.sql(
        "shop",
        "select pg_switch_wal(); select pg_sleep(1.1); select to_json(clock_timestamp())#>>'{}'",
    );
    let harm = harm.lines().last().unwrap();
    server.sql("shop", "delete from s.messages");
    // What came before the harm lies in Barman's inbox, the harm in the server alone: nobody has told Barman of either.
    let spoiled = server.truth("shop");
    // Barman itself takes in what lies in its inbox; all that it has must stay as it was.
    let kept = || untouched(&barman.path("home/main/base"), "");
    let wals = || {
        let all = untouched(&barman.path("home/main/wals"), "");
        let segments = all.lines().filter(|line| line.contains(" f ") && !line.contains("xlog.db"));
        segments.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let (copy, had) = (kept(), wals());
    let impossible = |stage: Stage, why: &str| {
        stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(1).says(why);
    };
    refused(&barman.plan("main", ""), "holds data");
    impossible(barman.plan("other", ", replace: yes"), "Barman has a backup that fits");
    impossible(barman.plan("main", ", replace: yes, until: '2001-01-01T00:00:00Z'"), "no backup latest");
    let stage = barman.plan("main", &format!(", replace: yes, until: '{harm}'"));
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    stage.execute(&[]).exits(0);
    assert_eq!(server.truth("shop"), truth);
    is_as_it_was(&copy, &kept());
    assert!(wals().is_superset(&had), "{had:?}");
    // It archives again as it did, and nothing of the recovery is left.
    let settings =
        "select current_setting('archive_command') like 'cp %', current_setting('restore_command')";
    assert_eq!(server.sql("postgres", settings), "t|");
    for left in ["barman_wal", "postgresql.conf.origin", ".barman-recover.info"] {
        assert!(!server.data().join(left).exists(), "{left} is left behind");
    }
    undo("postgres/restore-barman", &stage, "db");
    assert_eq!(server.truth("shop"), spoiled);
    // Without a target all that there is comes back.
    said(Command::new("rm").arg("-rf").arg(format!("{}.undone", server.data().display())));
    let stage = barman.plan("main", ", replace: yes");
    stage.execute(&[]).exits(0);
    assert_eq!(server.truth("shop"), spoiled);
    let rotten = barman.path("home/main/base");
    let rotten = fs::read_dir(rotten).unwrap().next().unwrap().unwrap().path().join("data/base/1/2600");
    let mut bytes = fs::read(&rotten).unwrap();
    bytes[5000] ^= 1;
    fs::write(&rotten, bytes).unwrap();
    said(Command::new("rm").arg("-rf").arg(format!("{}.before-restore", server.data().display())));
    impossible(barman.plan("main", ", replace: yes"), "checksum mismatch");
}
