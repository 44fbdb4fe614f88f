//! Restores onto a disk that is really full: it is seen before anything is done, and in the middle nothing of the old is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml::Value;

use super::barman::Barman;
use super::files::content;
use super::mariadb::{WHOLE, connection, dump, mariabackup};
use super::timelines::{Backrest, write};
use super::{mariadb, redis, refused};
use crate::servers::{MariaDb, Redis, said};
use crate::small_disk::SmallDisk;
use crate::stage::{Ran, Stage, until};

const MIB: u64 = 1024;

/// Another program that takes the room for itself while a recipe is about its work.
struct Thief {
    shim: PathBuf,
}

impl Thief {
    /// Puts itself before a program, and all but so many KiB of the disk are gone when that is called in such a way.
    fn before(program: &str, when: &str, stage: &Stage, disk: &SmallDisk, spare: u64) -> Self {
        let real =
            said(Command::new("bash").args(["-c", "PATH=$PATH:/usr/sbin; command -v \"$1\"", "-", program]));
        let shim = stage.path().join("bin").join(program);
        let disk = disk.path().display();
        stage.write(
            &format!("bin/{program}"),
            &format!(
                "#!/bin/bash\nif [ ! -e {disk}/fill ] && [[ {when} ]]; then\n\
                 fallocate -l $(($(df --output=avail -B1 {disk} | tail -n 1) - {})) {disk}/fill\nfi\nexec {} \"$@\"\n",
                spare * 1024,
                real.trim_end()
            ),
        );
        // Other accounts call it as well.
        for path in [&shim, stage.path()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut plan: Value = serde_yaml::from_str(&stage.read("plan.yaml")).unwrap();
        plan["vars"]["PATH"] = format!("{}/bin:/usr/sbin:/usr/bin:/sbin:/bin", stage.path().display()).into();
        stage.write("plan.yaml", &serde_yaml::to_string(&plan).unwrap());
        Self { shim }
    }

    fn leaves(self, disk: &SmallDisk) {
        fs::remove_file(self.shim).unwrap();
        disk.make_room();
    }
}

/// How much room a recipe says that it needs, in KiB.
fn needed(ran: &Ran) -> u64 {
    let text = format!("{}{}", ran.out, ran.err);
    let (before, _) = text.split_once(" MiB needed").expect("it says what it needs");
    before.rsplit(' ').next().unwrap().parse::<u64>().unwrap() * MIB
}

fn size(path: &Path) -> u64 {
    let said = said(Command::new("du").arg("-sk").arg(path));
    said.split_whitespace().next().unwrap().parse().unwrap()
}

#[track_caller]
fn goes_on(stage: &Stage, step: &str) {
    stage.run(&["retry", "latest", step, "--reason", "room was made"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0);
}

/// A restore, the step of it that writes, where it does, and the program that it writes by.
struct Restore<'a> {
    plan: &'a dyn Fn() -> Stage,
    step: &'a str,
    program: &'a str,
    when: &'a str,
    /// How many KiB are left for it.
    spare: u64,
    restoring: PathBuf,
    /// How its tool says that it could not write.
    words: &'a str,
    /// What the server says that it holds.
    truth: &'a dyn Fn() -> String,
}

impl Restore<'_> {
    #[track_caller]
    fn survives(&self, disk: &SmallDisk, restored: &str) {
        let old = (self.truth)();
        disk.leave(2 * MIB);
        let needed = needed(&refused(&(self.plan)(), "only "));
        assert_eq!((self.truth)(), old);
        disk.make_room();

        let stage = (self.plan)();
        let thief = Thief::before(self.program, self.when, &stage, disk, self.spare);
        stage.execute(&[]).exits(3).says(self.words);
        assert_eq!(stage.last("step_finished", self.step)["outcome"]["result"], "failed");
        assert_eq!((self.truth)(), old);
        thief.leaves(disk);
        // What the attempt has left behind is no reason to refuse the next one.
        let left = size(&self.restoring);
        assert!(left > 512, "only {left} KiB are left behind");
        disk.leave(needed - left / 2);
        (self.plan)().run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
        goes_on(&stage, self.step);
        assert_eq!((self.truth)(), restored);
        // A server that cannot save on its way out does not end.
        disk.make_room();
    }
}

#[test]
fn a_cluster_by_pgbackrest() {
    let disk = SmallDisk::of(220 * 1024);
    let backrest = Backrest::below(disk.path());
    let server = &backrest.server;
    let then = write(server, "the last one");
    server.sql("shop", "delete from s.messages");
    let restore = Restore {
        plan: &|| backrest.plan("main", &format!(", replace: yes, until: '{}'", then.moment)),
        step: "db/fetch",
        program: "pgbackrest",
        when: "$* == *restore",
        spare: MIB,
        restoring: server.data().with_extension("restoring"),
        words: "unable to write",
        truth: &|| server.truth("shop"),
    };
    restore.survives(&disk, &then.truth);
}

