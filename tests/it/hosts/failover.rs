//! A database fails over to its replica on another host, and back, by the plan alone.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tempfile::TempDir;

use super::net::Net;
use crate::servers::{give_to, program, said};
use crate::stage::{Ran, Stage, until};

const PLAN: &str = r#"
vars: { PGUSER: postgres, PGDATABASE: shop, PGCONNECT_TIMEOUT: "3" }
people: { ana: { name: Ana, roles: [dba] } }
places:
  office: { kind: host, controller: true }
  alpha: { kind: host, ssh: alpha, vars: { NAME: alpha, PGHOST: 10.77.0.2, PEER: 10.77.0.3, DATA: FOLDER/alpha } }
  beta:  { kind: host, ssh: beta,  vars: { NAME: beta,  PGHOST: 10.77.0.3, PEER: 10.77.0.2, DATA: FOLDER/beta } }
assets:
  db:
    kind: postgresql
    homes: [alpha, beta]
    rto: 1h
    rpo: 5m
    health:
      - run: test "$(hostname)" = "$NAME"
      - { run: "psql -XAtc 'select pg_is_in_recovery()'", expect: { matches: '^f' } }
backups:
  stream: { of: [db], points: { continuous: true }, copies: { alpha: { in: alpha, keep: latest }, beta: { in: beta, keep: latest, lag: 1m } } }
scenarios: { loss: { title: Alpha is gone, lose: [alpha] } }
steps:
  # Nobody knows whether a host that does not answer is dead: its power is taken.
  switch-off: { fences: [alpha], when: { operation: recover }, run: ./power-off alpha, rerun: safe, takes: 1m }
  promote:
    restores: [db]
    from: [stream.beta]
    needs: [switch-off]
    when: { operation: recover }
    on: home
    use: postgres/promote-replica
    with: { primary: host=$PEER user=postgres, fence: 'true' }
    takes: 1m
  leave: { when: { operation: failback }, approve: { by: [dba], ask: Is alpha sound again? } }
  follow:
    title: Let alpha follow beta
    when: { operation: failback }
    needs: [leave]
    on: alpha
    run: |
      $AS_POSTGRES $BIN/pg_ctl stop -D "$DATA" -m immediate >/dev/null 2>&1 || true
      rm -rf -- "$DATA"
      $AS_POSTGRES pg_basebackup -h "$PEER" -c fast -R -D "$DATA"
      $AS_POSTGRES $BIN/pg_ctl start -w -D "$DATA" -l "$DATA/log" -o "-c listen_addresses=$PGHOST" >/dev/null
    rerun: safe
    takes: 5m
  stop-beta:
    fences: [beta]
    when: { operation: failback }
    needs: [follow]
    on: beta
    # A fast stop sends the last of it to whoever follows.
    run: $AS_POSTGRES $BIN/pg_ctl stop -w -m fast -D "$DATA"
    unless: { run: "! $AS_POSTGRES $BIN/pg_ctl status -D \"$DATA\"" }
    rerun: safe
    takes: 1m
  promote-back:
    restores: [db]
    from: [stream.alpha]
    needs: [stop-beta]
    when: { operation: failback }
    on: home
    use: postgres/promote-replica
    with: { primary: host=$PEER user=postgres, fence: 'true' }
    takes: 1m
"#;

/// Two hosts, on the first a primary, on the second its replica.
struct Pair {
    net: Net,
    stage: Stage,
    folder: TempDir,
}

