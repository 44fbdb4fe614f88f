//! The recipe for live replicas, against real servers.

use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::Shop;
use super::postgres::stand_in;
use crate::servers::{Postgres, said};
use crate::stage::until;

/// A primary and its replica.
struct Pair {
    primary: Postgres,
    replica: Postgres,
}

impl Pair {
    fn new() -> Self {
        let primary = Postgres::start();
        primary.sql("postgres", "create table t (a int)");
        let mut replica = Postgres::bare();
        said(primary.client("pg_basebackup").args(["-c", "fast", "-R", "-D"]).arg(replica.data()));
        said(Command::new("chown").args(["-R", "postgres:"]).arg(replica.data()));
        replica.settle_in();
        replica.up();
        let pair = Self { primary, replica };
        pair.receives();
        pair
    }

    fn receives(&self) {
        let status = || self.replica.sql("postgres", "select status from pg_stat_wal_receiver");
        until("the replica receives", || status() == "streaming");
    }

    fn shop(&self, with: &str) -> Shop {
        let verify = format!("{{ use: postgres/verify-replica, with: {{ {with} }} }}");
        let shop = Shop::today(
            &format!(", verify: [ {verify} ]"),
            &format!("vars: {{ {} }}\n", self.replica.vars()),
        );
        // What a replica is for.
        let plan = shop
            .0
            .read("plan.yaml")
            .replace("every: 24h", "continuous: true")
            .replace("keep: 30d", "keep: latest");
        shop.0.write(
            "plan.yaml",
            &plan.replace("at: points", "at: 'postgres://replica'").replace("rpo: 26h", "rpo: 5m"),
        );
        shop
    }

    /// The same, with the primary's own word.
    fn both(&self, more: &str) -> Shop {
        self.shop(&format!("primary: 'host={} user=postgres'{more}", self.primary.socket().display()))
    }
}

fn bad(shop: &Shop, words: &str) {
    shop.has("failure", "not-good", words);
}

#[test]
fn a_replica_that_follows_is_good_by_its_own_word_and_by_its_primarys() {
    let mut pair = Pair::new();
    pair.both("").is_good();
    pair.shop("").is_good();
    // Nothing was committed since it was started: so the time of the last commit is not known, and nothing is lost.
    pair.replica.down();
    pair.replica.up();
    pair.receives();
    assert_eq!(pair.replica.sql("postgres", "select pg_last_xact_replay_timestamp() is null"), "t");
    pair.both("").is_good();
    // What is no commit is told to the replica as well.
    pair.primary.sql("postgres", "select pg_switch_wal()");
    pair.shop("").is_good();
    pair.primary.sql("postgres", "insert into t values (1)");
    pair.both("").is_good();
    pair.shop("system: '12'").has("failure", "not-good", "it is of the cluster");
    let other = Postgres::start();
    let foreign = pair.shop(&format!("primary: 'host={} user=postgres'", other.socket().display()));
    bad(&foreign, "and its primary is of");
    bad(
        &pair.shop(&format!("primary: 'host={} user=postgres'", pair.replica.socket().display())),
        "a replica itself",
    );
}

#[test]
fn a_replica_that_only_seems_to_follow_is_found() {
    let pair = Pair::new();
    let replica = &pair.replica;
    replica.sql("postgres", "select pg_wal_replay_pause()");
    bad(&pair.both(""), "its replay is paused");
    replica.sql("postgres", "select pg_wal_replay_resume()");
    replica.sql("postgres", "alter system set recovery_min_apply_delay = '1h'");
    replica.sql("postgres", "select pg_reload_conf()");
    until("it has read its configuration", || {
        replica.sql("postgres", "show recovery_min_apply_delay") == "1h"
    });
    bad(&pair.both(""), "it waits for 3600 s");
    pair.primary.sql("postgres", "insert into t values (1)");
    pair.both(", max_delay: 3600").is_good();
    replica.sql("postgres", "alter system reset recovery_min_apply_delay");
    replica.sql("postgres", "select pg_reload_conf()");
    until("it has read its configuration", || {
        replica.sql("postgres", "show recovery_min_apply_delay") == "0"
    });
    pair.both("").is_good();
    // Cut off: it is as far as what it has received, and says that it receives.
    let pid = replica.sql("postgres", "select pid from pg_stat_wal_receiver");
    let receiver = Pid::from_raw(pid.parse().unwrap()).unwrap();
    kill_process(receiver, Signal::STOP).unwrap();
    pair.primary.sql("postgres", "insert into t select generate_series(1, 100000)");
    let shop = pair.both(", max_lag_mb: 1");
    let (code, seen) = shop.verify(&[]);
    kill_process(receiver, Signal::CONT).unwrap();
    assert_eq!(code, 1, "{seen:#}");
    assert!(seen["copies"][0]["problems"].to_string().contains("MiB behind the primary"), "{seen:#}");
    pair.both(", max_lag_mb: 1").is_good();
}

#[test]
fn a_replica_without_its_receiver_or_role_is_found() {
    let mut pair = Pair::new();
    pair.primary.sql("postgres", "insert into t values (1)");
    pair.both("").is_good();
    pair.primary.down();
    bad(&pair.both(""), "it receives nothing: its receiver is gone");
    // What replays from an archive has no receiver.
    pair.shop("streaming: 'no'").is_good();
    pair.replica.sql("postgres", "select pg_promote()");
    bad(&pair.shop(""), "it is no replica");
    pair.replica.down();
    pair.shop("").has("unknown", "not-known", "the replica does not answer");
    let lies = pair.shop("");
    lies.0.write(
        "plan.yaml",
        &lies.0.read("plan.yaml").replace("vars: {", "vars: { PATH: 'bin:/usr/bin:/bin',"),
    );
    stand_in(&lies, "psql", "case $1 in --version) echo 'psql (PostgreSQL) 15.1' ;; esac");
    lies.has("unknown", "not-known", "answers nothing");
}

#[test]
fn an_account_that_may_not_see_the_receiver_makes_it_unknown() {
    let pair = Pair::new();
    pair.primary.sql("postgres", "create role nobody login");
    until("the replica has it", || {
        pair.replica.sql("postgres", "select count(*) from pg_roles where rolname = 'nobody'") == "1"
    });
    let shop = pair.shop("");
    shop.0.write("plan.yaml", &shop.0.read("plan.yaml").replace("PGUSER: postgres", "PGUSER: nobody"));
    shop.has("unknown", "not-known", "pg_monitor");
}
