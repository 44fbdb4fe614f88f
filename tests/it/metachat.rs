//! The plan of `MetaChat`, carried out: real servers in a sandbox are lost, spoiled and broken into, and come back from the plan alone
//! as they were at their last night.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::servers::{as_account, program};
use crate::stage::until;

/// A copy of the repository with the sandbox built in it. The sandbox has ports of its own, so one test at a time has it.
struct Sandbox {
    folder: TempDir,
    _alone: File,
}

/// What a command ended with, and what it printed.
struct Ran {
    code: i32,
    shown: String,
}

impl Ran {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.shown);
        self
    }

    #[track_caller]
    fn says(self, part: &str) -> Self {
        assert!(self.shown.contains(part), "it does not say {part:?}\n{}", self.shown);
        self
    }
}

impl Sandbox {
    /// Builds it, with some replacements in the plan.
    fn up(changes: &[(&str, &str)]) -> Self {
        let alone = File::create(std::env::temp_dir().join("drplan-metachat.lock")).unwrap();
        alone.lock().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR"));
        for part in ["plans", "tests/metachat"] {
            let to = folder.path().join(part);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            assert!(Command::new("cp").arg("-r").arg(from.join(part)).arg(to).status().unwrap().success());
        }
        fs::write(folder.path().join("drplan.yaml"), "defaults: { patience: 10s }\n").unwrap();
        let sandbox = Self { folder, _alone: alone };
        let plan = sandbox.path("plans/metachat.yaml");
        let mut text = fs::read_to_string(&plan).unwrap();
        for (old, new) in changes {
            assert_eq!(text.matches(old).count(), 1, "{old}");
            text = text.replace(old, new);
        }
        fs::write(plan, text).unwrap();
        sandbox.run("tests/metachat/up", &[]).exits(0);
        sandbox
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let exe = Path::new(env!("CARGO_BIN_EXE_drplan"));
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(if program == "drplan" { exe } else { Path::new(program) });
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("PATH", format!("{}:{path}:/usr/sbin", exe.parent().unwrap().display()));
        command.env("HOME", self.folder.path()).env("USER", "tester").env_remove("DRPLAN_STATE");
        command
    }

    fn run(&self, program: &str, args: &[&str]) -> Ran {
        // A file and no pipe: servers that are left running would hold a pipe open.
        let said = tempfile::NamedTempFile::new().unwrap();
        let mut command = self.command(program, args);
        command.stdout(said.reopen().unwrap()).stderr(said.reopen().unwrap());
        let status = command.status().unwrap();
        let shown = String::from_utf8_lossy(&fs::read(said.path()).unwrap()).into_owned();
        Ran { code: status.code().unwrap_or(-1), shown }
    }

    fn drplan(&self, args: &[&str]) -> Ran {
        self.run("drplan", args)
    }

    fn drill(&self, scenario: &str, more: &[&str]) -> Ran {
        let mut args =
            vec!["execute", "plans/metachat.yaml", "--drill", "--scenario", scenario, "--yes", "--plain"];
        args.extend(more);
        self.drplan(&args)
    }

    fn verify(&self) -> Ran {
        self.drplan(&["verify", "plans/metachat.yaml", "--environment", "drill"])
    }

    /// The nights of which a backup was made, the older one first.
    fn nights(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path(".drplan/metachat/truths")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "last");
        names.sort();
        assert_eq!(names.len(), 2, "{names:?}");
        names
    }

    /// Compares a machine with the truth of a night.
    fn compare(&self, night: &str, machine: &str) -> Ran {
        let truth = self.path(".drplan/metachat/truth");
        let _ = fs::remove_dir_all(&truth);
        let from = self.path(".drplan/metachat/truths").join(night);
        assert!(Command::new("cp").arg("-r").arg(from).arg(truth).status().unwrap().success());
        self.drplan(&["execute", "tests/metachat/truth.yaml", "--environment", machine, "--yes", "--plain"])
    }

    /// How many messages a customer sees.
    fn messages(&self, port: u16) -> u64 {
        let url = format!("http://127.0.0.1:{port}/count");
        let said =
            self.run("curl", &["-sS", "--noproxy", "*", "--header", "Host: chat.example.com", &url]).exits(0);
        let said: Value =
            serde_json::from_str(said.shown.trim()).unwrap_or_else(|_| panic!("{}", said.shown));
        said["messages"].as_u64().unwrap()
    }

    /// The folder of the newest run.
    fn last_run(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(self.path(".drplan/runs")).ok()?;
        let mut runs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        runs.sort_by_key(|run| fs::metadata(run.join("frozen")).and_then(|frozen| frozen.modified()).ok());
        runs.pop()
    }

    /// The events of the newest run.
    fn journal(&self) -> Vec<Value> {
        let Some(run) = self.last_run() else { return Vec::new() };
        let text = fs::read_to_string(run.join("journal.jsonl")).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone()).collect()
    }

    fn has_told(&self, kind: &str, step: &str) -> bool {
        self.journal().iter().any(|event| event["type"] == kind && event["step"] == step)
    }

    /// The JSON of the newest run's report.
    fn report(&self) -> Value {
        let said = self.drplan(&["report", "latest", "--format", "json"]).exits(0);
        serde_json::from_str(&said.shown).unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.command("tests/metachat/down", &[]).stdout(Stdio::null()).status();
    }
}

