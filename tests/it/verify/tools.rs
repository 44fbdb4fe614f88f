//! The recipes for Redis, SQLite, MariaDB, tar, restic and Borg, against what the real tools write: each bad backup is really made, beside its good twin.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{Shop, of_now};
use crate::servers::{MariaDb, Redis, said};

/// A shop with one point, made of these bytes.
fn shop_of(verify: &str, bytes: &[u8]) -> Shop {
    Shop::today(&format!(", verify: [ {verify} ]"), "").with(&of_now(), bytes)
}

/// A shop whose copy is one repository, which holds its points itself.
fn repository(verify: &str, more: &str) -> Shop {
    Shop::today(
        &format!(", key: PASSWORD, verify: [ {verify} ]"),
        &format!("secrets: {{ PASSWORD: {{ file: password }} }}\n{more}"),
    )
}

fn bash(folder: &Path, script: &str) {
    said(Command::new("bash").args(["-euo", "pipefail", "-c", script]).current_dir(folder));
}

/// Runs a script in a folder and returns the bytes of a file that it makes.
fn made(script: &str, file: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    bash(folder.path(), script);
    fs::read(folder.path().join(file)).unwrap()
}

fn changed(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0x55;
    bytes
}

const RDB: &str = "{ use: redis/verify-rdb }";

fn rdb(script: &str) -> Vec<u8> {
    let server = Redis::start(&[]);
    server.run(&["eval", script, "0"]);
    server.run(&["save"]);
    fs::read(server.data().join("dump.rdb")).unwrap()
}

#[test]
fn an_rdb_file_tells_its_keys_and_its_time() {
    let good = rdb("for i = 1, 500 do redis.call('set', 'key:' .. i, 'value ' .. i) end");
    let copy = shop_of(RDB, &good).is_good();
    let seen = &copy["looked_into"][0];
    assert_eq!((&seen["facts"]["rows"], &seen["integrity"]), (&500.into(), &"read".into()), "{copy:#}");
    assert_eq!(seen["dated_by"], "artifact", "{copy:#}");
    shop_of(RDB, &good[..good.len() / 2]).has("failure", "not-good", "cannot be read to its end");
    shop_of(RDB, &changed(&good, good.len() / 2)).has("failure", "not-good", "cannot be read to its end");
    shop_of(RDB, b"MZ it is something else").has("failure", "not-good", "is no RDB file");
    shop_of(RDB, b"").has("failure", "empty", "");
    let newer = [b"REDIS0099", &good[9..]].concat();
    shop_of(RDB, &newer).has("unknown", "not-known", "of a newer Redis");
}

#[test]
fn an_rdb_file_without_keys_is_found_by_its_floor() {
    let copy = ", floor: { rows: 1 }, verify: [ { use: redis/verify-rdb } ]";
    let empty = rdb("return 1");
    Shop::today(copy, "").with(&of_now(), empty).has("failure", "below-floor", "");
}

/// Sessions and caches: what was a full Redis is an empty one by the time it is restored.
#[test]
fn an_rdb_file_whose_keys_have_run_out_is_found_by_its_floor() {
    let copy = ", floor: { rows: 1 }, verify: [ { use: redis/verify-rdb } ]";
    let set =
        |more: &str| rdb(&format!("for i = 1, 50 do redis.call('set', 'key:' .. i, 'value'{more}) end"));
    let shop = Shop::today(copy, "").with(&of_now(), set(", 'ex', 2"));
    let file = fs::read_dir(shop.point("")).unwrap().next().unwrap().unwrap().path();
    let checked = || said(Command::new("redis-check-rdb").arg(&file));
    assert!(checked().contains("50 keys read"));
    crate::stage::until("the keys run out", || checked().contains("50 already expired"));
    shop.has("failure", "below-floor", "it holds 0 rows");
    Shop::today(copy, "").with(&of_now(), set(", 'ex', 600")).is_good();
    Shop::today(copy, "").with(&of_now(), set("")).is_good();
}

