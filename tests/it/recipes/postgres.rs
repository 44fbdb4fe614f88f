//! Recipes for PostgreSQL.

use std::fs;
use std::process::Command;

use super::refused;
use crate::servers::{Postgres, said};
use crate::stage::Stage;

/// Data with an owner, an extension, a sequence, rights and a setting of the database.
fn fill(server: &Postgres) {
    server.sql("postgres", "create role app login; create role reader");
    server.sql("postgres", "create database shop owner app");
    server.sql(
        "postgres",
        "alter database shop set work_mem = '5MB'; grant connect on database shop to reader",
    );
    server.sql("shop", "create extension hstore");
    server.sql(
        "shop",
        "set role app; create schema s; \
         create table s.messages (id serial primary key, body text, tags public.hstore); \
         create table s.\"Odd name\" (a int); \
         insert into s.messages (body, tags) select 'message ' || g, public.hstore('n', g::text) from generate_series(1, 3000) g; \
         insert into s.\"Odd name\" select generate_series(1, 50); \
         create view s.long as select * from s.messages where length(body) > 10; \
         grant select on s.messages to reader",
    );
}

/// What the tables do not tell: sequences, rights, settings of the database, its owner.
fn beside_the_tables(server: &Postgres) -> String {
    server.sql("shop", "select last_value from s.messages_id_seq")
        + &server.sql("shop", "select relacl from pg_class where relname = 'messages'")
        + &server.sql("shop", "select unnest(setconfig) from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = 'shop')")
        + &server.sql("shop", "select datdba::regrole, datacl, datcollate from pg_database where datname = 'shop'")
        + &server.sql("shop", "select extname from pg_extension order by 1")
}

/// A plan that restores a dump, with more inputs.
fn plan(server: &Postgres, dump: &str, more: &str) -> Stage {
    Stage::new(&format!(
        "vars: {{ {} }}\nsteps: {{ db: {{ use: postgres/restore-dump, with: {{ dump: {dump}, database: shop{more} }} }} }}\n",
        server.vars()
    ))
}

fn dump(server: &Postgres, args: &[&str]) {
    said(server.client("pg_dump").args(["-d", "shop"]).args(args));
}

#[track_caller]
fn destroyed_and_restored(args: &[&str], name: &str, after: &[&str], more: &str) {
    let server = Postgres::start();
    fill(&server);
    let (truth, beside) = (server.truth("shop"), beside_the_tables(&server));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    dump(&server, &[args, &["-f", &path(name)]].concat());
    for program in after {
        said(Command::new(program).args(["-q", &path(name)]));
    }
    said(server.client("pg_dumpall").args(["--globals-only", "-f", &path("globals.sql")]));
    drop(server);

    let server = Postgres::start();
    let shown = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let dump = shown
        .filter(|found| !found.ends_with("globals.sql"))
        .find(|found| found != &folder.path().join(name));
    let dump = dump.map_or_else(|| path(name), |found| found.display().to_string());
    let stage =
        plan(&server, &dump, &format!(", globals: {}, tables: [s.messages]{more}", path("globals.sql")));
    stage.execute(&[]).exits(0);
    assert_eq!(server.truth("shop"), truth);
    if !args.contains(&"-Fp") {
        assert_eq!(beside_the_tables(&server), beside);
        assert_eq!(
            server.sql("shop", "select relname from pg_stat_user_tables where last_analyze is null"),
            ""
        );
    }
    assert_eq!(server.sql("postgres", "select count(*) from pg_database where datname like 'shop%'"), "1");
}

#[test]
fn a_custom_archive_comes_back_on_an_empty_server() {
    destroyed_and_restored(&["-Fc"], "shop.dump", &[], "");
}

#[test]
fn a_folder_comes_back_with_several_jobs() {
    destroyed_and_restored(&["-Fd"], "shop", &[], ", jobs: 3");
}

#[test]
fn plain_sql_comes_back_from_gzip() {
    destroyed_and_restored(&["-Fp"], "shop.sql", &["gzip"], "");
}

#[test]
fn plain_sql_comes_back_from_zstd() {
    destroyed_and_restored(&["-Fp"], "shop.sql", &["zstd"], "");
}

