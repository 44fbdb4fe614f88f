//! Recipes that write down what there is, and compare.

use std::fs;

use crate::servers::{Postgres, Redis};
use crate::stage::Stage;

/// Two plans: one takes the truth, the other compares.
fn plan(vars: &str, recipe: &str, inputs: &str) -> Stage {
    let stage = Stage::new("steps: { a: { run: 'true' } }\n");
    let record = stage.path().join("record").display().to_string();
    for name in ["take", "compare"] {
        let step = format!("use: truth/{recipe}, with: {{ do: {name}, record: {record}, {inputs} }}");
        let text =
            format!("version: 1\nplan: {name}\ntitle: {name}\n{vars}steps: {{ truth: {{ {step} }} }}\n");
        stage.write(&format!("{name}.yaml"), &text);
    }
    stage
}

#[track_caller]
fn take(stage: &Stage) {
    stage.run(&["execute", "take.yaml", "--yes"]).exits(0);
}

/// Compares; returns what is said to differ, nothing if all is equal.
#[track_caller]
fn compare(stage: &Stage) -> Option<String> {
    let ran = stage.run(&["execute", "compare.yaml", "--yes"]);
    if ran.code == 0 {
        return None;
    }
    ran.exits(3);
    Some(fs::read_to_string(stage.run_dir().join("steps/truth/truth/1/stdout")).unwrap())
}

#[test]
fn one_row_of_a_database_makes_a_difference() {
    let server = Postgres::start();
    server.sql("postgres", "create database shop");
    server.sql("shop", "create extension hstore; create table messages (id serial, body text)");
    server.sql("shop", "create table \"Odd name\" (a int); create table sessions (a int)");
    let rows =
        "insert into messages (body) select 'message ' || g || E'\\n\\\\.' from generate_series(1, 2000) g";
    server.sql("shop", rows);
    let vars = format!("vars: {{ {} }}\n", server.vars());
    let stage = plan(&vars, "postgres", "database: shop, except: [public.sessions]");
    take(&stage);
    let record = stage.read("record");
    assert!(record.contains("table public.messages owner=postgres rows=2000 sha256="), "{record}");
    assert!(record.contains("table public.\"Odd name\"") && record.contains("extension hstore"), "{record}");
    server.sql("shop", "insert into sessions values (1); update messages set body = body where id < 100");
    assert_eq!(compare(&stage), None, "the order of rows on disk is no difference");
    server.sql("shop", "update messages set body = 'other' where id = 77");
    let differs = compare(&stage).expect("a row differs");
    assert!(differs.contains("> table public.messages owner=postgres rows=2000"), "{differs}");
}

#[test]
fn one_key_of_redis_makes_a_difference() {
    let server = Redis::start(&[]);
    let fill = "for i = 1, 5000 do redis.call('set', 'key:' .. i, i); redis.call('hset', 'hash', 'f' .. i, i); \
          redis.call('sadd', 'set', 'm' .. i) end; \
        redis.call('zadd', 'zset', 1.5, 'a', 2, 'b'); redis.call('xadd', 'stream', '1-1', 'f', 'v'); \
        redis.call('rpush', 'list', 'x', 'y'); redis.call('set', 's', 1, 'ex', 9999)";
    server.run(&["eval", fill, "0"]);
    let stage = plan("", "redis", &format!("socket: {}", server.socket().display()));
    take(&stage);
    assert_eq!(stage.read("record").lines().count(), 5000 + 6 + 1);
    // The same members, in another order inside.
    let again = "local all = redis.call('hgetall', 'hash'); redis.call('del', 'hash', 'set'); \
        for at = #all - 1, 1, -2 do redis.call('hset', 'hash', all[at], all[at + 1]); \
          redis.call('sadd', 'set', 'm' .. all[at + 1]) end";
    server.run(&["eval", again, "0"]);
    assert_eq!(compare(&stage), None);
    server.run(&["hset", "hash", "f77", "other"]);
    server.run(&["persist", "s"]);
    let differs = compare(&stage).expect("two keys differ");
    assert!(differs.contains("> db0 s string stays"), "{differs}");
    assert!(differs.contains("> db0 hash hash stays"), "{differs}");
}

#[test]
fn one_file_makes_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("deep")).unwrap();
    for at in 0..50 {
        fs::write(folder.path().join(format!("deep/file {at}")), format!("{at}")).unwrap();
    }
    let stage = plan("", "files", &format!("folder: {}", folder.path().display()));
    take(&stage);
    assert_eq!(compare(&stage), None);
    fs::write(folder.path().join("deep/file 7"), "8").unwrap();
    let differs = compare(&stage).expect("a file differs");
    assert!(differs.contains("deep/file 7") && !differs.contains("file 8"), "{differs}");
    // A record that nobody has taken is no record.
    fs::remove_file(stage.path().join("record")).unwrap();
    stage.run(&["execute", "compare.yaml", "--yes"]).exits(3);
}