/// The size of a backup, and nothing in it: the power went before the disk had it. And the page of an error under its name.
#[test]
fn what_has_the_size_of_a_backup_and_is_none_is_found() {
    let page = format!(
        "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>{}</Message></Error>",
        "Request has expired. ".repeat(100)
    );
    for recipe in [
        "{ use: files/verify-tar }",
        "{ use: pg-dump/verify }",
        "{ use: postgres/verify-globals }",
        "{ use: redis/verify-rdb }",
        "{ use: sqlite/verify }",
        "{ use: mariadb/verify-dump }",
    ] {
        for content in [vec![0; 50_000], page.clone().into_bytes()] {
            let shop = Shop::today(&format!(", floor: {{ size: 1kB }}, verify: [ {recipe} ]"), "");
            shop.with(&of_now(), content).has("failure", "not-good", "");
        }
    }
}

/// The newest point is known by the moment inside, an older one by its name; it is the same point all the same.
#[test]
fn a_point_that_told_its_moment_itself_is_not_missed_when_it_is_no_more_the_newest() {
    let now = || jiff::Timestamp::now();
    let name = |before: i64| {
        let time = now() - jiff::SignedDuration::from_secs(before);
        time.strftime("db-%Y%m%dT%H%M%SZ.dump").to_string()
    };
    let first = name(300);
    let shop =
        Shop::today(&format!(", verify: [ {RDB} ]"), "").with(&first, rdb("redis.call('set', 'a', 'b')"));
    let record = ["verify", "plan.yaml", "--record"];
    shop.0.run(&record).exits(0);
    let shop = shop.with(&name(1), rdb("redis.call('set', 'a', 'c')"));
    shop.is_good();
    shop.0.run(&record).exits(0);
    fs::remove_file(shop.point(&first)).unwrap();
    shop.has("failure", "deleted-early", "1 points that were here before are gone");
}

const SQLITE: &str = "{ use: sqlite/verify, with: { tables: [messages] } }";

#[test]
fn an_sqlite_file_is_read_with_its_journal() {
    let make = "sqlite3 live.db \"pragma journal_mode = wal; create table messages (id integer, body text); create table \\\"odd name\\\" (a); \
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000) insert into messages select i, hex(randomblob(40)) from n\" >/dev/null
        sqlite3 live.db \".backup copy.db\"";
    let good = made(make, "copy.db");
    let copy = shop_of(SQLITE, &good).is_good();
    let facts = &copy["looked_into"][0]["facts"];
    assert_eq!((&facts["rows"], &copy["integrity"]), (&1000.into(), &"read".into()), "{copy:#}");
    shop_of(SQLITE, &good[..good.len() / 2]).has("failure", "not-good", "");
    let mut rotten = good.clone();
    for byte in &mut rotten[8192..9000] {
        *byte = 0xff;
    }
    shop_of(SQLITE, &rotten).has("failure", "not-good", "damaged");
    shop_of(SQLITE, b"not a database at all").has("failure", "not-good", "is no SQLite database");
    let without = made("sqlite3 a.db 'create table users (id)'", "a.db");
    shop_of(SQLITE, &without).has("failure", "not-good", "the table messages is not in it");
    let empty = made("sqlite3 a.db 'create table messages (id)'", "a.db");
    shop_of(SQLITE, &empty).has("failure", "not-good", "the table messages has no rows");
}

#[test]
fn an_sqlite_file_that_was_copied_without_its_wal_is_found() {
    // What is copied while it is written has its rows beside it.
    let script = "mkfifo hold; (sqlite3 live.db >/dev/null <hold) & exec 3>hold; \
        echo 'pragma journal_mode = wal; pragma wal_autocheckpoint = 0; create table messages (id); insert into messages values (1), (2), (3);' >&3; \
        for i in $(seq 100); do [ \"$(sqlite3 -readonly live.db 'select count(*) from messages' 2>/dev/null)\" = 3 ] && break; sleep 0.05; done; \
        cp live.db alone.db; cp live.db both.db; cp live.db-wal both.db-wal; exec 3>&-; wait";
    let folder = tempfile::tempdir().unwrap();
    bash(folder.path(), script);
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let point = of_now().replace(".dump", "");
    let inside = "{ use: sqlite/verify, with: { database: $POINT_PATH/app.db, tables: [messages] } }";
    let shop = |with_wal: bool| {
        let shop = Shop::today(&format!(", verify: [ {inside} ]"), "")
            .with(&format!("{point}/app.db"), read("alone.db"));
        if with_wal { shop.with(&format!("{point}/app.db-wal"), read("both.db-wal")) } else { shop }
    };
    let copy = shop(true).is_good();
    assert_eq!(copy["looked_into"][0]["facts"]["rows"], 3, "{copy:#}");
    shop(false).has("failure", "not-good", "the table messages");
}

