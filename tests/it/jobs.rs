//! What drplan says of installed jobs, against what Debian's cron really does with them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use drplan::jobs::{
    Ask, Asked, Distant, Here, LogAsked, Machine, Scheduler, Sign, StampAsked, Standing, look,
};
use drplan::value::{Length, Moment};

use crate::servers::cron::Cron;

fn now() -> Moment {
    Moment::from_unix_millis(jiff::Timestamp::now().as_millisecond())
}

/// The machine below a root; its programs are not asked.
fn below(root: &Path) -> Here<'_> {
    Here { root, ask: &|_: &[&str]| Err("it is not asked".to_owned()) }
}

fn asked<'a>(machine: &'a dyn Machine, scheduler: &'a Scheduler) -> Asked<'a> {
    let (stamp, log) = (None, None);
    Asked { machine, scheduler, user: None, runs: None, schedule: None, stamp, log, due: None, now: now() }
}

/// Looks as from afar, at a machine whose shell is reached this way; says as well in how many rounds.
pub(crate) fn look_from_afar(asked: &Asked<'_>, shell: Ask<'_>) -> Result<(Vec<Sign>, usize), String> {
    let mut machine = Distant::new("a-mark");
    for round in 0.. {
        let signs = look(&Asked { machine: &machine, ..*asked });
        let errands = machine.errands();
        if errands.is_empty() {
            return Ok((signs, round));
        }
        assert!(round < 30, "it asks for ever: {errands:#?}");
        for errand in errands {
            let words: Vec<&str> = ["sh", "-c", errand.text, "drplan"]
                .into_iter()
                .chain(errand.arguments.iter().map(String::as_str))
                .collect();
            let said = shell(&words);
            machine.hear(errand, said)?;
        }
    }
    unreachable!("a look ends")
}

/// Looks through a shell in a system of cron.
fn from_afar(cron: &Cron, question: &Asked<'_>) -> Vec<Sign> {
    let shell = |words: &[&str]| {
        let said = cron.inside(words).output().unwrap();
        Ok(String::from_utf8_lossy(&said.stdout).into_owned())
    };
    let (signs, rounds) = look_from_afar(question, &shell).unwrap();
    assert!(rounds < 12, "{rounds} rounds");
    signs
}

/// What is wrong, in words.
fn wrong(signs: &[Sign]) -> String {
    let wrong = signs.iter().filter(|sign| sign.standing == Standing::Wrong);
    wrong.map(|sign| sign.what.clone()).collect::<Vec<_>>().join("; ")
}

/// Fields of a schedule, good and bad; cron itself is asked about each.
const FIELDS: [&str; 21] = [
    "0 2 * * *",
    "*/5 * * * *",
    "0-59/15 2,14 1-7 jan,MAR 1-5",
    "0 2 * * 7",
    "0 2 * * sun",
    "0 2 31 2 *",
    "1-2/0 * * * *",
    "60 2 * * *",
    "0 24 * * *",
    "0 2 0 * *",
    "0 2 * 13 *",
    "0 2 * * 8",
    "0 2 * * funday",
    "5/10 2 * * *",
    "*/0 2 * * *",
    "0 2 * *",
    "a 2 * * *",
    "0 2, * * *",
    "0 2 * january *",
    "-1 2 * * *",
    "0 2 * * * *",
];

