//! Backups of mariabackup and binary logs of a real MariaDB: each bad one is really made, beside its good twin.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Shop, of_now};
use crate::servers::{MariaDb, said};

/// A full backup, one that follows it, and the logs after both.
struct Source(TempDir);

impl Source {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = MariaDb::start(&["log-bin=binlog", "server-id=1", "binlog-format=ROW"]);
        server.sql(
            "create database shop; use shop; create table messages (id int primary key auto_increment, body text); create table notes (id int) engine=myisam; \
             create table parts (id int) partition by hash (id) partitions 3; create view v as select * from messages; create sequence numbers; \
             insert into messages (body) select repeat('words ', 20) from seq_1_to_3000; insert into notes values (1), (2)",
        );
        let path = |name: &str| folder.path().join(name).display().to_string();
        for (name, after) in [("full", ""), ("first", "full"), ("second", "first")] {
            server.sql(&format!("insert into shop.messages (body) values ('before {name}')"));
            // Nothing of it is in the log any more, from which a damaged page would be mended, and a missing backup be made up for.
            server.down();
            server.up();
            let mut command = Command::new("mariabackup");
            command.arg(format!("--defaults-file={}", server.config().display()));
            command.args(["--backup", "--user=root"]).arg(format!("--socket={}", server.socket().display()));
            command.arg(format!("--target-dir={}", path(name)));
            if !after.is_empty() {
                command.arg(format!("--incremental-basedir={}", path(after)));
            }
            said(&mut command);
        }
        for text in ["fourth", "fifth", "sixth"] {
            server.sql(&format!("insert into shop.messages (body) values ('{text}'); flush binary logs"));
        }
        fs::create_dir(folder.path().join("logs")).unwrap();
        for log in server.sql("show binary logs").lines() {
            let name = log.split('\t').next().unwrap();
            fs::copy(server.data().join(name), folder.path().join("logs").join(name)).unwrap();
        }
        Self(folder)
    }

    /// A shop whose point has copies of these folders.
    fn shop(&self, verify: &str) -> (Shop, PathBuf) {
        let shop = Shop::today(&format!(", verify: [ {verify} ]"), "");
        let point = shop.point(&of_now().replace(".dump", ""));
        said(Command::new("cp").arg("-rT").arg(self.0.path()).arg(&point));
        (shop, point)
    }

    fn backup(&self, more: &str, change: impl Fn(&Path)) -> Shop {
        let verify =
            format!("{{ use: mariadb/verify-mariabackup, with: {{ backup: $POINT_PATH/full{more} }} }}");
        let (shop, point) = self.shop(&verify);
        change(&point);
        shop
    }

    fn logs(&self, more: &str, change: impl Fn(&Path)) -> Shop {
        let shop = Shop::today(
            &format!(
                ", verify: [ {{ use: mariadb/verify-binlog, with: {{ logs: $POINT_PATH/logs{more} }} }} ]"
            ),
            "",
        );
        said(Command::new("cp").arg("-rT").arg(self.0.path()).arg(shop.point("")));
        change(&shop.point("logs"));
        shop
    }
}

fn messages(point: &Path) -> PathBuf {
    point.join("full/shop/messages.ibd")
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() / 2 + 200;
    bytes[at..at + 100].fill(0x55);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_backup_of_mariabackup_is_prepared_and_its_pages_are_read() {
    let source = Source::new();
    let chain = ", incrementals: [$POINT_PATH/first, $POINT_PATH/second], tables: [shop.messages, shop.notes, shop.parts]";
    for more in ["", chain] {
        let copy = source.backup(more, |_| ()).is_good();
        let seen = &copy["looked_into"][0];
        assert_eq!((&seen["integrity"], &seen["dated_by"]), (&"read".into(), &"artifact".into()), "{copy:#}");
    }
    let quick = source.backup(", read: none", |_| ()).is_good();
    assert_eq!(quick["integrity"], "header");

    let bad = |more: &str, words: &str, change: &dyn Fn(&Path)| {
        source.backup(more, change).has("failure", "not-good", words);
    };
    bad("", "never finished", &|point| fs::remove_file(point.join("full/xtrabackup_info")).unwrap());
    bad("", "the table shop.messages has no data file", &|point| {
        fs::remove_file(messages(point)).unwrap();
    });
    bad("", "the table shop.notes has no data file", &|point| {
        fs::remove_file(point.join("full/shop/notes.MYD")).unwrap();
    });
    bad(", tables: [shop.orders]", "the table shop.orders is not in it", &|_| ());
    bad("", "messages.ibd is damaged", &|point| damage(&messages(point)));
    bad("", "cannot be prepared", &|point| {
        let log = point.join("full/ib_logfile0");
        let length = fs::metadata(&log).unwrap().len();
        fs::write(log, vec![0x55; usize::try_from(length).unwrap()]).unwrap();
    });
    bad(", incrementals: [$POINT_PATH/second]", "one is missing", &|_| ());
    bad(", incrementals: [$POINT_PATH/full]", "is no incremental backup", &|_| ());
    source.backup("", |point| fs::rename(point.join("first"), point.join("full.new")).unwrap()).is_good();
}

#[test]
fn binary_logs_are_followed_from_their_backup_to_the_newest() {
    let source = Source::new();
    let all = fs::read_dir(source.0.path().join("logs")).unwrap().count();
    let base = ", base: points/second";
    for (more, count) in [("", all), (base, 4)] {
        let copy = source.logs(more, |_| ()).is_good();
        let facts = &copy["looked_into"][0]["facts"];
        assert_eq!((&copy["integrity"], &facts["files"]), (&"read".into(), &count.into()), "{copy:#}");
    }
    let info = fs::read_to_string(source.0.path().join("second/xtrabackup_binlog_info")).unwrap();
    let ends_in = info.split_whitespace().next().unwrap();
    let bad = |more: &str, words: &str, change: &dyn Fn(&Path)| {
        source.logs(more, change).has("failure", "not-good", words);
    };
    bad("", "binlog.000002 is missing", &|logs| fs::remove_file(logs.join("binlog.000002")).unwrap());
    bad(base, "in which the backup ends, is not there", &|logs| fs::remove_file(logs.join(ends_in)).unwrap());
    bad("", "binlog.000002 cannot be read to its end", &|logs| damage(&logs.join("binlog.000002")));
    bad("", "binlog.000002", &|logs| {
        let log = logs.join("binlog.000002");
        let bytes = fs::read(&log).unwrap();
        fs::write(log, &bytes[..bytes.len() - 30]).unwrap();
    });
    bad("", "is no binary log", &|logs| fs::write(logs.join("binlog.000003"), "text").unwrap());
    bad("", "is empty", &|logs| fs::write(logs.join("binlog.000003"), "").unwrap());
    bad("", "logs of several servers", &|logs| {
        fs::copy(logs.join("binlog.000001"), logs.join("other.000001")).unwrap();
    });
    bad("", "it holds no binary log", &|logs| {
        for log in fs::read_dir(logs).unwrap() {
            fs::remove_file(log.unwrap().path()).unwrap();
        }
    });
}
