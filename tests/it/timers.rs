//! What drplan says of timers, against what a real systemd does with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use drplan::effect::Inspector;
use drplan::jobs::{Asked, Here, Scheduler, Sign, StampAsked, Standing, look};
use drplan::value::{Length, Moment};

use crate::jobs::look_from_afar;
use crate::servers::Systemd;
use crate::stage::until;

const HOUR: Length = Length::from_secs(3600);

fn now() -> Moment {
    Moment::from_unix_millis(jiff::Timestamp::now().as_millisecond())
}

/// A timer of every night.
pub(crate) fn nightly() -> String {
    "[Timer]\nOnCalendar=*-*-* 03:30:00\n".to_owned()
}

/// A timer that elapses when it is started, and then every night.
pub(crate) fn at_once() -> String {
    format!("{}OnActiveSec=0\nAccuracySec=1us\n", nightly())
}

/// A service that runs a command and ends, with more lines.
pub(crate) fn runs(command: &str, more: &str) -> String {
    format!("{more}\n[Service]\nType=oneshot\nExecStart={command}\n")
}

/// Returns the files of a timer and its service, both without what they would wait for on a whole system but the journal:
/// what systemd tells before that runs, nobody keeps.
fn job(name: &str, timer: &str, service: &str) -> Vec<(String, String)> {
    let unit = |text: &str| format!("[Unit]\nDefaultDependencies=no\n{text}");
    let waits = format!("After=systemd-journald.service\n{timer}");
    vec![(format!("{name}.timer"), unit(&waits)), (format!("{name}.service"), unit(service))]
}

/// The link that `systemctl enable` makes.
fn enabled(name: &str) -> (String, String) {
    (format!("timers.target.wants/{name}.timer"), format!("../{name}.timer"))
}

struct Asking<'a> {
    systemd: &'a Systemd,
    due: Option<Moment>,
    stamp: Option<StampAsked<'a>>,
}

impl Asking<'_> {
    fn signs(&self, name: &str) -> Vec<Sign> {
        let root: PathBuf = self.systemd.root();
        let scheduler = Scheduler::Timer(format!("{name}.timer"));
        let asked = Asked {
            machine: &Here { root: &root, ask: &|words| self.systemd.ask(words) },
            scheduler: &scheduler,
            user: None,
            runs: None,
            schedule: None,
            stamp: self.stamp,
            log: None,
            due: self.due,
            now: now(),
        };
        let signs = look(&asked);
        let (afar, rounds) = look_from_afar(&asked, &|words| self.systemd.ask(words)).unwrap();
        let plainly = |signs: &[Sign]| -> Vec<(Standing, String)> {
            let words = |sign: &Sign| sign.what.split(" ago (").next().unwrap_or_default().to_owned();
            signs.iter().map(|sign| (sign.standing, words(sign))).collect()
        };
        assert_eq!(plainly(&afar), plainly(&signs), "{name} is seen otherwise from afar");
        assert!(rounds < 12, "{rounds} rounds");
        signs
    }

    /// Holds what is said of a timer to what must be said: in which standing, and with which words.
    #[track_caller]
    fn says(&self, name: &str, standing: Standing, words: &str) {
        let signs = self.signs(name);
        let worst = signs.iter().map(|sign| sign.standing).max();
        let is_said = signs.iter().any(|sign| sign.standing == standing && sign.what.contains(words));
        assert!(worst == Some(standing) && is_said, "{name}: not `{words}` but {signs:#?}");
    }
}

pub(crate) fn boot(jobs: &[(&str, String, String)], disabled: &[&str]) -> Systemd {
    let mut files: Vec<(String, String)> = Vec::new();
    for (name, timer, service) in jobs {
        files.extend(job(name, timer, service));
        if !disabled.contains(name) {
            files.push(enabled(name));
        }
    }
    let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    Systemd::boot(&files)
}