#[test]
fn a_database_that_holds_data_is_replaced_only_if_that_is_said_and_comes_back_by_hand() {
    let server = Postgres::start();
    fill(&server);
    let truth = server.truth("shop");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.dump").display().to_string();
    dump(&server, &["-Fc", "-f", &path]);
    server.sql("shop", "insert into s.messages (body) values ('late')");
    let later = server.truth("shop");

    refused(&plan(&server, &path, ""), "shop holds data");
    assert_eq!(server.truth("shop"), later);

    let stage = plan(&server, &path, ", replace: yes");
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    assert_eq!(server.truth("shop"), later);
    stage.execute(&[]).exits(0);
    assert_eq!(server.truth("shop"), truth);
    assert_eq!(server.truth("shop_before_restore"), later);
    // What was kept is not thrown away by the next one.
    refused(&plan(&server, &path, ", replace: yes"), "shop_before_restore is kept");
    super::undo("postgres/restore-dump", &stage, "db");
    assert_eq!(server.truth("shop"), later);
    assert_eq!(server.sql("postgres", "select count(*) from pg_database where datname like 'shop%'"), "1");
    // What this run did not make, it does not take away.
    super::undo("postgres/restore-dump", &stage, "db");
    assert_eq!(server.truth("shop"), later);
}

#[test]
fn what_cannot_be_restored_is_found_before_anything_is_done() {
    let server = Postgres::start();
    fill(&server);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.dump").display().to_string();
    dump(&server, &["-Fc", "-f", &path]);
    refused(&plan(&server, &path, ", replace: yes, size_mb: 900000000"), "MiB needed");
    server.sql("postgres", "drop database shop");
    server.sql("postgres", "drop role reader");
    refused(&plan(&server, &path, ""), "no such role: reader");
    server.sql("postgres", "create role reader");
    // A list of its content is there, most of the content is not.
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() * 2 / 3]).unwrap();
    let stage = plan(&server, &path, "");
    stage.execute(&[]).exits(3);
    assert_eq!(stage.last("step_finished", "db/check")["outcome"]["result"], "failed");
    assert_eq!(server.sql("postgres", "select count(*) from pg_database where datname like 'shop%'"), "0");
}

/// The commands by which a recipe stops and starts a server of these tests.
fn service(server: &Postgres) -> String {
    let data = server.data().display().to_string();
    let as_postgres = "setpriv --reuid postgres --regid postgres --clear-groups";
    let ctl = crate::servers::program("pg_ctl");
    format!(
        "data: {data}, stop: 'cd /; test ! -e {data}/postmaster.pid || {as_postgres} {ctl} -D {data} -s -w -m fast stop', \
         start: 'cd /; {as_postgres} {ctl} -D {data} -s -w -l {data}/../started.log start </dev/null'"
    )
}

fn archiving(folder: &std::path::Path) -> Vec<String> {
    let copy = format!("archive_command = 'test ! -f {0}/%f && cp %p {0}/%f'", folder.display());
    vec!["wal_level = replica".into(), "archive_mode = on".into(), copy]
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
        crate::servers::give_to("postgres", folder.path());
        let wal = folder.path().join("wal");
        fs::create_dir(&wal).unwrap();
        crate::servers::give_to("postgres", &wal);
        let settings = archiving(&wal);
        let server = Postgres::start_with(&settings.iter().map(String::as_str).collect::<Vec<_>>());
        fill(&server);
        // As an earlier restore may have left it: every base backup takes it along.
        server.sql("postgres", "alter system set restore_command = 'false'");
        said(
            server
                .client("pg_basebackup")
                .args(["-c", "fast", "-D"])
                .arg(folder.path().join("base"))
                .args(format),
        );
        server.sql("shop", "insert into s.messages (body) values ('after the backup')");
        let truth = server.truth("shop");
        let harm = server.sql(
            "shop",
            "select pg_switch_wal(); select pg_sleep(0.05); select to_json(clock_timestamp())#>>'{}'",
        );
        let harm = harm.lines().last().unwrap().to_owned();
        server.sql("shop", "delete from s.messages");
        server.sql("shop", "insert into s.messages (body) values ('too late')");
        server.sql("shop", "select pg_switch_wal()");
        let archived = || {
            server.sql(
                "postgres",
                "select last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) from pg_stat_archiver",
            )
        };
        crate::stage::until("all is archived", || archived() == "t");
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
        stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
        stage.execute(&[]).exits(0);
        assert_eq!(self.server.truth("shop"), self.truth);
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
    super::undo("postgres/restore-base", &stage, "db");
    assert_eq!(archived.server.sql("shop", "select body from s.messages"), "too late");
}

#[test]
fn a_base_backup_in_archives_comes_back_to_a_point_in_time() {
    Archived::new(&["-Ft", "-z"]).comes_back();
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