#[test]
fn a_cluster_by_barman() {
    let disk = SmallDisk::of(220 * 1024);
    let barman = Barman::below(disk.path());
    let server = &barman.server;
    // Barman knows the end of a backup by the second.
    server.sql("postgres", "select pg_sleep(1.1)");
    let then = write(server, "the last one");
    server.sql("shop", "delete from s.messages");
    let restore = Restore {
        plan: &|| barman.plan("main", &format!(", replace: yes, until: '{}'", then.moment)),
        step: "db/fetch",
        program: "rsync",
        when: "$* == *data.restoring*",
        spare: MIB,
        restoring: server.data().with_extension("restoring"),
        words: "No space left on device",
        truth: &|| server.truth("shop"),
    };
    restore.survives(&disk, &then.truth);
}

#[test]
fn a_server_by_mariabackup() {
    let disk = SmallDisk::of(260 * 1024);
    let server = MariaDb::start_below(disk.path(), &[]);
    mariadb::fill(&server);
    // A question for which the server needs no room.
    let rows = || server.sql("select count(*), sum(crc32(body)) from shop.messages");
    let truth = rows();
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("full").display().to_string();
    mariabackup(&server, &[&format!("--target-dir={backup}")]);
    server.sql("delete from shop.messages");
    let (data, reach) = (server.data().display().to_string(), connection(&server));
    let (stop, start) = (server.stop_command(), server.start_command());
    let restore = Restore {
        plan: &|| {
            Stage::new(&format!(
                "steps: {{ db: {{ use: mariadb/restore-mariabackup, with: {{ backup: {backup}, folder: {data}, replace: yes, {reach}, stop: '{stop}', start: '{start}' }} }} }}\n"
            ))
        },
        step: "db/prepare",
        program: "tar",
        when: "$* == *'-x '*data.restoring*",
        spare: MIB,
        restoring: server.data().with_extension("restoring"),
        words: "No space left on device",
        truth: &rows,
    };
    restore.survives(&disk, &truth);
}

/// A Redis with so many keys that they are some MiB.
fn many_keys(server: &Redis) {
    let script = "for i = 1, 60000 do redis.call('set', 'key:' .. i, redis.sha1hex(i)) end";
    server.run(&["eval", script, "0"]);
}

#[test]
fn keys_from_an_rdb_file() {
    let disk = SmallDisk::of(24 * 1024);
    // As the configuration wants one, the append-only file is made beside the target.
    let server = Redis::start_below(disk.path(), &["appendonly yes", "repl-diskless-sync-delay 0"]);
    many_keys(&server);
    let truth = server.truth();
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup.rdb");
    said(server.client().arg("--rdb").arg(&backup));
    server.run(&["flushall"]);
    server.run(&["set", "mine", "all mine"]);
    let restore = Restore {
        plan: &|| redis::plan(&server, "restore-rdb", &backup, ", replace: yes"),
        step: "redis/stage",
        program: "redis-server",
        when: "$* == *'--port 0 '*",
        spare: MIB,
        restoring: server.data().join("restoring"),
        words: "cannot write the append-only file",
        truth: &|| server.truth(),
    };
    restore.survives(&disk, &truth);
}

#[test]
fn keys_from_an_append_only_file() {
    let disk = SmallDisk::of(24 * 1024);
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("aof");
    let truth = {
        let mut other = Redis::start(&["appendonly yes"]);
        many_keys(&other);
        let truth = other.truth();
        other.down();
        said(Command::new("cp").arg("-r").arg(other.data().join("appendonlydir")).arg(&backup));
        truth
    };
    let server = Redis::start_below(disk.path(), &[]);
    server.run(&["set", "mine", "all mine"]);
    let restore = Restore {
        plan: &|| redis::plan(&server, "restore-aof", &backup, ", replace: yes"),
        step: "redis/stage",
        program: "cp",
        when: "$PWD == */restoring",
        spare: MIB,
        restoring: server.data().join("restoring"),
        words: "No space left on device",
        truth: &|| server.truth(),
    };
    restore.survives(&disk, &truth);
}

#[test]
fn files_from_an_archive() {
    let disk = SmallDisk::of(24 * 1024);
    let target = disk.path().join("uploads");
    fs::create_dir(&target).unwrap();
    for name in ["a", "b", "c", "d"] {
        fs::write(target.join(name), name.repeat(2 << 20)).unwrap();
    }
    let archive = tempfile::NamedTempFile::new().unwrap();
    let truth = || content(&target);
    let whole = truth();
    said(Command::new("tar").arg("-cf").arg(archive.path()).arg("-C").arg(&target).arg("."));
    fs::remove_file(target.join("b")).unwrap();
    let restore = Restore {
        plan: &|| {
            Stage::new(&format!(
                "steps: {{ files: {{ use: files/restore-tar, with: {{ archive: {}, target: {}, replace: yes }} }} }}\n",
                archive.path().display(),
                target.display()
            ))
        },
        step: "files/unpack",
        program: "tar",
        when: "$* == *'-x'*uploads.restoring*",
        spare: 4 * MIB,
        restoring: target.with_extension("restoring"),
        words: "No space left on device",
        truth: &truth,
    };
    restore.survives(&disk, &whole);
}