impl Pair {
    fn start() -> Self {
        let net = Net::with(&["alpha", "beta"]);
        let folder = tempfile::tempdir().unwrap();
        give_to("postgres", folder.path());
        let initdb = program("initdb");
        let bin = initdb.trim_end_matches("/initdb");
        let as_postgres = "setpriv --reuid postgres --regid postgres --clear-groups --";
        let plan = PLAN.replace("FOLDER", folder.path().to_str().unwrap());
        let plan = plan
            .replace("vars: { PGUSER", &format!("vars: {{ BIN: {bin}, AS_POSTGRES: '{as_postgres}', PGUSER"));
        let stage = Stage::new(&plan);
        net.known_to(&stage);
        stage.write("power-off", &format!("#!/bin/sh\nip netns pids {}-$1 | xargs -r kill -9\n", net.mark()));
        fs::set_permissions(stage.path().join("power-off"), Permissions::from_mode(0o755)).unwrap();
        let pair = Self { net, stage, folder };
        let alpha = pair.data("alpha");
        pair.on(
            "alpha",
            &format!("{initdb} --username=postgres --auth=trust --no-sync -D {alpha} >/dev/null"),
        );
        let hba = format!("{alpha}/pg_hba.conf");
        let text = fs::read_to_string(&hba).unwrap();
        fs::write(&hba, format!("{text}host all,replication all 10.77.0.0/24 trust\n")).unwrap();
        let conf = format!("{alpha}/postgresql.conf");
        let text = fs::read_to_string(&conf).unwrap();
        fs::write(&conf, format!("{text}fsync = off\nunix_socket_directories = ''\nshared_buffers = 16MB\n"))
            .unwrap();
        pair.on("alpha", &format!("{bin}/pg_ctl start -w -D {alpha} -l {alpha}/log -o '-c listen_addresses=10.77.0.2' >/dev/null"));
        let beta = pair.data("beta");
        pair.sql("alpha", "postgres", "create database shop");
        pair.sql("alpha", "shop", "create table orders (id int)");
        pair.on("beta", &format!("pg_basebackup -U postgres -h 10.77.0.2 -c fast -R -D {beta}"));
        pair.on(
            "beta",
            &format!(
                "{bin}/pg_ctl start -w -D {beta} -l {beta}/log -o '-c listen_addresses=10.77.0.3' >/dev/null"
            ),
        );
        pair
    }

    fn data(&self, host: &str) -> String {
        self.folder.path().join(host).display().to_string()
    }

    /// Runs a command on a host, as the database's account.
    #[track_caller]
    fn on(&self, host: &str, script: &str) -> String {
        let mut command = Command::new("ip");
        command.args([
            "netns",
            "exec",
            &format!("{}-{host}", self.net.mark()),
            "setpriv",
            "--reuid",
            "postgres",
        ]);
        command.args(["--regid", "postgres", "--clear-groups", "bash", "-c", script]).current_dir("/");
        said(&mut command)
    }

    #[track_caller]
    fn sql(&self, host: &str, database: &str, statements: &str) -> String {
        let address = self.net.address(host);
        let script = format!(
            "psql -XqAt -v ON_ERROR_STOP=1 -U postgres -h {address} -d {database} -c \"{statements}\""
        );
        self.on(host, &script).trim().to_owned()
    }

    /// Whether a database runs on a host.
    fn runs(&self, host: &str) -> bool {
        let pids =
            Command::new("ip").args(["netns", "pids", &format!("{}-{host}", self.net.mark())]).output();
        let pids = String::from_utf8(pids.unwrap().stdout).unwrap();
        let mut names =
            pids.lines().map(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default());
        names.any(|name| name.trim() == "postgres")
    }

    fn drplan(&self, args: &[&str]) -> Ran {
        self.net.start(&self.stage, args).ends()
    }

    /// Where the plan says that things live now.
    fn placement(&self) -> String {
        fs::read_to_string(self.stage.path().join("plan.placement.yaml")).unwrap_or_default()
    }
}

#[test]
fn a_database_moves_to_its_replica_and_home_again() {
    let mut pair = Pair::start();
    pair.sql("alpha", "shop", "insert into orders select generate_series(1, 1000)");
    until("the replica has it", || pair.sql("beta", "shop", "select count(*) from orders") == "1000");
    // Alpha cannot be reached any more, and lives: whoever is on its side could still write.
    pair.net.link("alpha", "down");
    pair.drplan(&["execute", "plan.yaml", "--yes"]).exits(0);
    assert_eq!(pair.stage.told("step_finished").first().map(String::as_str), Some("switch-off"));
    assert!(!pair.runs("alpha"), "two could be written to");
    assert!(pair.placement().contains("db: beta"), "{}", pair.placement());
    pair.sql("beta", "shop", "insert into orders select generate_series(1001, 1500)");

    // It is mended, and comes back as it was left: with a primary that must not be one.
    pair.net.link("alpha", "up");
    pair.net.kill_host("alpha");
    pair.net.start_sshd("alpha");
    let back = ["execute", "plan.yaml", "--yes", "--operation", "failback"];
    pair.drplan(&back).exits(4).says("leave: an answer");
    assert_eq!(pair.sql("beta", "shop", "select pg_is_in_recovery()"), "f", "nothing has moved yet");
    pair.drplan(&["approve", "latest", "leave", "--as", "ana"]).exits(0);
    pair.drplan(&["resume", "latest"]).exits(0);
    assert!(!pair.placement().contains("db:"), "{}", pair.placement());
    pair.sql("alpha", "shop", "insert into orders values (1501)");
    assert_eq!(pair.sql("alpha", "shop", "select count(*), min(id), max(id) from orders"), "1501|1|1501");
    assert!(!pair.runs("beta"), "two could be written to");
}