/// Waits until a timer has elapsed, and nothing is left to do of it.
pub(crate) fn has_elapsed(systemd: &Systemd, name: &str) {
    let value = |unit: &str, property: &str| {
        systemd.ask(&["systemctl", "show", "--value", "-p", property, &format!("{name}.{unit}")]).unwrap()
    };
    until(&format!("{name} elapses"), || {
        !value("timer", "LastTriggerUSec").trim().is_empty()
            && value("service", "Job").trim().is_empty()
            && value("service", "ActiveState").trim() != "activating"
    });
}

#[test]
fn knows_how_the_last_run_of_a_service_ended() {
    let oneshot = |command: &str| runs(command, "");
    let systemd = boot(
        &[
            ("good", at_once(), oneshot("/bin/echo done")),
            ("fails", at_once(), oneshot("/bin/sh -c 'exit 3'")),
            ("ignored", at_once(), oneshot("-/bin/sh -c 'exit 3'")),
            ("meant", at_once(), oneshot("/bin/sh -c 'exit 3'\nSuccessExitStatus=3")),
            ("condition", at_once(), runs("/bin/true", "ConditionPathExists=/nowhere")),
            ("assertion", at_once(), runs("/bin/true", "AssertPathExists=/nowhere")),
            ("depends", at_once(), runs("/bin/true", "Requires=fails.service\nAfter=fails.service")),
            ("stays", at_once(), oneshot("/bin/true\nRemainAfterExit=yes")),
            ("crashes", at_once(), oneshot("/bin/sh -c 'kill -SEGV $$$$'")),
            ("slow", at_once(), oneshot("/bin/sh -c 'sleep 9'\nTimeoutStartSec=50ms")),
            ("stopped", nightly(), "[Service]\nExecStart=/bin/sleep infinity\n".to_owned()),
            ("hangs", nightly(), "[Service]\nExecStart=/bin/sleep infinity\n".to_owned()),
        ],
        &[],
    );
    for name in
        ["good", "fails", "ignored", "meant", "condition", "assertion", "depends", "stays", "crashes", "slow"]
    {
        has_elapsed(&systemd, name);
    }
    // That a job was given up stands in the journal alone, which may come later.
    until("the journal knows of depends", || {
        let given_up = ["journalctl", "-q", "-o", "cat", "UNIT=depends.service", "JOB_RESULT=dependency"];
        systemd.ask(&given_up).is_ok_and(|told| !told.trim().is_empty())
    });
    systemd.systemctl(&["start", "stopped.service", "hangs.service"]);
    systemd.systemctl(&["stop", "stopped.service"]);
    let asking = Asking { systemd: &systemd, due: Some(now().minus(HOUR)), stamp: None };
    for (name, standing, words) in [
        ("good", Standing::Good, "good.service last succeeded at"),
        ("meant", Standing::Good, "meant.service last succeeded at"),
        ("hangs", Standing::Good, "hangs.service runs since"),
        ("fails", Standing::Wrong, ": exit code 3"),
        ("ignored", Standing::Wrong, "exit code 3, which its unit tells systemd to ignore"),
        ("condition", Standing::Wrong, "condition.service was not started: a condition of it is not met"),
        ("assertion", Standing::Wrong, "assertion.service was not started: an assertion of it is not met"),
        ("depends", Standing::Wrong, "depends.service failed at"),
        ("stays", Standing::Wrong, "stays.service stays active when it has ended"),
        ("crashes", Standing::Wrong, ": signal 11"),
        ("slow", Standing::Wrong, ": timeout"),
        ("stopped", Standing::Wrong, ": it was ended by signal 15"),
    ] {
        asking.says(name, standing, words);
    }
    // What has run and succeeded is too old, and what still runs began too long ago.
    let later = Asking { due: Some(now().plus(HOUR)), ..asking };
    later.says("good", Standing::Wrong, "by the plan it should have begun again at");
    later.says("hangs", Standing::Wrong, "by the plan it should have begun again at");
}

