//! Recipes for whole clusters of PostgreSQL: to a point in time, and to another server.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::postgres::fill;
use super::{given_up, held, is_as_it_was, refused, tells, undo, untouched};
use crate::servers::{Postgres, give_to, program, said};
use crate::stage::{Stage, until};

/// The commands by which a recipe stops and starts a server of these tests.
pub(super) fn service(server: &Postgres) -> String {
    let data = server.data().display().to_string();
    let as_postgres = "setpriv --reuid postgres --regid postgres --clear-groups";
    let ctl = program("pg_ctl");
    format!(
        "data: {data}, stop: 'cd /; test ! -e {data}/postmaster.pid || {as_postgres} {ctl} -D {data} -s -w -m fast stop', \
         start: 'cd /; {as_postgres} {ctl} -D {data} -s -w -l {data}/../started.log start </dev/null'"
    )
}

/// The settings of a server that archives into a folder.
pub(super) fn archiving(folder: &std::path::Path) -> Vec<String> {
    // Who is promoted may archive once more what the primary had archived: that is no fault, another content is.
    let archive = folder.display();
    let copy = format!(
        "archive_command = 'if test -f {archive}/%f; then cmp -s %p {archive}/%f; else cp %p {archive}/%f; fi'"
    );
    vec!["wal_level = replica".into(), "archive_mode = on".into(), copy]
}

/// Gives a server that archives good rows, a harm and rows after it, which it still holds; returns the truth before the harm, and its moment.
fn harmed(server: &Postgres) -> (String, String) {
    server.sql("shop", "insert into s.messages (body) values ('after the backup')");
    let truth = server.truth("shop");
    let harm = server.sql(
        "shop",
        "select pg_switch_wal(); select pg_sleep(0.05); select to_json(clock_timestamp())#>>'{}'",
    );
    let harm = harm.lines().last().unwrap().to_owned();
    server.sql("shop", "delete from s.messages");
    server.sql("shop", "insert into s.messages (body) values ('too late')");
    (truth, harm)
}

/// A server that archives, a base backup, and then good rows, a harm, and rows after it; and the moment between.
struct Archived {
    server: Postgres,
    folder: tempfile::TempDir,
    truth: String,
    harm: String,
}

impl Archived {
    fn new(format: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        give_to("postgres", folder.path());
        let wal = folder.path().join("wal");
        fs::create_dir(&wal).unwrap();
        give_to("postgres", &wal);
        let settings = archiving(&wal);
        let server = Postgres::start_with(&settings.iter().map(String::as_str).collect::<Vec<_>>());
        fill(&server);
        // So much that the copy of it tells how far it is.
        fs::File::create(server.data().join("large")).unwrap().set_len(120 << 20).unwrap();
        give_to("postgres", &server.data().join("large"));
        // As an earlier restore may have left it: every base backup takes it along.
        server.sql("postgres", "alter system set restore_command = 'false'");
        said(
            server
                .client("pg_basebackup")
                .args(["-c", "fast", "-D"])
                .arg(folder.path().join("base"))
                .args(format),
        );
        let (truth, harm) = harmed(&server);
        Self { server, folder, truth, harm }
    }

    fn plan(&self, more: &str) -> Stage {
        let folder = self.folder.path().display();
        Stage::new(&format!(
            "vars: {{ {} }}\nsteps: {{ db: {{ use: postgres/restore-base, with: {{ base: {folder}/base, wal: {folder}/wal, {}{more} }} }} }}\n",
            self.server.vars(),
            service(&self.server)
        ))
    }

    #[track_caller]
    fn comes_back(&self) -> Stage {
        let stage = self.plan(&format!(", replace: yes, until: '{}'", self.harm));
        let base = || untouched(self.folder.path(), "wal");
        let copy = base();
        stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
        stage.execute(&[]).exits(0);
        assert_eq!(self.server.truth("shop"), self.truth);
        is_as_it_was(&copy, &base());
        tells(&stage, "db/fetch", "iB/s");
        assert_eq!(
            self.server.sql("postgres", "select pg_is_in_recovery(), current_setting('restore_command')"),
            "f|"
        );
        let auto = fs::read_to_string(self.server.data().join("postgresql.auto.conf")).unwrap();
        assert!(!auto.contains("restore_command") && !auto.contains("recovery"), "{auto}");
        stage
    }
}

#[test]
fn a_base_backup_comes_back_to_a_point_in_time() {
    let archived = Archived::new(&[]);
    refused(&archived.plan(""), "holds data");
    let stage = archived.comes_back();
    undo("postgres/restore-base", &stage, "db");
    assert_eq!(archived.server.sql("shop", "select body from s.messages"), "too late");
}

#[test]
fn a_cluster_is_taken_back_by_giving_the_run_up() {
    let archived = Archived::new(&[]);
    let stage = held(archived.plan(&format!(", replace: yes, until: '{}'", archived.harm)));
    stage.execute(&[]).exits(4);
    assert_eq!(archived.server.truth("shop"), archived.truth);
    given_up(&stage);
    assert_eq!(archived.server.sql("shop", "select body from s.messages"), "too late");
}

