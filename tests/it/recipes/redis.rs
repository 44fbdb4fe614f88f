//! Recipes for Redis.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{is_as_it_was, refused, tells, untouched};
use crate::servers::{Redis, said};
use crate::stage::Stage;

fn fill(server: &Redis) {
    let script = "for i = 1, 2000 do redis.call('set', 'key:' .. i, 'value ' .. i) end; \
        redis.call('hset', 'hash', 'a', '1', 'b', '2'); redis.call('rpush', 'list', 'x', 'y'); \
        redis.call('set', 'session', 's', 'ex', 100000)";
    server.run(&["eval", script, "0"]);
}

pub(super) fn plan(server: &Redis, recipe: &str, dump: &Path, more: &str) -> Stage {
    let inputs = format!("dump: {}, {}{more}", dump.display(), server.inputs());
    Stage::new(&format!("steps: {{ redis: {{ use: redis/{recipe}, with: {{ {inputs} }} }} }}\n"))
}

/// A backup elsewhere, and what it holds.
struct Backup {
    folder: tempfile::TempDir,
    truth: String,
}

impl Backup {
    fn rdb() -> Self {
        let server = Redis::start(&["repl-diskless-sync-delay 0"]);
        fill(&server);
        let folder = tempfile::tempdir().unwrap();
        said(server.client().arg("--rdb").arg(folder.path().join("backup.rdb")));
        Self { folder, truth: server.truth() }
    }

    fn aof() -> Self {
        Self::aof_with(0)
    }