#[test]
fn knows_which_timers_elapse() {
    let echo = || runs("/bin/echo done", "");
    let twice = "[Service]\nExecStart=/bin/true\nExecStart=/bin/true\n".to_owned();
    let mut jobs: Vec<(&str, String, String)> =
        ["good", "changed", "other", "stopped", "disabled"].map(|name| (name, at_once(), echo())).to_vec();
    jobs.push(("once", "[Timer]\nOnActiveSec=0\n".to_owned(), echo()));
    jobs.push(("broken", nightly(), twice));
    jobs.push(("backup@", at_once(), runs("/bin/echo %i", "")));
    let systemd = boot(&jobs, &["disabled", "backup@"]);
    for name in ["good", "changed", "other", "stopped", "once"] {
        has_elapsed(&systemd, name);
    }
    systemd.systemctl(&["start", "disabled.timer"]);
    systemd.systemctl(&["stop", "stopped.timer"]);
    for (name, text) in [("changed.timer", nightly()), ("other.service", runs("/bin/false", ""))] {
        systemd.write(name, &format!("[Unit]\nDefaultDependencies=no\n{text}"));
    }
    // Written, enabled by a link, and systemd was told nothing.
    for (name, text) in [job("copied", &nightly(), &echo()), vec![enabled("copied")]].concat() {
        systemd.write(&name, &text);
    }
    systemd.write("timers.target.wants/backup@daily.timer", "../backup@.timer");
    systemd.systemctl(&["start", "backup@daily.timer"]);
    has_elapsed(&systemd, "backup@daily");
    let asking = Asking { systemd: &systemd, due: None, stamp: None };
    for (name, standing, words) in [
        ("good", Standing::Good, "good.service last succeeded at"),
        ("backup@daily", Standing::Good, "backup@daily.service last succeeded at"),
        ("changed", Standing::Wrong, "systemd has not read changed.timer since it was changed"),
        ("other", Standing::Wrong, "systemd has not read other.service since it was changed"),
        ("copied", Standing::Wrong, "copied.timer is not started (inactive)"),
        ("stopped", Standing::Wrong, "stopped.timer is not started (inactive)"),
        ("disabled", Standing::Wrong, "disabled.timer is installed, but not enabled"),
        ("once", Standing::Wrong, "once.timer has elapsed for the last time"),
        ("broken", Standing::Wrong, "systemd cannot load broken.service (bad-setting)"),
        ("missing", Standing::Wrong, "there is no unit missing.timer"),
    ] {
        asking.says(name, standing, words);
    }
    systemd.systemctl(&["daemon-reload"]);
    systemd.systemctl(&["start", "stopped.timer"]);
    has_elapsed(&systemd, "stopped");
    asking.says("changed", Standing::Good, "changed.service last succeeded at");
    asking.says("stopped", Standing::Good, "stopped.service last succeeded at");
    // The mask is gone from the disk, and nobody has told systemd.
    let masked = "cd /etc/systemd/system; mv changed.timer saved; ln -s /dev/null changed.timer; systemctl daemon-reload; mv saved changed.timer";
    systemd.ask(&["bash", "-euc", masked]).unwrap();
    asking.says("changed", Standing::Wrong, "changed.timer is masked: it cannot be started");
    systemd.systemctl(&["mask", "--runtime", "good.service"]);
    // What lies in /etc goes before what lies in /run.
    asking.says("good", Standing::Good, "good.service last succeeded at");
    systemd.ask(&["rm", "/etc/systemd/system/good.service"]).unwrap();
    systemd.systemctl(&["daemon-reload"]);
    asking.says("good", Standing::Wrong, "good.service is masked");
}