const MARIADB: &str = "{ use: mariadb/verify-dump, with: { tables: [messages] } }";

#[test]
fn a_mariadb_dump_is_counted_and_held_to_its_end() {
    let server = MariaDb::start(&[]);
    server.sql(
        "create database shop; use shop; create table messages (id int, body text); create table users (id int); create table odd (a text); \
         insert into messages select seq, concat('it''s (', seq, '), (x\\\\', ';\\n--') from seq_1_to_2000; insert into users values (1), (2)",
    );
    let dump = |args: &[&str]| {
        let out = server.client("mariadb-dump").args(args).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    for args in [
        &["shop"][..],
        &["--databases", "shop"],
        &["--skip-extended-insert", "shop"],
        &["--complete-insert", "shop"],
    ] {
        let copy = shop_of(MARIADB, &dump(args)).is_good();
        let facts = &copy["looked_into"][0]["facts"];
        assert_eq!((&facts["rows"], &copy["integrity"]), (&2002.into(), &"read".into()), "{args:?} {copy:#}");
    }
    let good = dump(&["shop"]);
    shop_of(MARIADB, &good[..good.len() - 60]).has(
        "failure",
        "not-good",
        "it ends before `-- Dump completed`",
    );
    let packed = |bytes: &[u8], packer: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("dump"), bytes).unwrap();
        bash(folder.path(), &format!("{packer} -c dump >packed"));
        fs::read(folder.path().join("packed")).unwrap()
    };
    shop_of(MARIADB, &packed(&good, "gzip")).is_good();
    shop_of(MARIADB, &packed(&good, "zstd -q")).is_good();
    let gz = packed(&good, "gzip");
    shop_of(MARIADB, &gz[..gz.len() / 2]).has("failure", "not-good", "");
    // The dump died, and gzip ended well.
    shop_of(MARIADB, &packed(&good[..good.len() / 2], "gzip")).has(
        "failure",
        "not-good",
        "the dump did not finish",
    );
    shop_of(MARIADB, &dump(&["shop", "users"])).has("failure", "not-good", "the table messages is not in it");
    shop_of(MARIADB, &dump(&["--no-data", "shop"])).has(
        "failure",
        "not-good",
        "the table messages has no rows",
    );
    // Half a dump, unless it is said that the other half is elsewhere; and what nobody has asked for.
    let with = |with: &str| format!("{{ use: mariadb/verify-dump, with: {{ {with} }} }}");
    server.sql(
        "use shop; create procedure p() select 1; create database bare; use bare; create table t (a int)",
    );
    let anything = "{ use: mariadb/verify-dump }";
    shop_of(anything, &dump(&["bare"])).is_good();
    shop_of(anything, &dump(&["--no-data", "shop"])).has("failure", "not-good", "it is of --no-data");
    shop_of(anything, &dump(&["--no-create-info", "shop"])).has(
        "failure",
        "not-good",
        "it is of --no-create-info",
    );
    shop_of(&with("part: schema"), &dump(&["--no-data", "shop"])).is_good();
    shop_of(&with("part: data"), &dump(&["--no-create-info", "shop"])).is_good();
    shop_of(&with("routines: yes"), &dump(&["shop"])).has(
        "failure",
        "not-good",
        "it was made without --routines --events",
    );
    shop_of(&with("routines: yes"), &dump(&["--routines", "--events", "shop"])).is_good();
    shop_of(MARIADB, b"hello").has("failure", "not-good", "nothing that mariadb-dump");
}