/// A MariaDB on a small disk with 20 MiB of rows, and a dump of them elsewhere.
struct Dumped {
    disk: SmallDisk,
    server: MariaDb,
    folder: tempfile::TempDir,
    truth: String,
}

impl Dumped {
    fn new(engine: &str) -> Self {
        let disk = SmallDisk::of(160 * 1024);
        let server = MariaDb::start_below(disk.path(), &[]);
        server.sql(&format!(
            "create database shop; use shop; create table messages (id int primary key, body varchar(200)) engine={engine}; \
             insert into messages select seq, concat('private', sha2(seq, 512)) from seq_1_to_60000; analyze table messages"
        ));
        let folder = tempfile::tempdir().unwrap();
        dump(&server, WHOLE, &folder.path().join("shop.sql"));
        let truth = server.truth("shop");
        Self { disk, server, folder, truth }
    }

    fn plan(&self, more: &str) -> Stage {
        mariadb::plan(&self.server, &self.folder.path().join("shop.sql"), more)
    }

    fn replacing(&self, keep: &Path) -> Stage {
        self.plan(&format!(", replace: yes, keep: {}", keep.display()))
    }
}

/// The rows of a statement that fails belong into no log.
#[track_caller]
fn holds_no_rows(stage: &Stage) {
    let said = Command::new("grep").args(["-rl", "private"]).arg(stage.run_dir()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "", "rows are in the log");
}

#[test]
fn a_dump_of_mariadb() {
    let it = Dumped::new("innodb");
    it.server.sql("drop database shop");
    it.disk.leave(8 * MIB);
    refused(&it.plan(""), "only 8 MiB free");
    it.disk.make_room();
    let stage = it.plan("");
    let thief = Thief::before("dd", "$* == *status=progress*", &stage, &it.disk, MIB);
    stage.execute(&[]).exits(3).says("ERROR 1");
    holds_no_rows(&stage);
    thief.leaves(&it.disk);
    goes_on(&stage, "db/load");
    assert_eq!(it.server.truth("shop"), it.truth);
}

#[test]
fn a_dump_of_mariadb_in_the_place_of_other_data() {
    let it = Dumped::new("innodb");
    it.server.sql("insert into shop.messages values (0, 'late')");
    let late = it.server.truth("shop");
    let keep = tempfile::tempdir().unwrap();
    let stage = it.replacing(keep.path());
    let thief = Thief::before("dd", "$* == *status=progress*", &stage, &it.disk, MIB);
    stage.execute(&[]).exits(3).says("ERROR 1");
    thief.leaves(&it.disk);
    super::given_up(&stage);
    assert_eq!(it.server.truth("shop"), late);
    holds_no_rows(&stage);
    // What is dropped makes room for what comes back.
    it.disk.leave(8 * MIB);
    it.replacing(keep.path()).execute(&[]).exits(0);
    assert_eq!(it.server.truth("shop"), it.truth);
}

#[test]
fn a_dump_of_mariadb_where_there_is_no_room_to_keep_what_it_replaces() {
    let it = Dumped::new("innodb");
    it.server.sql("insert into shop.messages values (0, 'late')");
    let late = it.server.truth("shop");
    let disk = SmallDisk::of(16 * 1024);
    disk.leave(MIB);
    refused(&it.replacing(disk.path()), "needed to keep what is replaced");
    disk.make_room();
    let stage = it.replacing(disk.path());
    let thief = Thief::before("gzip", "$# == 0", &stage, &disk, MIB);
    stage.execute(&[]).exits(3).says("No space left on device");
    assert_eq!(it.server.truth("shop"), late);
    thief.leaves(&disk);
    goes_on(&stage, "db/keep");
    assert_eq!(it.server.truth("shop"), it.truth);
}

/// Tables of Aria make the server wait, where it is full, and say nothing to who loads them.
#[test]
fn a_server_that_waits_for_room_is_told_of() {
    let mut it = Dumped::new("aria");
    it.server.sql("drop database shop");
    let stage = it.plan("");
    let _thief = Thief::before("dd", "$* == *status=progress*", &stage, &it.disk, MIB);
    let _run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("it is told", || {
        let said = stage.runs().pop().map(|run| fs::read_to_string(run.join("steps/db/load/1/stderr")));
        said.is_some_and(|said| said.is_ok_and(|said| said.contains("within a minute it goes on")))
    });
    it.server.crash();
}