#[test]
fn silence_of_systemd_is_no_success() {
    let checks = |file: &str| runs(&format!("/usr/bin/test -e {file}"), "");
    let systemd = boot(
        &[
            ("idle", nightly(), runs("/bin/true", "")),
            ("forgotten", nightly(), runs("/bin/true", "")),
            ("failed", nightly(), checks("/run/good")),
            ("now-and-then", nightly(), checks("/run/good")),
        ],
        &["forgotten", "failed"],
    );
    let asking = Asking { systemd: &systemd, due: Some(now().minus(HOUR)), stamp: None };
    asking.says("idle", Standing::Unknown, "whether idle.service ever ran nobody can say");
    // Where something else tells of its runs, that is what counts.
    systemd.ask(&["touch", "/run/stamp"]).unwrap();
    let file = Path::new("/run/stamp");
    let stamped = Asking { stamp: Some(StampAsked { file, max_age: Some(HOUR) }), ..asking };
    stamped.says("idle", Standing::Good, "by /run/stamp the job last succeeded");
    // It should have elapsed since it waits.
    let later = Asking { due: Some(now().plus(HOUR)), stamp: None, systemd: &systemd };
    later.says("idle", Standing::Wrong, "and has not elapsed; by the plan it should have at");

    // After a start of the machine only the journal remembers: here systemd forgets a unit that nobody refers to.
    let start = |name: &str| systemd.ask(&["systemctl", "start", &format!("{name}.service")]);
    start("forgotten").unwrap();
    start("failed").unwrap_err();
    systemd.ask(&["touch", "/run/good"]).unwrap();
    start("now-and-then").unwrap();
    systemd.ask(&["rm", "/run/good"]).unwrap();
    start("now-and-then").unwrap_err();
    systemd.ask(&["journalctl", "--sync"]).unwrap();
    let asking = Asking { due: Some(now().minus(HOUR)), stamp: None, systemd: &systemd };
    asking.says("now-and-then", Standing::Wrong, "exit code 1; it last succeeded at");
    for name in ["forgotten", "failed"] {
        let service = format!("{name}.service");
        systemd.ask(&["systemctl", "reset-failed", &service]).ok();
        systemd.wait_for(&service, "ExecMainExitTimestamp", "");
        let (link, target) = enabled(name);
        systemd.write(&link, &target);
        systemd.systemctl(&["start", &format!("{name}.timer")]);
    }
    asking.says("forgotten", Standing::Good, "forgotten.service last succeeded at");
    asking.says("failed", Standing::Wrong, "failed.service failed at");
    Asking { due: Some(now().plus(HOUR)), ..asking }.says(
        "forgotten",
        Standing::Wrong,
        "by the plan it should have begun again at",
    );
}

const PLAN: &str = "version: 1\nplan: p\ntitle: T\nowner: o\nplaces: { vps: { kind: host } }\n\
     assets: { db: { kind: files, homes: [vps], rpo: none, rto: none, health: [ { file: /etc/passwd } ] } }\n\
     backups:\n  nightly:\n    of: [db]\n    points: { cron: \"30 3 * * *\" }\n    takes: 10m\n\
     \x20   job: { timer: NAME.timer }\n    copies: { local: { at: /var/backups/, keep: 30d } }\n\
     steps: { back: { restores: [db], from: [nightly.local], run: 'true', takes: 1m } }\n";