#[test]
fn a_base_backup_comes_back_to_a_point_after_a_change_of_the_timeline() {
    let mut archived = Archived::new(&[]);
    let of_the_first = archived.server.truth("shop");
    // What was recovered goes on as a timeline of its own, as after a failover, and archives it.
    archived.comes_back();
    assert_eq!(archived.server.sql("postgres", "select timeline_id from pg_control_checkpoint()"), "2");
    let (truth, harm) = harmed(&archived.server);
    fs::remove_dir_all(archived.server.data().with_extension("before-restore")).unwrap();
    (archived.truth, archived.harm) = (truth, harm);
    archived.comes_back();
    assert_eq!(archived.server.sql("postgres", "select timeline_id from pg_control_checkpoint()"), "3");
    // Whoever has taken a restore back does not want what was written on its timeline.
    fs::remove_dir_all(archived.server.data().with_extension("before-restore")).unwrap();
    archived.plan(", replace: yes, timeline: current").execute(&[]).exits(0);
    assert_eq!(archived.server.truth("shop"), of_the_first);
    refused(&archived.plan(", replace: yes, timeline: newest"), "timeline is latest, current or a number");
}

#[test]
fn a_base_backup_in_archives_comes_back_to_a_point_in_time() {
    Archived::new(&["-Ft", "-z"]).comes_back();
}

#[test]
fn of_many_base_backups_the_newest_is_taken_that_was_finished_before_the_moment() {
    let archived = Archived::new(&[]);
    let path = |name: &str| archived.folder.path().join(name);
    fs::create_dir(path("bases")).unwrap();
    fs::rename(path("base"), path("bases/20260101T000000Z")).unwrap();
    std::os::unix::fs::symlink("bases", path("base")).unwrap();
    let later = path("bases/29990101T000000Z");
    said(archived.server.client("pg_basebackup").args(["-c", "fast", "-D"]).arg(&later));
    // One that is not finished is none.
    fs::create_dir(path("bases/20260102T000000Z.partial")).unwrap();
    let early = archived.plan(", replace: yes, until: '2025-12-31T00:00:00Z'");
    refused(&early, "no base backup").says("that was finished before 2025-12-31T00:00:00Z");
    archived.comes_back();
}

#[test]
fn what_would_stop_a_recovery_in_the_middle_is_found_before() {
    let archived = Archived::new(&[]);
    refused(&archived.plan(", replace: yes, size_mb: 999999999"), "MiB needed");
    refused(&archived.plan(", replace: yes, owner: nobody-at-all"), "no such user");
    // The archive is root's, and the server recovers as another.
    let wal = archived.folder.path().join("wal");
    archived.server.sql("postgres", "select pg_switch_wal()");
    until("there is a segment", || fs::read_dir(&wal).unwrap().next().is_some());
    fs::set_permissions(&wal, fs::Permissions::from_mode(0o700)).unwrap();
    said(std::process::Command::new("chown").arg("root:").arg(&wal));
    refused(&archived.plan(", replace: yes"), "postgres cannot read");
    assert_eq!(archived.server.sql("shop", "select body from s.messages"), "too late");
}

#[test]
fn a_base_backup_with_a_gap_behind_it_is_refused() {
    let archived = Archived::new(&[]);
    // A moment that nothing reaches is no success, and the server that runs is not touched.
    let stage = archived.plan(", replace: yes, until: '2099-01-01T00:00:00Z'");
    stage.execute(&[]).exits(3);
    assert_eq!(stage.last("step_finished", "db/recover")["outcome"]["result"], "failed");
    assert_eq!(archived.server.sql("shop", "select body from s.messages"), "too late");
    let mut segments: Vec<_> = fs::read_dir(archived.folder.path().join("wal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.retain(|path| path.extension().is_none());
    segments.sort();
    fs::remove_file(&segments[segments.len() - 2]).unwrap();
    refused(&archived.plan(", replace: yes"), "has a gap");
    let changed = archived.folder.path().join("base/global/pg_control");
    let mut bytes = fs::read(&changed).unwrap();
    bytes[100] ^= 1;
    fs::write(&changed, bytes).unwrap();
    refused(&archived.plan(", replace: yes"), "The base backup is whole");
}

#[test]
fn a_replica_is_promoted_once_the_primary_is_cut_off() {
    let mut primary = Postgres::start();
    fill(&primary);
    let replica = Postgres::bare();
    said(primary.client("pg_basebackup").args(["-c", "fast", "-R", "-D"]).arg(replica.data()));
    said(std::process::Command::new("chown").args(["-R", "postgres:"]).arg(replica.data()));
    let mut replica = replica;
    replica.settle_in();
    replica.up();
    primary.sql("shop", "insert into s.messages (body) values ('the last one')");
    let truth = primary.truth("shop");
    until("the replica has it", || replica.truth("shop") == truth);
    let plan = |fence: &str| {
        Stage::new(&format!(
            "vars: {{ {} }}\nsteps: {{ db: {{ use: postgres/promote-replica, with: {{ primary: 'host={} user=postgres', fence: '{fence}' }} }} }}\n",
            replica.vars(),
            primary.socket().display()
        ))
    };
    // A fence that only says that it did.
    let stage = plan("echo done");
    stage.execute(&[]).exits(3);
    assert_eq!(stage.last("step_finished", "db/fence")["outcome"]["result"], "failed");
    assert_eq!(replica.sql("postgres", "select pg_is_in_recovery()"), "t");
    let pid = fs::read_to_string(primary.data().join("postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap();
    let stage = plan(&format!(
        "kill -QUIT {pid}; while test -e {}/postmaster.pid; do sleep 0.02; done",
        primary.data().display()
    ));
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    stage.execute(&[]).exits(0);
    assert_eq!(replica.truth("shop"), truth);
    replica.sql("shop", "insert into s.messages (body) values ('a new one')");
    assert_eq!(replica.sql("postgres", "select current_setting('primary_conninfo')"), "");
    refused(&plan("true"), "The server is a replica");
    primary.down();
}