#[test]
fn the_host_is_lost_and_all_comes_back_as_it_was_at_the_last_night() {
    let sandbox = Sandbox::up(&[]);
    let nights = sandbox.nights();
    sandbox.verify().exits(0);
    // The dry run of the same: nothing of the sandbox is touched.
    let count = sandbox.messages(25380);
    sandbox.drill("host-loss", &["--dry-run"]).exits(0);
    assert_eq!(sandbox.messages(25380), count);

    sandbox
        .drill("host-loss", &[])
        .exits(0)
        .says(&format!("nightly.s3 (s3://metachat-dr/nightly/{}", nights[1]));
    let report = |format: &str| sandbox.drplan(&["report", "latest", "--format", format]).exits(0).shown;
    let (first, record) = (report("markdown"), report("record"));
    assert!(!first.contains("from 1 drill"), "{first}");
    assert!(!sandbox.path(".drplan/metachat/sandbox-a").exists(), "the host was really lost");
    sandbox.compare(&nights[1], "new").exits(0);
    // What was written after the last night is what was lost, and nothing else.
    assert_eq!(sandbox.messages(26380), count - 5);
    sandbox.compare(&nights[0], "new").exits(3);
    // What was fetched is the customers' data.
    assert!(!sandbox.path(".drplan/metachat/sandbox-b/var/restore").exists());
    // The copy on the host is gone with it; the one in S3 is as good as before.
    sandbox.verify().exits(1).says("sandbox-a/var/backups/metachat is not there").says("✓ nightly.s3");

    // What this drill has measured is what the next one should take.
    let row = |report: &str, begin: &str| {
        let line = report.lines().find(|line| line.starts_with(begin));
        let cells = line.unwrap_or_else(|| panic!("no {begin}\n{report}")).split('|').map(str::trim);
        cells.map(str::to_owned).collect::<Vec<String>>()
    };
    fs::create_dir(sandbox.path("evidence")).unwrap();
    fs::write(sandbox.path("evidence/host-loss.json"), record).unwrap();
    for script in ["tests/metachat/down", "tests/metachat/up"] {
        sandbox.run(script, &[]).exits(0);
    }
    sandbox.drill("host-loss", &[]).exits(0);
    let second = report("markdown");
    for asset in ["postgres", "redis", "uploads", "api", "web"] {
        let cells = row(&second, &format!("| `{asset}` | recovery time |"));
        let [_, _, _, _, predicted, reached, verdict, _] = &cells[..] else { panic!("{cells:?}") };
        assert!(predicted.contains("95 of 100 within") && predicted.ends_with("from 1 drill"), "{cells:?}");
        assert!(reached.starts_with("25m") && verdict.contains("met"), "{cells:?}");
    }
    let took = row(&first, "| `provision-host`")[4].clone();
    assert_eq!(row(&second, "| `provision-host`")[5], took, "{second}");
}

#[test]
fn a_migration_destroys_data_and_all_comes_back_that_was_written_before_it() {
    let sandbox = Sandbox::up(&[]);
    let count = sandbox.messages(25380);
    // What the plan promises of it, before anything happens.
    let summary = ["check", "plans/metachat.yaml", "--summary", "--format", "json"];
    let summary: Value = serde_json::from_str(&sandbox.drplan(&summary).exits(0).shown).unwrap();
    let mut lines = summary["summary"].as_array().unwrap().iter();
    let promised =
        lines.find(|line| line["scenario"] == "bad-migration" && line["asset"] == "postgres").unwrap();
    assert_eq!(promised["recovery_point"], "0s", "{promised:#}");
    sandbox.verify().exits(0).says("✓ base.local").says("✓ wal.local");
    sandbox.drill("bad-migration", &[]).exits(4).says("leave-to-replace");
    assert_eq!(sandbox.messages(25380), count / 2 + 1);
    sandbox.drplan(&["approve", "latest", "leave-to-replace", "--as", "ana"]).exits(0);
    drop(sandbox.drplan(&["resume", "latest", "--plain"]).exits(0).says("restores from wal.local"));
    // All that was written until the migration is there, seconds old or not, and nothing that came after it. Redis was not
    // damaged and is as it was.
    assert_eq!(sandbox.messages(25380), count);
    let report = sandbox.report();
    let postgres = report["assets"].as_array().unwrap().iter().find(|asset| asset["asset"] == "postgres");
    assert_eq!(postgres.unwrap()["rpo"]["verdict"], "met", "{report:#}");
    sandbox.compare("last", "old").exits(0);
    let nights = sandbox.nights();
    sandbox.compare(&nights[1], "old").exits(3);
    // The archive goes on, on a timeline of its own.
    sandbox.verify().exits(0);
    // What the migration has left is kept for those who want to know.
    let left = fs::canonicalize(sandbox.path(".drplan/metachat/sandbox-a/var/lib/postgresql")).unwrap();
    let left = left.join("data.before-restore");
    let mut single = as_account("postgres", &program("postgres"));
    single.args(["--single", "-D"]).arg(&left).arg("metachat_drill").current_dir("/");
    let mut single =
        single.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    single.stdin.take().unwrap().write_all(b"select count(*) from accounts\n").unwrap();
    let said = single.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(said.contains("count = \"500\""), "{said}");
}

