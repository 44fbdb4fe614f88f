//! A recovery follows the timeline that is meant: that of a restore, of a failover, or the one that was given up.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::clusters::{archiving, service};
use super::postgres::fill;
use super::{is_as_it_was, refused, tells, undo, untouched};
use crate::servers::{Postgres, as_account, give_to, said};
use crate::stage::{Stage, until};

/// A moment, and what there was at it.
pub(super) struct Then {
    pub(super) truth: String,
    pub(super) moment: String,
}

/// Writes a message; what comes after it is of a later moment than the one that is returned.
pub(super) fn write(server: &Postgres, body: &str) -> Then {
    server.sql("shop", &format!("insert into s.messages (body) values ('{body}')"));
    let truth = server.truth("shop");
    let moment = server.sql("shop", "select pg_sleep(0.05); select to_json(clock_timestamp())#>>'{}'");
    Then { truth, moment: moment.lines().last().unwrap().to_owned() }
}

fn timeline(server: &Postgres) -> String {
    server.sql("postgres", "select timeline_id from pg_control_checkpoint()")
}

/// Removes what the restore before has put aside.
fn forget_the_old(server: &Postgres) {
    fs::remove_dir_all(server.data().with_extension("before-restore")).unwrap();
}

fn all_is_archived(server: &Postgres) {
    let last = server.sql("postgres", "select pg_walfile_name(pg_switch_wal())");
    let question = format!("select last_archived_wal >= '{last}' from pg_stat_archiver");
    until("all is archived", || server.sql("postgres", &question) == "t");
}

#[test]
fn after_a_failover_moments_of_the_new_timeline_come_back_and_of_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    give_to("postgres", folder.path());
    let wal = folder.path().join("wal");
    fs::create_dir(&wal).unwrap();
    give_to("postgres", &wal);
    let settings = archiving(&wal);
    let mut primary = Postgres::start_with(&settings.iter().map(String::as_str).collect::<Vec<_>>());
    fill(&primary);
    let backup = |of: &Postgres, to: &Path, more: &[&str]| {
        said(of.client("pg_basebackup").args(["-c", "fast", "-D"]).arg(to).args(more));
    };
    let mut replica = Postgres::bare();
    backup(&primary, &replica.data(), &["-R"]);
    said(Command::new("chown").args(["-R", "postgres:"]).arg(replica.data()));
    replica.settle_in();
    replica.up();
    // As many do it, so that the primary has nothing to do with it.
    backup(&replica, &folder.path().join("base"), &[]);

    let before = write(&primary, "before the failover");
    let common = write(&primary, "the last that both have");
    until("the replica has it", || replica.truth("shop") == common.truth);
    // The line between them breaks. What the old primary takes now, the new one never sees.
    replica.sql("postgres", "alter system set primary_conninfo = ''");
    replica.sql("postgres", "select pg_reload_conf()");
    until("it receives nothing", || {
        replica.sql("postgres", "select count(*) from pg_stat_wal_receiver") == "0"
    });
    let alone = write(&primary, "on the old one alone");
    write(&primary, "and one more");
    all_is_archived(&primary);
    let pid = fs::read_to_string(primary.data().join("postmaster.pid")).unwrap();
    let fence = format!(
        "kill -QUIT {}; while test -e {}/postmaster.pid; do sleep 0.02; done",
        pid.lines().next().unwrap(),
        primary.data().display()
    );
    Stage::new(&format!(
        "vars: {{ {} }}\nsteps: {{ db: {{ use: postgres/promote-replica, with: {{ primary: 'host={} user=postgres', fence: '{fence}' }} }} }}\n",
        replica.vars(),
        primary.socket().display()
    ))
    .execute(&[])
    .exits(0);
    primary.down();
    assert_eq!(replica.truth("shop"), common.truth);
    let after = write(&replica, "after the failover");
    replica.sql("shop", "delete from s.messages");

    let comes_back = |then: &Then, follow: &str| {
        let stage = Stage::new(&format!(
            "vars: {{ {} }}\nsteps: {{ db: {{ use: postgres/restore-base, with: {{ base: {base}/base, wal: {base}/wal, until: '{}', timeline: {follow}, replace: yes, {} }} }} }}\n",
            replica.vars(),
            then.moment,
            service(&replica),
            base = folder.path().display(),
        ));
        stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
        stage.execute(&[]).exits(0);
        assert_eq!(replica.truth("shop"), then.truth, "of {follow}");
        forget_the_old(&replica);
    };
    // The archive holds the same places of the log twice; who follows the newest timeline leaves the old one at the fork.
    comes_back(&after, "latest");
    assert_eq!(timeline(&replica), "3");
    comes_back(&before, "latest");
    comes_back(&alone, "current");
    comes_back(&alone, "1");
    comes_back(&after, "2");
    // None of them has taken a number that another had.
    assert_eq!(timeline(&replica), "7");
}

/// A server that is backed up by pgBackRest.
pub(super) struct Backrest {
    pub(super) server: Postgres,
    folder: tempfile::TempDir,
}

