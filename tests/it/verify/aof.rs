//! The append-only file of a real Redis: each bad copy is really made, beside its good twin.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Shop, of_now};
use crate::servers::{Redis, said};
use crate::stage::until;

/// The folder of an append-only file with so many keys in its base, and as many after it.
fn aof(keys: u32) -> TempDir {
    let server = Redis::start(&["appendonly yes", "aof-timestamp-enabled yes", "appendfsync always"]);
    let set = |from: u32, to: u32| {
        server.run(&[
            "eval",
            "for i = ARGV[1], ARGV[2] do redis.call('set', 'key:' .. i, string.rep('value', 10)) end",
            "0",
            &from.to_string(),
            &to.to_string(),
        ]);
    };
    set(1, keys);
    server.run(&["bgrewriteaof"]);
    until("it is rewritten", || {
        let told = server.run(&["info", "persistence"]);
        told.contains("aof_rewrite_in_progress:0") && told.contains("aof_rewrite_scheduled:0")
    });
    // Redis writes the time once a second.
    let second = || server.run(&["time"]).lines().next().unwrap().to_owned();
    let before = second();
    until("the next second has begun", || second() != before);
    set(keys + 1, 2 * keys);
    let folder = tempfile::tempdir().unwrap();
    said(Command::new("cp").args(["-r"]).arg(server.data().join("appendonlydir")).arg(folder.path()));
    folder
}

/// A shop with one point, a copy of this folder.
fn shop(aof: &Path, more: &str) -> Shop {
    let shop = Shop::today(&format!("{more}, verify: [ {{ use: redis/verify-aof }} ]"), "");
    said(Command::new("cp").arg("-rT").arg(aof).arg(shop.point(&point())));
    shop
}

fn point() -> String {
    of_now().replace(".dump", "")
}

/// Returns the path of the file of a kind: `base`, `incr`.
fn file(shop: &Shop, kind: &str) -> std::path::PathBuf {
    let points = fs::read_dir(shop.point("")).unwrap().map(|entry| entry.unwrap().path());
    let mut files = points.flat_map(|point| fs::read_dir(point).unwrap()).map(|entry| entry.unwrap().path());
    files.find(|path| path.to_string_lossy().contains(&format!(".{kind}."))).unwrap()
}

#[test]
fn an_append_only_file_is_read_and_loaded() {
    let folder = aof(500);
    let aof = folder.path().join("appendonlydir");
    let copy = shop(&aof, "").is_good();
    let seen = &copy["looked_into"][0];
    assert_eq!((&seen["facts"]["rows"], &seen["integrity"]), (&1000.into(), &"read".into()), "{copy:#}");
    assert_eq!(seen["dated_by"], "artifact", "{copy:#}");

    for kind in ["base", "incr"] {
        let gone = shop(&aof, "");
        fs::remove_file(file(&gone, kind)).unwrap();
        gone.has("failure", "not-good", "is in the manifest, and not there");
        let damaged = shop(&aof, "");
        let path = file(&damaged, kind);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 40].fill(b'?');
        fs::write(path, bytes).unwrap();
        damaged.has("failure", "not-good", "cannot be read to its end");
    }
    let without = shop(&aof, "");
    let manifest = file(&without, "base").with_file_name("appendonly.aof.manifest");
    fs::remove_file(manifest).unwrap();
    without.has("failure", "not-good", "has no appendonly.aof.manifest");
}

#[test]
fn an_end_that_was_cut_off_is_found_and_may_be_allowed() {
    let folder = aof(200);
    let aof = folder.path().join("appendonlydir");
    let cut = shop(&aof, "");
    let path = file(&cut, "incr");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
    cut.has("failure", "not-good", "cannot be read to its end");
    let plan = cut.0.read("plan.yaml");
    cut.0.write(
        "plan.yaml",
        &plan.replace("use: redis/verify-aof", "use: redis/verify-aof, with: { truncated: yes }"),
    );
    let copy = cut.is_good();
    // Half a transaction, as a script is one, is none.
    assert_eq!(copy["looked_into"][0]["facts"]["rows"], 200, "{copy:#}");
    // The only copy was not mended.
    assert_eq!(fs::read(&path).unwrap(), &bytes[..bytes.len() - 20]);
}

#[test]
fn an_append_only_file_without_keys_is_found_by_its_floor() {
    let folder = aof(0);
    shop(&folder.path().join("appendonlydir"), ", floor: { rows: 1 }").has("failure", "below-floor", "");
}