#[test]
fn an_intruder_spoils_host_and_backups_and_all_comes_back_from_the_versions_that_are_locked() {
    let sandbox = Sandbox::up(&[]);
    let nights = sandbox.nights();
    let count = sandbox.messages(25380);
    sandbox.drill("ransomware", &[]).exits(0).says("as it was before").says(&nights[1]);
    sandbox.compare(&nights[1], "new").exits(0);
    assert_eq!(sandbox.messages(26380), count - 5);
    // Whoever looks at the bucket as it is finds what was done to it.
    sandbox.verify().exits(1).says("✗ nightly.s3");
}

#[test]
fn what_goes_wrong_in_the_middle_ends_as_the_plan_says() {
    let sandbox = Sandbox::up(&[]);
    let nights = sandbox.nights();
    // The newest dump was cut off on its way; its list of digests was not.
    let dump = sandbox
        .path(".drplan/metachat/sandbox-a/var/backups/metachat")
        .join(&nights[1])
        .join("metachat.dump");
    let whole = fs::read(&dump).unwrap();
    let cut = sandbox.path("cut");
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let script = format!(
        "unset AWS_CA_BUNDLE; . .drplan/metachat/sandbox-a/etc/metachat-backup.conf; rclone copyto cut \"$REMOTE/{}/metachat.dump\"",
        nights[1]
    );
    sandbox.run("bash", &["-euc", &script]).exits(0);
    // And the key of the backups is not the one that the plan names.
    let key = sandbox.path(".drplan/metachat/secrets/s3-reader");
    let good = fs::read(&key).unwrap();
    fs::write(&key, "not-the-key").unwrap();
    sandbox
        .drill("host-loss", &[])
        .exits(3)
        .says("cannot be listed: the server does not accept the access key");
    assert!(!sandbox.path(".drplan/metachat/sandbox-b/var/restore").join(&nights[0]).exists());

    // With the right one it goes further; the controller is killed while the database is loaded.
    fs::write(&key, good).unwrap();
    let said = File::create(sandbox.path("said")).unwrap();
    let args = ["execute", "plans/metachat.yaml", "--drill", "--scenario", "host-loss", "--yes", "--plain"];
    let mut command = sandbox.command("drplan", &args);
    let mut run = command.stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap();
    until("the database is being loaded", || {
        sandbox.has_told("step_started", "restore-postgres/load/load") || run.try_wait().unwrap().is_some()
    });
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(!sandbox.has_told("step_finished", "restore-postgres/load/load"));
    sandbox.drplan(&["resume", "latest", "--plain"]).exits(0);
    sandbox.compare(&nights[0], "new").exits(0);
    let told = fs::read_to_string(sandbox.path("said")).unwrap();
    assert!(told.contains("it is not what its producer made: metachat.dump"), "{told}");
}

#[test]
fn what_cannot_work_is_found_before_and_nobody_is_waited_for_without_end() {
    let sandbox = Sandbox::up(&[
        ("      replace: 'yes'    ", "      size_mb: 999999999\n      replace: 'yes'    "),
        (
            "      expires: 1h\n      on_expiry: stop\n    takes: 5m\n",
            "      expires: 2s\n      on_expiry: stop\n    takes: 1s\n",
        ),
        // Who is there at once can answer before it expires; else the dry run says that already.
        ("    arrives: 15m\n", "    arrives: 0s\n"),
    ]);
    let dry = [
        "execute",
        "plans/metachat.yaml",
        "--environment",
        "drill",
        "--scenario",
        "bad-migration",
        "--dry-run",
        "--plain",
    ];
    let now = sandbox.run("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]).shown;
    let dry = [&dry[..], &["--harmed-at", now.trim()]].concat();
    sandbox.drplan(&dry).exits(1).says("1000000063 MiB needed");
    // Nobody answers: the damaged database is left as it is.
    let count = sandbox.messages(25380);
    sandbox.drill("bad-migration", &[]).exits(4);
    let mut ended = None;
    until("the question has expired", || {
        ended = Some(sandbox.drplan(&["resume", "latest", "--plain"]));
        ended.as_ref().is_some_and(|ran| ran.code == 3)
    });
    ended.unwrap().says("nobody answered within 2s");
    assert_eq!(sandbox.messages(25380), count / 2 + 1);
    assert_eq!(sandbox.report()["result"], "failed");
}