impl Backrest {
    fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// The same, with the server in a folder of its own below this one.
    pub(super) fn below(disk: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        give_to("postgres", folder.path());
        let config = folder.path().join("pgbackrest.conf");
        let push = format!(
            "archive_command = 'pgbackrest --config={} --stanza=main archive-push %p'",
            config.display()
        );
        // What fills the database is not archived, segment by segment: the backup holds it.
        let server = Postgres::start_below(disk, &["archive_mode = on", "archive_command = '/bin/true'"]);
        fill(&server);
        let base = folder.path().display();
        let text = format!(
            "[global]\nrepo1-path={base}/repo\nlog-path={base}\nlock-path={base}/lock\nspool-path={base}/spool\nlog-level-file=off\nlog-level-console=warn\nstart-fast=y\ncompress-type=none\n\
             [main]\npg1-path={}\npg1-socket-path={}\npg1-user=postgres\n",
            server.data().display(),
            server.socket().display()
        );
        fs::write(config, text).unwrap();
        let settings = server.data().join("postgresql.conf");
        let text = fs::read_to_string(&settings).unwrap().replace("archive_command = '/bin/true'", &push);
        fs::write(&settings, text).unwrap();
        server.sql("postgres", "select pg_reload_conf()");
        let backrest = Self { server, folder };
        backrest.run("stanza-create");
        backrest.run("backup");
        // pgBackRest knows the end of a backup by the second, and takes one that ended in an earlier second.
        backrest.server.sql("postgres", "select pg_sleep(1.1)");
        backrest
    }

    fn run(&self, word: &str) {
        let config = self.folder.path().join("pgbackrest.conf");
        let mut command = as_account("postgres", "pgbackrest");
        command.arg(format!("--config={}", config.display())).args(["--stanza=main", word]);
        said(command.current_dir("/"));
    }

    pub(super) fn plan(&self, stanza: &str, more: &str) -> Stage {
        Stage::new(&format!(
            "vars: {{ {} }}\nsteps: {{ db: {{ use: postgres/restore-pgbackrest, with: {{ stanza: {stanza}, config: {}/pgbackrest.conf, {}{more} }} }} }}\n",
            self.server.vars(),
            self.folder.path().display(),
            service(&self.server)
        ))
    }

    /// The WAL that is archived, a line each.
    fn segments(&self) -> BTreeSet<String> {
        let all = untouched(&self.folder.path().join("repo/archive"), "");
        let files = all.lines().filter(|line| line.contains(" f ") && !line.contains("archive.info"));
        files.map(str::to_owned).collect()
    }

    fn impossible(&self, stanza: &str, more: &str, why: &str) {
        self.plan(stanza, more).run(&["execute", "plan.yaml", "--dry-run"]).exits(1).says(why);
    }

    fn comes_back(&self, then: &Then, follow: &str) -> Stage {
        let stage =
            self.plan("main", &format!(", replace: yes, until: '{}', timeline: {follow}", then.moment));
        let backups = || untouched(&self.folder.path().join("repo/backup"), "");
        let (copy, had) = (backups(), self.segments());
        stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
        stage.execute(&[]).exits(0);
        assert_eq!(self.server.truth("shop"), then.truth, "of {follow}");
        is_as_it_was(&copy, &backups());
        tells(&stage, "db/fetch", "%) checksum");
        // The server archives meanwhile; what was there stays as it was.
        assert!(self.segments().is_superset(&had), "{had:?}");
        assert_eq!(self.server.sql("postgres", "select current_setting('restore_command')"), "");
        stage
    }
}

#[test]
fn pgbackrest_brings_a_cluster_back_to_a_moment_of_the_timeline_that_is_meant() {
    let backrest = Backrest::new();
    let server = &backrest.server;
    let first = write(server, "after the backup");
    server.sql("shop", "delete from s.messages");
    let given_up = write(server, "on the timeline that is given up");
    server.sql("shop", "insert into s.messages (body) values ('too late')");
    backrest.impossible("other", ", replace: yes", "stanza other");
    backrest.impossible("main", ", replace: yes, until: '2001-01-01T00:00:00Z'", "no backup latest");
    // What the server still holds is archived first.
    backrest.comes_back(&first, "latest");
    assert_eq!(timeline(server), "2");
    forget_the_old(server);
    let second = write(server, "after the restore");
    server.sql("shop", "delete from s.messages");
    backrest.comes_back(&second, "latest");
    assert_eq!(timeline(server), "3");
    forget_the_old(server);
    backrest.comes_back(&given_up, "current");
    // What is there is put aside only if that is said, and comes back.
    forget_the_old(server);
    refused(&backrest.plan("main", ""), "holds data");
    let stage = backrest.comes_back(&second, "2");
    assert_eq!(timeline(server), "5");
    backrest.run("check");
    undo("postgres/restore-pgbackrest", &stage, "db");
    assert_eq!(server.truth("shop"), given_up.truth);
    assert_eq!(timeline(server), "4");
}