    /// The same, with so many keys more.
    fn aof_with(more: usize) -> Self {
        let mut server = Redis::start(&["appendonly yes"]);
        fill(&server);
        server.run(&[
            "eval",
            "for i = 1, ARGV[1] do redis.call('set', 'more:' .. i, i) end",
            "0",
            &more.to_string(),
        ]);
        server.run(&["set", "last", "one"]);
        let truth = server.truth();
        server.down();
        let folder = tempfile::tempdir().unwrap();
        let from = server.data().join("appendonlydir");
        said(Command::new("cp").arg("-r").arg(from).arg(folder.path().join("aof")));
        Self { folder, truth }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

#[track_caller]
fn comes_back(recipe: &str, backup: &Backup, name: &str, settings: &[&str]) -> Redis {
    let mut server = Redis::start(settings);
    let stage = plan(&server, recipe, &backup.path(name), "");
    let copy = untouched(backup.folder.path(), "");
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    stage.execute(&[]).exits(0);
    assert_eq!(server.truth(), backup.truth);
    is_as_it_was(&copy, &untouched(backup.folder.path(), ""));
    // It stays, whichever way the server is started again: neither the memory nor an empty file is laid over it.
    for _ in 0..2 {
        server.down();
        server.up();
        assert_eq!(server.truth(), backup.truth);
    }
    server
}

#[test]
fn an_rdb_file_comes_back_and_survives_restarts() {
    let server = comes_back("restore-rdb", &Backup::rdb(), "backup.rdb", &[]);
    assert!(!server.data().join("appendonlydir").exists(), "it would spoil a later change to appendonly");
}

#[test]
fn an_rdb_file_comes_back_where_appendonly_would_ignore_it() {
    comes_back("restore-rdb", &Backup::rdb(), "backup.rdb", &["appendonly yes"]);
}

#[test]
fn an_append_only_file_comes_back() {
    comes_back("restore-aof", &Backup::aof(), "aof", &["appendonly yes"]);
}

#[test]
fn an_append_only_file_comes_back_where_it_would_be_ignored() {
    comes_back("restore-aof", &Backup::aof(), "aof", &[]);
}

/// Lets Redis load so slowly that it can be asked meanwhile.
fn slow(stage: &Stage) {
    let script = "#!/bin/sh\ncase \"$*\" in *--port*0*) set -- \"$@\" --key-load-delay 100 --loading-process-events-interval-bytes 1024 ;; esac\n\
        exec /usr/bin/redis-server \"$@\"\n";
    stage.write("bin/redis-server", script);
    fs::set_permissions(stage.path().join("bin/redis-server"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("vars: {{ PATH: '{}/bin:/usr/bin:/bin' }}\n", stage.path().display());
    stage.write("plan.yaml", &(stage.read("plan.yaml") + &path));
}

#[test]
fn what_loads_slowly_tells_how_far_it_is() {
    for (recipe, backup, name) in
        [("restore-rdb", Backup::rdb(), "backup.rdb"), ("restore-aof", Backup::aof_with(20_000), "aof")]
    {
        let server = Redis::start(&[]);
        let stage = plan(&server, recipe, &backup.path(name), "");
        slow(&stage);
        stage.execute(&[]).exits(0);
        tells(&stage, "redis/stage", "% is loaded");
    }
}

#[test]
fn data_that_is_there_is_kept_and_comes_back_by_undo() {
    let backup = Backup::rdb();
    let server = Redis::start(&["appendonly yes"]);
    server.run(&["set", "mine", "all mine"]);
    let mine = server.truth();
    refused(&plan(&server, "restore-rdb", &backup.path("backup.rdb"), ""), "holds data");
    assert_eq!(server.truth(), mine);
    let stage = plan(&server, "restore-rdb", &backup.path("backup.rdb"), ", replace: yes");
    stage.execute(&[]).exits(0);
    assert_eq!(server.truth(), backup.truth);
    assert!(server.data().join("before-restore/appendonlydir").exists());
    refused(
        &plan(&server, "restore-rdb", &backup.path("backup.rdb"), ", replace: yes"),
        "before-restore is kept",
    );
    super::undo("redis/restore-rdb", &stage, "redis");
    assert_eq!(server.truth(), mine);
    assert!(!server.data().join("before-restore").exists());
}

#[test]
fn a_stopped_server_that_holds_data_is_seen_as_well() {
    let backup = Backup::rdb();
    let mut server = Redis::start(&[]);
    server.run(&["set", "mine", "all mine"]);
    server.down();
    refused(&plan(&server, "restore-rdb", &backup.path("backup.rdb"), ""), "holds data (dump.rdb)");
    server.up();
    assert_eq!(server.run(&["get", "mine"]), "all mine");
}

#[test]
fn a_server_that_does_not_stop_is_not_written_under() {
    let backup = Backup::rdb();
    let server = Redis::start(&[]);
    let stage = plan(&server, "restore-rdb", &backup.path("backup.rdb"), "");
    let text = stage.read("plan.yaml");
    let stop = text.find("stop: '").unwrap();
    let end = text[stop + 7..].find('\'').unwrap() + stop + 8;
    stage.write(
        "plan.yaml",
        &format!(
            "{}stop: 'redis-cli -s {} shutdown abort || true'{}",
            &text[..stop],
            server.socket().display(),
            &text[end..]
        ),
    );
    let text = stage.read("plan.yaml").replace("with:", "timeout: 3s, with:");
    stage.write("plan.yaml", &text);
    stage.execute(&[]).exits(3);
    assert_eq!(stage.last("step_finished", "redis/put-in-place")["outcome"]["result"], "failed");
    assert!(!server.data().join("dump.rdb").exists());
}

#[test]
fn a_damaged_backup_is_refused_before_redis_is_stopped() {
    let backup = Backup::rdb();
    let whole = fs::read(backup.path("backup.rdb")).unwrap();
    fs::write(backup.path("backup.rdb"), &whole[..whole.len() - 20]).unwrap();
    let server = Redis::start(&[]);
    refused(&plan(&server, "restore-rdb", &backup.path("backup.rdb"), ""), "this Redis can read");

    let backup = Backup::aof();
    let incr = fs::read_dir(backup.path("aof")).unwrap().map(|entry| entry.unwrap().path());
    let incr = incr.into_iter().find(|path| path.to_string_lossy().ends_with("incr.aof")).unwrap();
    let whole = fs::read(&incr).unwrap();
    fs::write(&incr, &whole[..whole.len() - 5]).unwrap();
    refused(&plan(&server, "restore-aof", &backup.path("aof"), ""), "truncated: yes");
    let stage = plan(&server, "restore-aof", &backup.path("aof"), ", truncated: yes");
    stage.execute(&[]).exits(0);
    let kept = backup.truth.lines().filter(|line| !line.starts_with("last "));
    assert_eq!(server.truth(), kept.collect::<Vec<_>>().join("\n"));
}