/// By a connection that knows fewer letters than the tables: the dump ends well, and has question marks in it.
#[test]
fn a_mariadb_dump_by_a_connection_with_too_few_letters_is_unknown() {
    let server = MariaDb::start(&[]);
    server.sql(
        "set names utf8mb4; create database shop; use shop; create table messages (body text) charset utf8mb4; insert into messages values ('\u{1f642}'); \
         create database old; use old; create table messages (body text) charset latin1; insert into messages values ('caf\u{e9}'); \
         create database mixed; use mixed; create table messages (a text, body text character set utf8mb4) charset latin1; \
         insert into messages values ('a', 'SET NAMES latin1')",
    );
    let dump = |letters: &str, database: &str| {
        let letters = format!("--default-character-set={letters}");
        let out = server.client("mariadb-dump").args([&letters, database]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    let lost = dump("utf8mb3", "shop");
    assert!(String::from_utf8_lossy(&lost).contains("VALUES\n('?')"), "{}", String::from_utf8_lossy(&lost));
    let words = |letters: &str| format!("it was dumped as {letters}, and holds tables of utf8mb4");
    for (letters, database) in
        [("utf8mb3", "shop"), ("latin1", "shop"), ("latin1", "mixed"), ("utf8mb3", "mixed")]
    {
        shop_of(MARIADB, &dump(letters, database)).has("unknown", "not-known", &words(letters));
    }
    for (letters, database) in [
        ("utf8mb4", "shop"),
        ("utf8mb4", "old"),
        ("utf8mb4", "mixed"),
        ("latin1", "old"),
        ("utf8mb3", "old"),
        ("binary", "shop"),
    ] {
        shop_of(MARIADB, &dump(letters, database)).is_good();
    }
}

/// Who copies the files of a database while it runs gets files of several moments.
#[test]
fn the_data_of_a_server_that_ran_while_it_was_packed_is_unknown() {
    let server = crate::servers::Postgres::start();
    server.sql("postgres", "create table t as select generate_series(1, 1000)");
    let data = server.data().display().to_string();
    let within = data.trim_start_matches('/');
    let words = "a PostgreSQL server ran while its data was";
    let tar = |with: &str, script: &str| {
        shop_of(&format!("{{ use: files/verify-tar, with: {{ {with} }} }}"), &made(script, "x"))
    };
    let live = format!("tar -cPf x '{data}' 2>/dev/null || [ $? = 1 ]");
    tar("", &live).has("unknown", "not-known", words);
    tar("snapshot: yes", &live).is_good();
    tar("", &format!("tar -cPf x --exclude postmaster.pid '{data}' 2>/dev/null || [ $? = 1 ]")).is_good();
    // A base backup that somebody has packed with what lay there.
    let base = format!("cp -r '{data}' base; echo >base/backup_label; tar -cf x base");
    tar("", &base).is_good();

    let in_restic = |with: &str, script: &str| {
        restic(&format!("{{ use: files/verify-restic, with: {{ {with} }} }}"), script)
    };
    let live = format!("$r backup '{data}' || [ $? = 3 ]");
    in_restic("", &live).has("unknown", "not-known", words);
    in_restic("snapshot: yes", &live).is_good();
    in_restic("", &format!("cp -r '{data}' base; echo >base/backup_label; $r backup \"$PWD/base\""))
        .is_good();

    let in_borg =
        |with: &str, script: &str| borg(&format!("{{ use: files/verify-borg, with: {{ {with} }} }}"), script);
    let live = format!("borg create points::a '{data}' || [ $? = 1 ]");
    let copy = in_borg("", &live).has("unknown", "not-known", words);
    assert!(copy.to_string().contains(&format!("{within}/postmaster.pid")), "{copy:#}");
    in_borg("snapshot: yes", &live).is_good();
    in_borg("", &format!("cp -r '{data}' copied; echo >copied/backup_label; borg create points::a copied"))
        .is_good();
}

/// Two hosts with one repository: that one of them has stopped does not show, as the newest is of the other.
#[test]
fn a_host_that_another_hides_in_a_repository_is_unknown() {
    // So many days ago.
    let at = |days: u32| format!("$(date -u -d '{days} days ago' '+%F %T')");
    let made =
        |host: &str, days: u32| format!("$r backup --host {host} --time \"{}\" \"$PWD/uploads\"; ", at(days));
    let of_a = format!("{}{}", made("a", 9), made("a", 5));
    let hidden = format!("{of_a}{}$r backup --host b \"$PWD/uploads\"", made("b", 7));
    restic(RESTIC, &hidden).has("unknown", "not-known", "of several hosts in turn (a, b)");
    let host = |host: &str| RESTIC.replace("paths", &format!("host: {host}, paths"));
    restic(&host("a"), &hidden).has("failure", "stale", "the newest point is 5d");
    restic(&host("b"), &hidden).is_good();
    // What was moved to another host is of one after the other.
    let moved = format!("{of_a}{}$r backup --host b \"$PWD/uploads\"", made("b", 3));
    restic(RESTIC, &moved).is_good();

    let made = |host: &str, days: u32| {
        let time = at(days).replace(" '+%F %T'", " '+%FT%T'");
        format!(
            "unshare --uts bash -c \"hostname {host}; borg create --timestamp {time} points::{host}-{days} uploads\"; "
        )
    };
    let hidden = [("a", 9), ("b", 7), ("a", 5), ("b", 0)].map(|(host, days)| made(host, days)).concat();
    borg(BORG, &hidden).has("unknown", "not-known", "of several hosts in turn (a, b)");
    let prefix = |host: &str| BORG.replace("paths", &format!("prefix: {host}-, paths"));
    borg(&prefix("a"), &hidden).has("failure", "stale", "the newest point is 5d");
    borg(&prefix("b"), &hidden).is_good();
    borg(BORG, &[("a", 9), ("a", 5), ("b", 3), ("b", 0)].map(|(host, days)| made(host, days)).concat())
        .is_good();
}

const TAR: &str = "{ use: files/verify-tar, with: { paths: [uploads/1] } }";

#[test]
fn an_archive_is_read_to_its_mark() {
    let make = "mkdir uploads; for i in 1 2 3; do head -c 20000 /dev/urandom >uploads/$i; done; ";
    let tar = |more: &str| made(&format!("{make}{more}"), "x");
    for pack in ["cat", "gzip", "zstd -q", "xz", "bzip2"] {
        let copy = shop_of(TAR, &tar(&format!("tar -cf - uploads | {pack} >x"))).is_good();
        let facts = &copy["looked_into"][0]["facts"];
        assert_eq!((&facts["files"], &copy["integrity"]), (&3.into(), &"read".into()), "{pack}: {copy:#}");
    }
    shop_of(TAR, &tar("tar -czf x ./uploads")).is_good();
    let good = tar("tar -cf x uploads");
    shop_of(TAR, &good[..30_000]).has("failure", "not-good", "cannot be read to its end");
    // Between two entries tar itself sees nothing wrong.
    shop_of(TAR, &good[..512 + 512 + 20_480]).has("failure", "not-good", "it was cut off");
    let gz = tar("tar -czf x uploads");
    shop_of(TAR, &gz[..gz.len() - 9]).has("failure", "not-good", "");
    shop_of(TAR, &changed(&gz, gz.len() / 2)).has("failure", "not-good", "");
    shop_of(TAR, &tar("tar -czf x -T /dev/null")).has("failure", "not-good", "uploads/1 is not in it");
    shop_of(TAR, &tar("rm uploads/1; tar -czf x uploads")).has(
        "failure",
        "not-good",
        "uploads/1 is not in it",
    );
    shop_of(TAR, &tar("tar -czPf x --transform s,uploads,../out, uploads")).has(
        "failure",
        "not-good",
        "leads out of the folder",
    );
    // Packed by an account that may not read all of it: tar complains to nobody, and goes on.
    let packed_by = |account: &str| {
        let pack = format!(
            "chmod 600 uploads/1; chmod o+x .; setpriv --reuid={account} --clear-groups tar -cz uploads >x || true"
        );
        tar(&pack)
    };
    shop_of(TAR, &packed_by("nobody")).has("failure", "not-good", "uploads/1 is not in it");
    shop_of(TAR, &packed_by("root")).is_good();
    // A disk that was not mounted, and a folder that is a link.
    let folder = "{ use: files/verify-tar, with: { paths: [uploads] } }";
    shop_of(folder, &good).is_good();
    shop_of(folder, &made("mkdir uploads; tar -czf x uploads", "x")).has(
        "failure",
        "not-good",
        "uploads is an empty folder in it",
    );
    let link = "mkdir -p real; echo data >real/file; ln -s real uploads; ";
    shop_of(folder, &made(&format!("{link}tar -czf x uploads"), "x")).has(
        "failure",
        "not-good",
        "uploads is a link to real, which is not in it",
    );
    shop_of(folder, &made(&format!("{link}tar -czhf x uploads"), "x")).is_good();
    shop_of(folder, &made(&format!("{link}tar -czf x uploads real"), "x")).is_good();
    let absolute =
        "mkdir -p real; echo data >real/file; ln -s \"$PWD/real\" uploads; tar -czf x ./uploads ./real";
    shop_of(folder, &made(absolute, "x")).is_good();
    // Names that look like something else.
    let odd = "mkdir uploads; for name in 'a -> b' 'a link to b' ' lead' 'x  y' '-rw-r--r-- 0 1 2026-01-01 00:00 z'; do echo >\"uploads/$name\"; done; tar -cf x uploads";
    let copy = shop_of("{ use: files/verify-tar, with: { paths: ['uploads/a -> b', 'uploads/a link to b', 'uploads/ lead', 'uploads/x  y'] } }", &made(odd, "x")).is_good();
    assert_eq!(copy["looked_into"][0]["facts"]["files"], 5, "{copy:#}");
    shop_of(TAR, b"<html>not found</html>").has("failure", "not-good", "");
}

const RESTIC: &str = "{ use: files/verify-restic, with: { paths: [$SOURCE/uploads] } }";

/// A restic repository in the folder of the copy, with one snapshot.
fn restic(verify: &str, backup: &str) -> Shop {
    let shop = repository(verify, "");
    let folder = shop.0.path().to_owned();
    fs::write(folder.join("password"), "open sesame").unwrap();
    let plan = shop.0.read("plan.yaml").replace("PASSWORD", "RESTIC_PASSWORD");
    shop.0.write("plan.yaml", &format!("{plan}vars: {{ SOURCE: '{}' }}\n", folder.display()));
    bash(
        &folder,
        &format!(
            "export RESTIC_PASSWORD='open sesame'; mkdir uploads other; for i in 1 2 3; do head -c 20000 /dev/urandom >uploads/$i; done; \
             r='restic --no-cache -q -r points'; $r init; {backup}"
        ),
    );
    shop
}

#[test]
fn a_restic_repository_is_really_read() {
    let all = "$r backup \"$PWD/uploads\" \"$PWD/other\"";
    let copy = restic(RESTIC, all).is_good();
    assert_eq!(
        (&copy["integrity"], &copy["looked_into"][0]["facts"]["files"]),
        (&"read".into(), &3.into()),
        "{copy:#}"
    );
    let none = RESTIC.replace("paths", "read: none, paths");
    assert_eq!(restic(&none, all).is_good()["integrity"], "header");
    let rot = format!(
        "{all}; pack=$(find points/data -type f -size +30k | head -n 1); chmod u+w \"$pack\"; printf X | dd of=\"$pack\" bs=1 seek=9000 conv=notrunc status=none"
    );
    restic(RESTIC, &rot).has("failure", "not-good", "its data is damaged");
    // The list alone does not see it.
    restic(&none, &rot).is_good();
}

#[test]
fn what_a_restic_repository_lacks_is_found() {
    let all = "$r backup \"$PWD/uploads\" \"$PWD/other\"";
    restic(RESTIC, &format!("{all}; find points/data -type f -delete")).has(
        "failure",
        "not-good",
        "its data is damaged",
    );
    restic(RESTIC, "true").has("failure", "not-good", "it has no snapshot");
    restic(RESTIC, "$r backup \"$PWD/other\"").has("failure", "not-good", "was not made of");
    // restic ends well where a path is missing.
    restic(RESTIC, "mv uploads away; $r backup \"$PWD/uploads\" \"$PWD/other\" || true")
        .has("failure", "not-good", "uploads");
    // A disk that was not mounted, and a folder that is a link; what lies within what was backed up is a path too.
    let path = |path: &str| format!("{{ use: files/verify-restic, with: {{ paths: [$SOURCE/{path}] }} }}");
    restic(&path("uploads/2"), all).is_good();
    restic(RESTIC, &format!("rm uploads/*; {all}")).has("failure", "not-good", "uploads was an empty folder");
    let link = "ln -s uploads linked; ln -s /nowhere/at/all away; $r backup \"$PWD\" --exclude points";
    restic(&path("linked"), link).is_good();
    restic(&path("away"), link).has(
        "failure",
        "not-good",
        "away is a link to /nowhere/at/all, which is not in the newest snapshot",
    );
    restic(RESTIC, &format!("{all}; rm -r points; mkdir points")).has(
        "failure",
        "not-good",
        "there is no repository",
    );
    restic(RESTIC, &format!("{all}; echo wrong >password")).has("failure", "not-good", "does not open it");
    restic(RESTIC, "$r backup --time '2026-01-01 00:00:00' \"$PWD/uploads\"").has(
        "failure",
        "rpo-missed",
        "",
    );
}

#[test]
fn a_tool_that_lies_or_crashes_is_unknown() {
    let version = "case $1 in version | --version) exec /usr/bin/restic version ;; esac; ";
    for (script, words) in [
        (format!("{version}exit 0"), "lists nothing"),
        (format!("{version}kill -SEGV $$"), ""),
        ("exit 0".to_owned(), "does not tell its version"),
    ] {
        let shop = restic(RESTIC, "$r backup \"$PWD/uploads\"");
        let bin = shop.0.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("restic"), format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(bin.join("restic"), fs::Permissions::from_mode(0o755)).unwrap();
        shop.0.write(
            "plan.yaml",
            &shop
                .0
                .read("plan.yaml")
                .replace("vars: {", &format!("vars: {{ PATH: '{}:/usr/bin:/bin',", bin.display())),
        );
        shop.has("unknown", "not-known", words);
    }
}

const BORG: &str = "{ use: files/verify-borg, with: { paths: [uploads/1] } }";

fn borg(verify: &str, backup: &str) -> Shop {
    let shop = repository(verify, "");
    let folder = shop.0.path().to_owned();
    fs::write(folder.join("password"), "open sesame").unwrap();
    let plan = shop.0.read("plan.yaml").replace("PASSWORD", "BORG_PASSPHRASE");
    shop.0.write("plan.yaml", &plan);
    bash(
        &folder,
        &format!(
            "export BORG_PASSPHRASE='open sesame' BORG_BASE_DIR=$PWD/base; mkdir base uploads; for i in 1 2 3; do head -c 20000 /dev/urandom >uploads/$i; done; \
             borg init -e repokey points 2>/dev/null; {backup}"
        ),
    );
    shop
}

#[test]
fn a_borg_repository_is_really_read() {
    let all = "borg create points::a uploads";
    let copy = borg(BORG, all).is_good();
    assert_eq!(
        (&copy["integrity"], &copy["looked_into"][0]["facts"]["files"]),
        (&"read".into(), &3.into()),
        "{copy:#}"
    );
    let rot = format!(
        "{all}; segment=$(find points/data -type f -size +50k | head -n 1); printf XXXX | dd of=\"$segment\" bs=1 seek=30000 conv=notrunc status=none"
    );
    borg(BORG, &rot).has("failure", "not-good", "its data is damaged");
    // A repair makes all of it readable, and the file is zeros.
    let repaired = format!(
        "{rot}; export BORG_CHECK_I_KNOW_WHAT_I_AM_DOING=YES; borg check --repair points || true; borg check --verify-data points"
    );
    borg(BORG, &repaired).has("failure", "not-good", "were filled with zeros by a repair");
    let path = |path: &str| format!("{{ use: files/verify-borg, with: {{ paths: [{path}] }} }}");
    borg(&path("uploads"), all).is_good();
    borg(&path("uploads"), "rm uploads/*; borg create points::a uploads").has(
        "failure",
        "not-good",
        "uploads is an empty folder",
    );
    let link = "ln -s uploads linked; ln -s /nowhere/at/all away; borg create points::a uploads linked away";
    borg(&path("linked"), link).is_good();
    borg(&path("away"), link).has(
        "failure",
        "not-good",
        "away is a link to /nowhere/at/all, which is not in the newest archive",
    );
    borg(BORG, "true").has("failure", "not-good", "it has no archive");
    borg(BORG, "rm uploads/1; borg create points::a uploads").has(
        "failure",
        "not-good",
        "uploads/1 is not in the newest archive",
    );
    borg(BORG, &format!("{all}; rm -r points; mkdir points")).has(
        "failure",
        "not-good",
        "there is no repository",
    );
    borg(BORG, &format!("{all}; echo wrong >password")).has("failure", "not-good", "does not open it");
    borg(BORG, "borg create --timestamp 2026-01-01T00:00:00 points::a uploads").has(
        "failure",
        "rpo-missed",
        "",
    );
}
