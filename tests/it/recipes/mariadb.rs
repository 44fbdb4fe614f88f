//! Recipes for MariaDB.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{is_as_it_was, on_a_full_disk, refused, tells, undo, untouched};
use crate::servers::{MariaDb, said};
use crate::stage::Stage;

pub(super) fn fill(server: &MariaDb) {
    server.sql(
        "create user app@localhost identified by 'x'; create database shop character set utf8mb4; grant all on shop.* to app@localhost; use shop; \
         create table messages (id int primary key auto_increment, body varchar(100), at timestamp(3) default now(3)) engine=innodb; \
         insert into messages (body) select concat('message ', seq) from seq_1_to_3000; \
         create table `odd name` (b blob); insert into `odd name` values (x'00ff0a27'); \
         create definer=app@localhost view long_ones as select id, body from messages where length(body) > 10; \
         create trigger shout before insert on messages for each row set new.body = upper(new.body); \
         create procedure hello() select 1",
    );
}

pub(super) fn connection(server: &MariaDb) -> String {
    format!("socket: {}", server.socket().display())
}

pub(super) fn plan(server: &MariaDb, dump: &Path, more: &str) -> Stage {
    Stage::new(&format!(
        "steps: {{ db: {{ use: mariadb/restore-dump, with: {{ dump: {}, database: shop, tables: [messages], {}{more} }} }} }}\n",
        dump.display(),
        connection(server)
    ))
}

pub(super) fn dump(server: &MariaDb, args: &[&str], to: &Path) {
    let mut command = server.client("mariadb-dump");
    fs::write(to, said(command.args(args).args(["--hex-blob"]))).unwrap();
}

pub(super) const WHOLE: &[&str] = &["--single-transaction", "--routines", "--triggers", "shop"];

#[test]
fn a_dump_comes_back_with_its_accounts() {
    let server = MariaDb::start(&[]);
    fill(&server);
    let truth = server.truth("shop");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sql");
    dump(&server, WHOLE, &path);
    dump(&server, &["--system=users"], &folder.path().join("users.sql"));
    said(Command::new("gzip").arg(&path));
    let path = folder.path().join("shop.sql.gz");
    let copy = untouched(folder.path(), "");
    server.sql("drop database shop; drop user app@localhost");

    refused(&plan(&server, &path, ""), "no such account: `app`@`localhost`");
    let stage = plan(
        &server,
        &path,
        &format!(", charset: utf8mb4, users: {}", folder.path().join("users.sql").display()),
    );
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    stage.execute(&[]).exits(0);
    assert_eq!(server.truth("shop"), truth);

    // What came later is refused, or kept and brought back.
    server.sql("insert into shop.messages (body) values ('late')");
    let late = server.truth("shop");
    refused(&plan(&server, &path, ""), "shop holds data");
    assert_eq!(server.truth("shop"), late);
    let keep = tempfile::tempdir().unwrap();
    let stage = plan(&server, &path, &format!(", replace: yes, keep: {}", keep.path().display()));
    stage.execute(&[]).exits(0);
    assert_eq!(server.truth("shop"), truth);
    tells(&stage, "db/load", " copied, ");
    undo("mariadb/restore-dump", &stage, "db");
    assert_eq!(server.truth("shop"), late);
    is_as_it_was(&copy, &untouched(folder.path(), ""));
}

#[test]
fn a_dump_that_is_cut_off_or_of_other_databases_is_refused() {
    let server = MariaDb::start(&[]);
    fill(&server);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sql");
    dump(&server, &["--databases", "shop"], &path);
    server.sql("drop database shop");
    refused(&plan(&server, &path, ""), "names the databases");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 60]).unwrap();
    let size = format!("{}.size", path.display());
    fs::write(&size, "900000000000000000\n").unwrap();
    refused(&plan(&server, &path, ""), &format!("MiB needed ({size} says)"));
    fs::remove_file(size).unwrap();
    refused(&plan(&server, &path, ""), "the dump never finished");
    assert_eq!(server.sql("show databases like 'shop'"), "");
}

pub(super) fn mariabackup(server: &MariaDb, args: &[&str]) {
    let mut command = Command::new("mariabackup");
    command.arg(format!("--defaults-file={}", server.config().display()));
    command.args(["--backup", "--user=root"]).arg(format!("--socket={}", server.socket().display()));
    said(command.args(args));
}

#[test]
fn a_backup_comes_back_and_the_logs_lead_to_a_point_in_time() {
    let server = MariaDb::start(&["log-bin=binlog", "server-id=1", "binlog-format=ROW"]);
    fill(&server);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    mariabackup(&server, &[&format!("--target-dir={}", path("full"))]);
    server.sql("insert into shop.messages (body) values ('second')");
    let to = format!("--target-dir={}", path("incremental"));
    mariabackup(&server, &[&to, &format!("--incremental-basedir={}", path("full"))]);
    // So much that the copy of it tells how far it is.
    said(
        Command::new("dd")
            .args(["if=/dev/zero", "bs=1M", "count=120", "status=none"])
            .arg(format!("of={}", path("full/large"))),
    );
    server.sql("insert into shop.messages (body) values ('third'); flush binary logs; insert into shop.messages (body) values ('fourth')");
    let truth = server.truth("shop");
    // A log says when by the second: what is to come back and the harm lie in two of them.
    let harm = server.sql("select sleep(1.1); select date_format(utc_timestamp(), '%Y-%m-%dT%H:%i:%sZ')");
    let harm = harm.lines().last().unwrap();
    server.sql("delete from shop.messages");
    fs::create_dir(path("logs")).unwrap();
    for log in server.sql("show binary logs").lines() {
        let name = log.split('\t').next().unwrap();
        fs::copy(server.data().join(name), folder.path().join("logs").join(name)).unwrap();
    }
    let copy = untouched(folder.path(), "");

    let (backup, incremental, logs) = (path("full"), path("incremental"), path("logs"));
    let (data, reach) = (server.data().display().to_string(), connection(&server));
    let (stop, start) = (server.stop_command(), server.start_command());
    let plan = |replace: &str| {
        Stage::new(&format!(
            "steps:\n\
             \x20 db: {{ use: mariadb/restore-mariabackup, with: {{ backup: {backup}, incrementals: [{incremental}], folder: {data}, replace: {replace}, {reach}, stop: '{stop}', start: '{start}' }} }}\n\
             \x20 logs: {{ needs: [db], use: mariadb/replay-binlog, with: {{ logs: {logs}, base: {incremental}, until: '{harm}', {reach} }} }}\n"
        ))
    };
    refused(&plan("no"), "holds data");
    refused(&on_a_full_disk(plan("yes")), "only 0 MiB free");
    let stage = plan("yes");
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    stage.execute(&[]).exits(0);
    assert_eq!(server.truth("shop"), truth);
    tells(&stage, "db/prepare", "iB/s");
    tells(&stage, "logs/replay", " copied, ");
    is_as_it_was(&copy, &untouched(folder.path(), ""));
    refused(&plan("yes"), "before-restore is kept");

    // Without the logs it is what the backup holds; and what was there comes back.
    undo("mariadb/restore-mariabackup", &stage, "db");
    server.wait();
    assert_eq!(server.sql("select count(*) from shop.messages"), "0");
    fs::remove_file(path("logs/binlog.000001")).unwrap();
    refused(
        &Stage::new(&format!(
            "steps: {{ logs: {{ use: mariadb/replay-binlog, with: {{ logs: {logs}, base: {incremental}, {reach} }} }} }}\n"
        )),
        "where the backup ends",
    );
}