#[test]
fn knows_what_cron_passes_over() {
    let cron = Cron::new();
    let reboot = |name: &str| format!("@reboot root {}\n", cron.tell(name));
    let mut files: Vec<(String, &str)> = Vec::new();
    let mut add = |name: &str, text: &str, reason: &'static str| {
        files.push((name.to_owned(), reason));
        cron.write(name, text)
    };
    // Eight entries that somebody has "installed".
    add("good", &reboot("good"), "");
    add("backup.sh", &reboot("backup.sh"), "because of its name");
    let path = add("group-writable", &reboot("group-writable"), "others than root may write it");
    fs::set_permissions(path, fs::Permissions::from_mode(0o664)).unwrap();
    add("no-newline", reboot("no-newline").trim_end(), "its last line has no newline");
    add("no-user", &format!("@reboot {}\n", cron.tell("no-user")), "no such account");
    add("unknown-user", &reboot("unknown-user").replace("root", "nobody-here"), "no such account");
    add(
        "percent",
        &format!("@reboot root : $(date +%F); {}\n", cron.tell("percent")),
        "a `%` cuts the entry",
    );
    add(
        "missing",
        &format!("@reboot root /opt/missing && {}\n", cron.tell("missing")),
        "/opt/missing is not there",
    );
    // And more.
    add("escaped", &format!("@reboot root : \\%F; {}\n", cron.tell("escaped")), "");
    let path = add("not-root", &reboot("not-root"), "does not belong to root");
    chown(path, Some(65534), None).unwrap();
    add("beside-a-bad-line", &format!("bad line\n{}", reboot("beside-a-bad-line")), "in line 1");
    let other = reboot("x").replace("root", "nobody-here");
    add("beside-unknown-user", &format!("{}{other}", reboot("beside-unknown-user")), "no such account");
    add("as-nobody", &reboot("as-nobody").replace("root", "nobody"), "");
    add(
        "settings",
        &format!("PATH = /nowhere\nSHELL=\"/bin/sh\"\n# {}\n{}", reboot("x").trim(), reboot("settings")),
        "",
    );
    add(
        "in-path",
        &format!("PATH=/nowhere\n@reboot root touch {}\n", cron.ran("in-path").display()),
        "in none of /nowhere",
    );
    add("no-shell", &format!("SHELL=/bin/none\n{}", reboot("no-shell")), "/bin/none is not there");
    add("crlf", &reboot("crlf").replace('\n', "\r\n"), "");
    symlink("/etc/cron.d/good", cron.root().join("etc/cron.d/link")).unwrap();
    fs::create_dir(cron.root().join("etc/cron.d/folder")).unwrap();
    files.push(("folder".to_owned(), "no regular file"));
    for (at, fields) in FIELDS.iter().enumerate() {
        let name = format!("fields-{at}");
        cron.write(&name, &format!("{fields} root /usr/bin/true\n{}", reboot(&name)));
        files.push((name, "?"));
    }

    let daemon = cron.boot();
    let mut differ = Vec::new();
    for (name, reason) in &files {
        let scheduler = Scheduler::CronFile(PathBuf::from(format!("/etc/cron.d/{name}")));
        let tell = cron.ran(name).display().to_string();
        let runs = reason.is_empty() || *reason == "?";
        let machine = below(cron.root());
        let question = Asked { runs: runs.then_some("/usr/bin/touch"), ..asked(&machine, &scheduler) };
        let said = wrong(&look(&question));
        if *reason != "?" {
            assert_eq!(wrong(&from_afar(&cron, &question)), said, "{name} as seen from afar");
        }
        let ran = Path::new(&tell).exists() || Path::new(&format!("{tell}\r")).exists();
        if said.is_empty() != ran || (*reason != "?" && !said.contains(reason)) {
            differ.push(format!(
                "{name}: cron {}, drplan says `{said}`",
                if ran { "ran it" } else { "did not run it" }
            ));
        }
    }
    assert!(differ.is_empty(), "{}\n\ncron said:\n{}", differ.join("\n"), daemon.said);
    assert!(cron.ran("good").exists());
}