#[test]
fn verify_asks_the_systemd_of_its_machine() {
    let systemd = boot(
        &[("good", at_once(), runs("/bin/echo done", "")), ("fails", at_once(), runs("/bin/false", ""))],
        &[],
    );
    let job = |name: &str, path: &str| {
        has_elapsed(&systemd, name);
        std::fs::write(systemd.root().join("root-plan.yaml"), PLAN.replace("NAME", name)).unwrap();
        let words =
            ["env", &format!("PATH={path}"), "/opt/drplan", "verify", "--format", "json", "/root-plan.yaml"];
        let output = systemd.inside(words).output().unwrap();
        let seen: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        seen["plans"][0]["jobs"][0].clone()
    };
    let good = job("good", "/usr/bin");
    assert!(good["verdict"].is_null() && good["good"].to_string().contains("last succeeded at"), "{good:#}");
    let fails = job("fails", "/usr/bin");
    assert!(
        fails["verdict"] == "failure" && fails["problems"].to_string().contains("exit code 1"),
        "{fails:#}"
    );
    // One that is not there, and one that says nonsense.
    let other = systemd.root().join("tmp/other");
    std::fs::create_dir(&other).unwrap();
    let missing = job("good", "/tmp/other");
    assert!(missing["verdict"] == "unknown", "{missing:#}");
    assert!(missing["problems"].to_string().contains("cannot start systemctl"), "{missing:#}");
    let script = other.join("systemctl");
    std::fs::write(&script, "#!/bin/sh\necho Hello\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let nonsense = job("good", "/tmp/other:/usr/bin");
    assert!(nonsense["verdict"] == "unknown", "{nonsense:#}");
    assert!(nonsense["problems"].to_string().contains("does not answer as it should"), "{nonsense:#}");
}

#[test]
fn what_the_journal_has_of_cron_is_on_record() {
    let systemd = boot(&[], &[]);
    let root = systemd.root();
    for folder in ["etc/cron.d", "etc/pam.d", "var/spool/cron/crontabs"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    std::fs::write(
        root.join("etc/pam.d/other"),
        ["auth", "account", "session"].map(|kind| format!("{kind} required pam_permit.so\n")).concat(),
    )
    .unwrap();
    let crontab = root.join("etc/cron.d/backup");
    std::fs::write(&crontab, "@reboot root /usr/bin/true --all\n").unwrap();
    std::fs::set_permissions(&crontab, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    systemd.write(
        "cron.service",
        "[Unit]\nDefaultDependencies=no\nRequires=systemd-journald-dev-log.socket\n\
         [Service]\nExecStart=/usr/sbin/cron -f\n",
    );
    let plan = PLAN.replace("timer: NAME.timer", "cron: /etc/cron.d/backup, runs: RUNS");
    let plan = plan.replace("cron: \"30 3 * * *\"", "every: 24h");
    let job = |runs: &str| {
        std::fs::write(root.join("root-plan.yaml"), plan.replace("RUNS", runs)).unwrap();
        let output =
            systemd.inside(["/opt/drplan", "verify", "--format", "json", "/root-plan.yaml"]).output();
        let seen: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        seen["plans"][0]["jobs"][0].clone()
    };
    systemd.systemctl(&["daemon-reload"]);
    systemd.systemctl(&["start", "cron.service"]);
    until("the journal knows of the job", || {
        let told = systemd.ask(&["journalctl", "-q", "-o", "cat", "SYSLOG_IDENTIFIER=CRON"]);
        told.is_ok_and(|told| told.contains("CMD (/usr/bin/true --all)"))
    });
    let good = job("/usr/bin/true");
    assert!(
        good["verdict"].is_null() && good["good"].to_string().contains("cron last started it"),
        "{good:#}"
    );
    // Of another entry, that was written when cron had started what it starts, nothing is on record.
    std::fs::write(&crontab, "@reboot root /usr/bin/false\n").unwrap();
    let silent = job("/usr/bin/false");
    assert_eq!(silent["verdict"], "unknown", "{silent:#}");
    assert!(silent["problems"].to_string().contains("nothing says that it ran"), "{silent:#}");
}

#[tokio::test]
async fn what_says_how_systemd_stands_may_hang_or_fail() {
    let folder = tempfile::tempdir().unwrap();
    let inspector = Inspector::new(Path::new(env!("CARGO_BIN_EXE_drplan")), &folder.path().join("tmp"), true);
    let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    let said = async |script: &str, within: u64| {
        inspector.read(&["bash", "-c", script], &env, Length::from_millis(within)).await
    };
    assert_eq!(said("echo well", 60_000).await.unwrap(), "well\n");
    assert_eq!(said("echo well; exec sleep 600", 300).await.unwrap_err(), "no answer within 300ms");
    assert_eq!(said("echo well; echo no bus >&2; exit 1", 60_000).await.unwrap_err(), "exit code 1: no bus");
    assert_eq!(said("kill -KILL $$", 60_000).await.unwrap_err(), "ended by signal 9");
    assert_eq!(said("printf '\\377'", 60_000).await.unwrap_err(), "what it prints is no text");
    assert_eq!(said("head -c 17000000 /dev/zero", 60_000).await.unwrap_err(), "it prints too much");
}
