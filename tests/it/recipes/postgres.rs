//! Recipes for PostgreSQL.

use std::fs;
use std::process::Command;

use super::{given_up, held, is_as_it_was, refused, tells, untouched};
use crate::servers::{Postgres, said};
use crate::small_disk::SmallDisk;
use crate::stage::Stage;

/// Data with an owner, an extension, a sequence, rights and a setting of the database.
pub(crate) fn fill(server: &Postgres) {
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
fn destroyed_and_restored(args: &[&str], name: &str, after: &[&str], more: &str, how_far: &str) {
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
    let copy = untouched(folder.path(), "");
    stage.execute(&[]).exits(0);
    assert_eq!(server.truth("shop"), truth);
    is_as_it_was(&copy, &untouched(folder.path(), ""));
    tells(&stage, "db/load", how_far);
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
    destroyed_and_restored(&["-Fc"], "shop.dump", &[], "", "processing data for table \"s.messages\"");
}

#[test]
fn a_folder_comes_back_with_several_jobs() {
    destroyed_and_restored(&["-Fd"], "shop", &[], ", jobs: 3", "processing data for table \"s.messages\"");
}

#[test]
fn plain_sql_comes_back_from_gzip() {
    destroyed_and_restored(&["-Fp"], "shop.sql", &["gzip"], "", " copied, ");
}

#[test]
fn plain_sql_comes_back_from_zstd() {
    destroyed_and_restored(&["-Fp"], "shop.sql", &["zstd"], "", " copied, ");
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
fn a_database_is_taken_back_by_giving_the_run_up() {
    let server = Postgres::start();
    fill(&server);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.dump").display().to_string();
    dump(&server, &["-Fc", "-f", &path]);
    let truth = server.truth("shop");
    server.sql("shop", "insert into s.messages (body) values ('late')");
    let later = server.truth("shop");
    let stage = held(plan(&server, &path, ", replace: yes"));
    stage.execute(&[]).exits(4);
    assert_eq!(server.truth("shop"), truth);
    given_up(&stage);
    assert_eq!(server.truth("shop"), later);
    // Where there was none, none is left.
    server.sql("postgres", "drop database shop");
    let stage = held(plan(&server, &path, ""));
    stage.execute(&[]).exits(4);
    assert_eq!(server.truth("shop"), truth);
    given_up(&stage);
    assert_eq!(server.sql("postgres", "select count(*) from pg_database where datname like 'shop%'"), "0");
}

#[test]
fn a_disk_for_which_the_database_is_too_large_is_found_by_what_the_producer_recorded() {
    let disk = SmallDisk::of(280 * 1024);
    let server = Postgres::start_below(disk.path(), &[]);
    fill(&server);
    // What packs well is far larger than four times its dump.
    server
        .sql("shop", "create table s.packs as select repeat('x', 200) body from generate_series(1, 200000)");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.dump").display().to_string();
    dump(&server, &["-Fc", "-f", &path]);
    let (truth, size) =
        (server.truth("shop"), server.sql("shop", "select pg_database_size(current_database())"));
    server.sql("postgres", "drop database shop");
    disk.leave(20 * 1024);
    let guessed = plan(&server, &path, "").run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    guessed.says("four times the dump: nobody has recorded how large the database was");
    fs::write(format!("{path}.size"), &size).unwrap();
    refused(&plan(&server, &path, ""), "shop.dump.size says");
    refused(&plan(&server, &path, ", size_mb: 1"), "shop.dump.size says");
    refused(&plan(&server, &path, ", size_mb: 999"), "999 MiB needed (size_mb says)");
    assert_eq!(server.sql("postgres", "select count(*) from pg_database where datname like 'shop%'"), "0");
    fs::write(format!("{path}.size"), "large").unwrap();
    let guessed = plan(&server, &path, "").run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    guessed.says("four times the dump");
    disk.make_room();
    fs::write(format!("{path}.size"), format!("{size}\n")).unwrap();
    plan(&server, &path, "").execute(&[]).exits(0);
    assert_eq!(server.truth("shop"), truth);
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