#[test]
fn knows_which_crontabs_of_users_are_read() {
    let cron = Cron::new();
    let spool = cron.root().join("var/spool/cron/crontabs");
    let write = |user: &str, uid: u32, mode: u32| {
        let path = spool.join(user);
        fs::write(&path, format!("@reboot {}\n", cron.tell(user))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        chown(&path, Some(uid), None).unwrap();
        path
    };
    write("root", 0, 0o600);
    write("daemon", 1, 0o600);
    write("bin", 2, 0o644);
    write("sys", 1, 0o600);
    let path = write("games", 5, 0o600);
    fs::hard_link(&path, cron.root().join("second-name")).unwrap();
    write("nobody-here", 0, 0o600);
    symlink(spool.join("root"), spool.join("man")).unwrap();
    let daemon = cron.boot();
    let mut differ = Vec::new();
    for (user, reason) in [
        ("root", ""),
        ("daemon", ""),
        ("bin", "mode is not 0600"),
        ("sys", "belongs to another account"),
        ("games", "hard link"),
        ("nobody-here", "no account"),
        ("man", "no regular file"),
        ("mail", "mail has no crontab"),
    ] {
        let scheduler = Scheduler::Crontab(user.to_owned());
        let machine = below(cron.root());
        let question = asked(&machine, &scheduler);
        let said = wrong(&look(&question));
        assert_eq!(wrong(&from_afar(&cron, &question)), said, "the crontab of {user} as seen from afar");
        let ran = cron.ran(user).exists();
        if said.is_empty() != ran || !said.contains(reason) {
            differ.push(format!(
                "{user}: cron {}, drplan says `{said}`",
                if ran { "ran it" } else { "did not run it" }
            ));
        }
    }
    assert!(differ.is_empty(), "{}\n\ncron said:\n{}", differ.join("\n"), daemon.said);
}

/// A system of a test: its files, each with its mode.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.file(
            "etc/passwd",
            "root:x:0:0::/root:/bin/bash\nbackup:x:34:34::/nonexistent:/usr/sbin/nologin\n",
            0o644,
        );
        tree.file("usr/local/bin/backup", "#!/bin/sh\n", 0o755);
        tree.file("bin/sh", "\u{7f}ELF", 0o755);
        tree.file("proc/17/comm", "cron\n", 0o644);
        tree.file("run/crond.pid", "17\n", 0o644);
        fs::create_dir_all(tree.0.path().join("run/systemd/system")).unwrap();
        tree
    }

    fn file(&self, path: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn cron(&self, entry: &str) -> String {
        self.cron_with(entry, |asked| asked)
    }

    /// Writes an entry, and returns what is wrong with it.
    fn cron_with(&self, entry: &str, change: impl FnOnce(Asked<'_>) -> Asked<'_>) -> String {
        self.file("etc/cron.d/backup", entry, 0o644);
        let scheduler = Scheduler::CronFile("/etc/cron.d/backup".into());
        let machine = below(self.0.path());
        let question = Asked { runs: Some("/usr/local/bin/backup"), ..asked(&machine, &scheduler) };
        wrong(&look(&change(question)))
    }

    fn timer(&self) -> String {
        let scheduler = Scheduler::Timer("backup.timer".to_owned());
        let machine = below(self.0.path());
        let question = Asked { runs: Some("/usr/local/bin/backup"), ..asked(&machine, &scheduler) };
        wrong(&look(&question))
    }
}

#[test]
fn knows_why_an_installed_job_cannot_run() {
    let tree = Tree::new();
    let good = "0 2 * * * root /usr/local/bin/backup\n";
    assert_eq!(tree.cron(good), "");
    let at = |entry: &str, schedule: &'static str| {
        tree.cron_with(entry, |asked| Asked { schedule: Some(schedule), ..asked })
    };
    assert_eq!(at(good, "0  02 * * *"), "");
    assert_eq!(at("@daily root /usr/local/bin/backup\n", "0 0 * * *"), "");
    assert_eq!(
        at("0 2 * * 0 root /usr/local/bin/backup\n", "0 2 * * *"),
        "it is started at `0 2 * * 0`, and the plan says `0 2 * * *`"
    );
    assert!(tree.cron("0 23-5 * * * root /usr/local/bin/backup\n").contains("goes backwards"));
    assert_eq!(
        tree.cron_with(good, |asked| Asked { user: Some("backup"), ..asked }),
        "it runs as root, not as backup"
    );
    assert_eq!(
        tree.cron(&format!("#{good}")),
        "the entry for /usr/local/bin/backup in /etc/cron.d/backup is commented out"
    );
    assert!(tree.cron("0 2 * * * root /usr/local/bin/backup.old\n").starts_with("no entry of"));

    // As another account: a folder that it may not go through, and a script that it may not read.
    let as_backup = "0 2 * * * backup /usr/local/bin/backup\n";
    assert_eq!(tree.cron(as_backup), "");
    let folder = tree.0.path().join("usr/local");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).unwrap();
    assert!(tree.cron(as_backup).starts_with("backup may not go into /usr/local"));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    tree.file("usr/local/bin/backup", "#!/bin/sh\n", 0o711);
    assert!(tree.cron(as_backup).contains("may not read"));

    tree.file("usr/local/bin/backup", "#!/bin/sh\r\necho\r\n", 0o755);
    assert!(tree.cron(good).contains("end as on Windows"));
    tree.file("usr/local/bin/backup", "#!/usr/bin/python9\n", 0o755);
    assert!(tree.cron(good).contains("is for /usr/bin/python9, which is not there"));
    fs::remove_file(tree.0.path().join("usr/local/bin/backup")).unwrap();
    assert_eq!(tree.cron(good), "/usr/local/bin/backup is not there: the job starts and fails");

    // Accounts that come from elsewhere are not known here, and not missing.
    tree.file("usr/local/bin/backup", "#!/bin/sh\n", 0o755);
    assert!(tree.cron("0 2 * * * ldap-user /usr/local/bin/backup\n").contains("no such account"));
    tree.file("etc/nsswitch.conf", "passwd: files sss\n", 0o644);
    assert_eq!(tree.cron("0 2 * * * ldap-user /usr/local/bin/backup\n"), "");

    // The pid file is from before the last start, and the number is another's now.
    tree.file("proc/17/comm", "bash\n", 0o644);
    assert_eq!(tree.cron(good), "cron does not run: no job is started");
    tree.file("proc/23/comm", "cron\n", 0o644);
    assert_eq!(tree.cron(good), "");
}

