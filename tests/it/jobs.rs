//! What drplan says of installed jobs, against what Debian's cron really does with them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use drplan::jobs::{Asked, Scheduler, Sign, Standing, look};
use drplan::value::Moment;

use crate::servers::cron::Cron;

fn now() -> Moment {
    Moment::from_unix_millis(jiff::Timestamp::now().as_millisecond())
}

fn asked<'a>(root: &'a Path, scheduler: &'a Scheduler) -> Asked<'a> {
    Asked { root, scheduler, user: None, runs: None, schedule: None, stamp: None, log: None, now: now() }
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
        let question = Asked { runs: runs.then_some("/usr/bin/touch"), ..asked(cron.root(), &scheduler) };
        let said = wrong(&look(&question));
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
        let said = wrong(&look(&asked(cron.root(), &scheduler)));
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
