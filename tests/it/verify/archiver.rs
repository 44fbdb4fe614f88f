//! The recipe that asks a running server whether it archives its WAL.

use std::fs;
use std::path::Path;

use super::Shop;
use crate::servers::{Postgres, give_to};
use crate::stage::until;

/// A server that archives by a command, into a folder that is given to it.
struct Source {
    server: Postgres,
    folder: tempfile::TempDir,
}

impl Source {
    fn new(command: impl Fn(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        give_to("postgres", folder.path());
        let command = format!("archive_command = '{}'", command(folder.path()));
        let server = Postgres::start_with(&["archive_mode = on", "archive_timeout = 60", &command]);
        Self { server, folder }
    }

    /// Writes something, and has the server hand it on.
    fn write(&self) {
        self.server.sql("postgres", "create table if not exists t (a int); select pg_switch_wal()");
    }

    fn asks(&self, question: &str) {
        until("the server says so", || self.server.sql("postgres", question) == "t");
    }

    fn shop(&self, with: &str) -> Shop {
        let verify = format!(", verify: [ {{ use: postgres/verify-archiver, with: {{ {with} }} }} ]");
        let shop = Shop::today(&verify, &format!("vars: {{ {} }}\n", self.server.vars()));
        let plan = shop.0.read("plan.yaml").replace("every: 24h", "continuous: true");
        let plan = plan.replace("takes: 10m", "takes: 1m").replace("rpo: 26h", "rpo: 10m");
        shop.0.write(
            "plan.yaml",
            &plan.replace("at: points", &format!("at: '{}'", self.folder.path().display())),
        );
        shop
    }

    fn bad(&self, with: &str, words: &str) {
        self.shop(with).has("failure", "not-good", words);
    }
}

fn copied(folder: &Path) -> String {
    format!("cp %p {}/%f", folder.display())
}

const ARCHIVED: &str = "select archived_count > 0 from pg_stat_archiver";

#[test]
fn a_server_that_archives_is_good_also_while_nothing_is_written() {
    let source = Source::new(copied);
    source.write();
    source.asks(ARCHIVED);
    let copy = source.shop("").is_good();
    assert!(copy["newest"].is_string(), "{copy:#}");
    // Packed, it is there as well.
    let segment = fs::read_dir(source.folder.path()).unwrap().next().unwrap().unwrap().path();
    fs::rename(&segment, segment.with_extension("zst")).unwrap();
    source.shop("").is_good();
    fs::remove_file(segment.with_extension("zst")).unwrap();
    source.bad("", "archive_command keeps nothing, or archives elsewhere");
    source.shop("archive: ''").is_good();
}

#[test]
fn a_server_that_only_seems_to_archive_is_found() {
    let lies = Source::new(|_| "/bin/true".to_owned());
    lies.write();
    lies.asks(ARCHIVED);
    lies.bad("", "and it is not in");
    let mut fails = Source::new(|_| "false".to_owned());
    fails.write();
    fails.asks("select failed_count > 0 from pg_stat_archiver");
    fails.bad("", "archive_command fails for 0000000100000000");
    fails.server.down();
    fails.shop("").has("unknown", "not-known", "the server does not answer");
    let waits = Source::new(|_| String::new());
    waits.write();
    waits.asks(
        "select clock_timestamp() - min(modification) > '1 s' from pg_ls_archive_statusdir() where name like '%.ready'",
    );
    waits.bad("most_waiting: 0", "wait to be archived, the oldest for");
    waits.shop("").has("unknown", "not-known", "has archived nothing");
}

#[test]
fn a_server_that_does_not_archive_at_all_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source { server: Postgres::start(), folder };
    source.bad("", "archive_mode is off");
}