#[test]
fn knows_what_systemd_would_start() {
    let tree = Tree::new();
    assert_eq!(tree.timer(), "there is no unit backup.timer: the job is not installed");
    let timer = "[Unit]\nDescription=x\n[Timer]\nOnCalendar=*-*-* 02:00:00\nPersistent=true\n[Install]\nWantedBy=timers.target\n";
    tree.file("usr/lib/systemd/system/backup.timer", timer, 0o644);
    let service = "[Service]\nType=oneshot\nExecStart=-/usr/local/bin/backup \\\n  --all\n";
    tree.file("etc/systemd/system/backup.service", service, 0o644);
    assert_eq!(tree.timer(), "backup.timer is installed, but not enabled: it does not start with the system");
    let wants = tree.0.path().join("etc/systemd/system/timers.target.wants");
    fs::create_dir_all(&wants).unwrap();
    symlink("/usr/lib/systemd/system/backup.timer", wants.join("backup.timer")).unwrap();
    assert_eq!(tree.timer(), "");
    // All of it is there, and what the machine was booted with is something else, as in a container.
    let running = tree.0.path().join("run/systemd/system");
    fs::remove_dir(&running).unwrap();
    assert_eq!(tree.timer(), "systemd does not run: no timer elapses");
    fs::create_dir(&running).unwrap();

    tree.file("etc/systemd/system/backup.service", "[Service]\nExecStart=/bin/sh -c true\n", 0o644);
    assert_eq!(tree.timer(), "backup.service does not run /usr/local/bin/backup");
    tree.file("etc/systemd/system/backup.service", &format!("{service}User=nobody-here\n"), 0o644);
    assert!(tree.timer().contains("no such account"));
    tree.file("etc/systemd/system/backup.service", service, 0o644);
    // A drop-in takes the command away.
    let drop_in =
        tree.file("run/systemd/system/backup.service.d/10-off.conf", "[Service]\nExecStart=\n", 0o644);
    assert_eq!(tree.timer(), "backup.service starts nothing");
    fs::remove_file(drop_in).unwrap();
    tree.file("etc/systemd/system/backup.timer.d/x.conf", "[Timer]\nOnCalendar=\n", 0o644);
    assert_eq!(tree.timer(), "backup.timer says no time: it never elapses");
    fs::remove_dir_all(tree.0.path().join("etc/systemd/system/backup.timer.d")).unwrap();
    symlink("/dev/null", tree.0.path().join("etc/systemd/system/backup.timer")).unwrap();
    assert_eq!(tree.timer(), "backup.timer is masked: it cannot be started");
    fs::remove_file(tree.0.path().join("etc/systemd/system/backup.timer")).unwrap();
    fs::remove_file(tree.0.path().join("usr/local/bin/backup")).unwrap();
    assert!(tree.timer().contains("/usr/local/bin/backup is not there"));
}

#[test]
fn knows_whether_a_job_ran() {
    let tree = Tree::new();
    let now: Moment = "2026-11-23T08:00:00Z".parse().unwrap();
    let day = Length::from_secs(26 * 3600);
    let stamp = || {
        let scheduler = Scheduler::Crontab("root".to_owned());
        let file = Path::new("/var/lib/stamp");
        let stamp = Some(StampAsked { file, max_age: Some(day) });
        let signs = look(&Asked { stamp, now, ..asked(&below(tree.0.path()), &scheduler) });
        signs.into_iter().find(|sign| sign.what.contains("/var/lib/stamp")).unwrap()
    };
    assert_eq!((stamp().standing, stamp().what.contains("never succeeded")), (Standing::Wrong, true));
    // What is written inside counts, not when the file was touched.
    tree.file("var/lib/stamp", "2026-11-23T02:00:09Z\n", 0o644);
    assert_eq!(stamp().standing, Standing::Good);
    tree.file("var/lib/stamp", "2026-11-21T02:00:09Z\n", 0o644);
    assert!(stamp().what.contains("2d6h ago"), "{}", stamp().what);
    assert_eq!(stamp().standing, Standing::Wrong);
    tree.file("var/lib/stamp", "2026-11-24T02:00:09Z\n", 0o644);
    assert!(stamp().what.contains("in the future"));

    let log = |text: &str| {
        tree.file("var/log/backup.log", text, 0o644);
        let scheduler = Scheduler::Crontab("root".to_owned());
        let log = LogAsked {
            file: Path::new("/var/log/backup.log"),
            is_success: &|line| line.ends_with("done"),
            is_failure: &|line| line.contains("ERROR"),
            max_age: Some(day),
        };
        let signs = look(&Asked { log: Some(log), now, ..asked(&below(tree.0.path()), &scheduler) });
        signs.into_iter().find(|sign| sign.what.contains("/var/log/backup.log")).unwrap().standing
    };
    assert_eq!(log("2026-11-23T02:00:09Z done\n"), Standing::Good);
    assert_eq!(log("2026-11-23T03:00:09+01:00 host backup: done\n"), Standing::Good);
    assert_eq!(log("2026-11-23T01:00:09Z ERROR\n2026-11-23T02:00:09Z done\n"), Standing::Good);
    assert_eq!(log("2026-11-23T02:00:09Z done\n2026-11-23T03:00:09Z ERROR\n"), Standing::Wrong);
    assert_eq!(log("2026-11-20T02:00:09Z done\n"), Standing::Wrong);
    assert_eq!(log(""), Standing::Wrong);
    // It was rotated since: what was taken out counts, with what has come after.
    tree.file("var/log/backup.log.1", "2026-11-23T02:00:09Z done\n", 0o644);
    assert_eq!(log(""), Standing::Good);
    assert_eq!(log("2026-11-23T03:00:09Z ERROR\n"), Standing::Wrong);
    tree.file("var/log/backup.log.1", "2026-11-20T02:00:09Z done\n", 0o644);
    assert_eq!(log(""), Standing::Wrong);
    assert_eq!(log("2026-11-23T02:00:09Z done\n"), Standing::Good);
    fs::remove_file(tree.0.path().join("var/log/backup.log.1")).unwrap();
    // A line without a time that can be told is no success of today.
    assert_eq!(log("Nov 23 02:00:09 backup: done\n"), Standing::Unknown);

    // Where nobody has said how old they may be, the schedule of the backup does.
    let held = |text: &str, due: &str| {
        tree.file("var/lib/stamp", text, 0o644);
        tree.file("var/log/backup.log", text, 0o644);
        let scheduler = Scheduler::Crontab("root".to_owned());
        let (stamp, is_success) = (Path::new("/var/lib/stamp"), |line: &str| line.ends_with("done"));
        let log = Path::new("/var/log/backup.log");
        let log = LogAsked { file: log, is_success: &is_success, is_failure: &|_| false, max_age: None };
        let stamp = Some(StampAsked { file: stamp, max_age: None });
        let due = due.parse().ok();
        let machine = below(tree.0.path());
        let signs = look(&Asked { stamp, log: Some(log), due, now, ..asked(&machine, &scheduler) });
        let of = |file: &str| signs.iter().find(|sign| sign.what.contains(file)).unwrap().standing;
        (of("/var/lib/stamp"), of("/var/log/backup.log"))
    };
    let (good, wrong) = (Standing::Good, Standing::Wrong);
    assert_eq!(held("2026-11-23T02:00:09Z done", "2026-11-23T02:00:00Z"), (good, good));
    assert_eq!(held("2026-11-22T02:00:09Z done", "2026-11-23T02:00:00Z"), (wrong, wrong));
    assert_eq!(held("2026-01-22T02:00:09Z done", "no schedule"), (good, good));
    // A log without times: the file was just written. It is held to that.
    assert_eq!(held("Nov 23 02:00:09 done", "2026-11-23T02:00:00Z").1, good);
    assert_eq!(held("Nov 23 02:00:09 done", "2999-11-23T02:00:00Z").1, wrong);

    // What cron has noted: that it was started is no success, that it failed is a failure.
    let entry = "0 2 * * * root /usr/local/bin/backup\n";
    let line = "2026-11-23T02:00:01.123456+00:00 vps CRON[1017]: (root) CMD ([1026] /usr/local/bin/backup)\n";
    tree.file("var/log/syslog", line, 0o640);
    assert_eq!(tree.cron(entry), "");
    let failed = format!(
        "{line}2026-11-23T02:00:09.1+00:00 vps CRON[1017]: (CRON) error (grandchild #1026 failed with exit status 1)\n"
    );
    tree.file("var/log/syslog", &failed, 0o640);
    assert!(tree.cron(entry).contains("failed with exit status 1"), "{}", tree.cron(entry));
    // What was taken out of the log counts: it is rotated at midnight, and the job ran before.
    tree.file("var/log/syslog.1", &failed, 0o640);
    tree.file("var/log/syslog", "2026-11-23T07:00:01+00:00 vps CRON[9]: (root) CMD (/bin/other)\n", 0o640);
    assert!(tree.cron(entry).contains("failed with exit status 1"), "{}", tree.cron(entry));
    fs::remove_file(tree.0.path().join("var/log/syslog.1")).unwrap();
    // That it was started weeks ago is no good sign, unless the log ends there as well.
    let started = |due: &str| {
        tree.file("var/log/syslog", line, 0o640);
        let scheduler = Scheduler::CronFile(PathBuf::from("/etc/cron.d/backup"));
        let (runs, due) = (Some("/usr/local/bin/backup"), due.parse().ok());
        let signs = look(&Asked { runs, due, now, ..asked(&below(tree.0.path()), &scheduler) });
        signs.into_iter().find(|sign| sign.what.contains("cron last started it")).unwrap().standing
    };
    assert_eq!(started("2026-11-23T02:00:00Z"), Standing::Good);
    assert_eq!(started("2026-11-24T02:00:00Z"), Standing::Wrong);
    assert_eq!(started("2999-11-24T02:00:00Z"), Standing::Good);
}

#[test]
fn silence_of_an_installed_job_is_not_success() {
    let tree = Tree::new();
    fs::create_dir_all(tree.0.path().join("run/systemd/journal")).unwrap();
    tree.file("etc/cron.d/backup", "0 2 * * * root /usr/local/bin/backup --all\n", 0o644);
    let now: Moment = "2026-11-23T08:00:00Z".parse().unwrap();
    let due = "2026-11-23T02:00:00Z".parse().ok();
    let scheduler = Scheduler::CronFile(PathBuf::from("/etc/cron.d/backup"));
    let worst = |journal: Result<&str, &str>, change: &dyn Fn(Asked<'_>) -> Vec<Sign>| {
        let ask = |words: &[&str]| {
            assert_eq!(words[0], "journalctl");
            journal.map(str::to_owned).map_err(str::to_owned)
        };
        let machine = Here { root: tree.0.path(), ask: &ask };
        let signs = change(Asked { due, now, ..asked(&machine, &scheduler) });
        signs.into_iter().max_by_key(|sign| sign.standing).unwrap()
    };
    let runs = Some("/usr/local/bin/backup");
    let plain = |asked: Asked<'_>| look(&Asked { runs, ..asked });
    let of_entry = |asked: Asked<'_>| look(&asked);
    let silent = |journal: Result<&str, &str>| {
        for change in [&plain as &dyn Fn(Asked<'_>) -> Vec<Sign>, &of_entry] {
            let sign = worst(journal, change);
            assert_eq!(sign.standing, Standing::Unknown, "{sign:?}");
            assert!(sign.what.contains("nothing says that it ran"), "{sign:?}");
            assert!(sign.help.contains("`stamp`") && sign.help.contains("`log`"), "{sign:?}");
        }
    };
    silent(Ok(""));
    silent(Err("journalctl is not there"));
    let line = |day: &str, command: &str| {
        format!("2026-11-{day}T02:00:01+0000 vps CRON[1017]: (root) CMD ({command})\n")
    };
    silent(Ok(&line("23", "/usr/local/bin/other")));
    // What has ended before the job was due says nothing of that night.
    silent(Ok(&line("21", "/usr/local/bin/backup --all")));
    for command in ["/usr/local/bin/backup --all", "[1026] /usr/local/bin/backup --all"] {
        assert_eq!(worst(Ok(&line("23", command)), &plain).standing, Standing::Good);
        assert_eq!(worst(Ok(&line("23", command)), &of_entry).standing, Standing::Good);
    }
    let goes_on = line("21", "/usr/local/bin/backup --all") + &line("23", "/usr/local/bin/other");
    let missed = worst(Ok(&goes_on), &plain);
    assert!(missed.standing == Standing::Wrong && missed.what.contains("should have since"), "{missed:?}");
    // The system's log does as well, and so does what the job leaves itself.
    tree.file("var/lib/stamp", "2026-11-23T02:00:09Z\n", 0o644);
    let stamp = Some(StampAsked { file: Path::new("/var/lib/stamp"), max_age: None });
    assert_eq!(worst(Ok(""), &|asked| look(&Asked { stamp, ..asked })).standing, Standing::Good);
    tree.file("var/log/syslog", &line("23", "/usr/local/bin/backup --all"), 0o640);
    assert_eq!(worst(Ok(""), &plain).standing, Standing::Good);
    // What is not installed is told alone.
    tree.file("etc/cron.d/backup", "", 0o644);
    fs::remove_file(tree.0.path().join("var/log/syslog")).unwrap();
    let missing = worst(Ok(""), &|asked| {
        let signs = look(&Asked { runs, ..asked });
        assert!(!signs.iter().any(|sign| sign.what.contains("nothing says")), "{signs:#?}");
        signs
    });
    assert_eq!(missing.standing, Standing::Wrong);
}

#[test]
fn a_crontab_that_only_its_account_may_read_is_asked_of_crontab() {
    let scheduler = Scheduler::Crontab("backup".to_owned());
    let runs = Some("/usr/local/bin/backup");
    let look_as = |account: &str, told: Result<&str, &str>| {
        let shell = |words: &[&str]| match words[4..] {
            ["id", "-un"] => Ok(format!("{account}\n")),
            ["crontab", "-l"] => told.map(str::to_owned).map_err(str::to_owned),
            ["a-mark", ref questions @ ..] => Ok(questions
                .chunks(2)
                .map(|question| match question {
                    [_, path @ "/var/spool/cron/crontabs/backup"] => {
                        format!("stat: cannot statx '{path}': Permission denied\n\na-mark 1\n")
                    }
                    [_, "/etc/passwd"] => "backup:x:34:34::/:/bin/sh\n\na-mark 0\n".to_owned(),
                    [_, path] => format!("stat: '{path}': No such file or directory\n\na-mark 1\n"),
                    _ => unreachable!("questions come in pairs"),
                })
                .collect()),
            _ => panic!("it asks {words:?}"),
        };
        let machine = below(Path::new("/nowhere"));
        look_from_afar(&Asked { runs, ..asked(&machine, &scheduler) }, &shell).unwrap().0
    };
    let says = |signs: &[Sign], standing: Standing, words: &str| {
        let is_said = signs.iter().any(|sign| sign.standing == standing && sign.what.contains(words));
        assert!(is_said, "not {words} but {signs:#?}");
    };
    let entry = Ok("0 2 * * * /usr/local/bin/backup\n");
    says(&look_as("backup", entry), Standing::Wrong, "/usr/local/bin/backup is not there");
    says(&look_as("backup", Ok("0 2 * * * /bin/other\n")), Standing::Wrong, "no entry of");
    says(
        &look_as("backup", Err("exit code 1: no crontab for backup")),
        Standing::Wrong,
        "backup has no crontab",
    );
    says(&look_as("backup", Err("no answer within 20s")), Standing::Unknown, "no answer within 20s");
    // It is another's.
    says(&look_as("deploy", entry), Standing::Unknown, "cannot be read: Permission denied");
}

#[test]
fn what_a_host_tells_that_makes_no_sense_is_no_answer() {
    let scheduler = Scheduler::CronFile("/etc/cron.d/backup".into());
    let machine = below(Path::new("/nowhere"));
    let question = asked(&machine, &scheduler);
    for nonsense in ["", "Welcome!\n", "\na-mark 0\n", "81a4 0 0 1\n\na-mark"] {
        let why = look_from_afar(&question, &|_| Ok(nonsense.to_owned())).unwrap_err();
        assert_eq!(why, "what the host tells of its files makes no sense", "{nonsense:?}");
    }
    assert_eq!(look_from_afar(&question, &|_| Err("no road".to_owned())).unwrap_err(), "no road");
}

#[test]
fn files_are_told_from_afar_as_they_are() {
    use std::process::Command;

    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("plain"), "one\ntwo").unwrap();
    fs::write(path("marked"), "x\na-mark 0\ny\n").unwrap();
    fs::write(path("empty"), "").unwrap();
    fs::write(path("long"), "0123456789abcde\n".repeat(80_000)).unwrap();
    fs::write(path(".it's $HOME"), "odd\n").unwrap();
    fs::create_dir(path("folder")).unwrap();
    symlink("plain", path("link")).unwrap();
    symlink("nowhere", path("lost")).unwrap();
    assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    let here = below(Path::new("/"));
    // Asks twice: what is not known yet, and what was heard.
    let told = |ask: &dyn Fn(&dyn Machine) -> String| {
        let mut machine = Distant::new("another-mark");
        ask(&machine);
        for errand in machine.errands() {
            let mut shell = Command::new("sh");
            let said = shell.args(["-c", errand.text, "drplan"]).args(&errand.arguments).output().unwrap();
            machine.hear(errand, Ok(String::from_utf8_lossy(&said.stdout).into_owned())).unwrap();
        }
        let told = ask(&machine);
        assert!(machine.errands().is_empty());
        told
    };
    // What an account may not read is not taken for empty.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["long", "plain"] {
        let secret = &path(name);
        fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).unwrap();
        let mut machine = Distant::new("another-mark");
        let _ = machine.end_of(secret);
        for errand in machine.errands() {
            let mut shell = Command::new("setpriv");
            shell.args(["--reuid", "nobody", "--clear-groups", "sh", "-c", errand.text, "drplan"]);
            let said = shell.args(&errand.arguments).output().unwrap();
            machine.hear(errand, Ok(String::from_utf8_lossy(&said.stdout).into_owned())).unwrap();
        }
        assert_eq!(
            machine.end_of(secret).unwrap_err().kind(),
            std::io::ErrorKind::PermissionDenied,
            "{name}"
        );
    }
    let kind = |error: std::io::Error| error.kind();
    for name in [
        "plain",
        "marked",
        "empty",
        "long",
        ".it's $HOME",
        "folder",
        "link",
        "lost",
        "pipe",
        "none",
        "none/at/all",
    ] {
        let path = &path(name);
        for ask in [
            &|machine: &dyn Machine| format!("{:?}", machine.metadata(path).map_err(kind)),
            &|machine: &dyn Machine| format!("{:?}", machine.link_metadata(path).map_err(kind)),
            &|machine: &dyn Machine| format!("{:?}", machine.read_link(path).ok()),
            &|machine: &dyn Machine| format!("{:?}", machine.head(path).map_err(kind)),
            &|machine: &dyn Machine| format!("{:?}", machine.text(path).map_err(kind)),
            &|machine: &dyn Machine| format!("{:?}", machine.end_of(path).map_err(kind)),
            &|machine: &dyn Machine| format!("{:?}", machine.names(path).map_err(|_| "no")),
        ] as [&dyn Fn(&dyn Machine) -> String; 7]
        {
            assert_eq!(told(ask), ask(&here), "{name}");
        }
    }
    assert_eq!(
        told(&|machine| format!("{:?}", machine.names(dir.path()).ok().map(|names| names.len()))),
        "Some(9)"
    );
}
