//! Whether there is a daemon that starts jobs at all.

use std::path::Path;

use super::machine::Machine;
use super::sign::Sign;

/// Looks for a running cron: the process of its pid file, else any process of that name.
pub(super) fn cron(system: &dyn Machine) -> Sign {
    let name_of = |pid: &str| system.text(&Path::new("/proc").join(pid).join("comm"));
    let is_cron = |pid: &str| name_of(pid).is_ok_and(|name| matches!(name.trim_end(), "cron" | "crond"));
    for file in ["/run/crond.pid", "/var/run/crond.pid"] {
        let Ok(text) = system.text(Path::new(file)) else { continue };
        let pid = text.trim();
        if !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()) && is_cron(pid) {
            return Sign::good(format!("cron runs (process {pid})"));
        }
    }
    match system.names(Path::new("/proc")) {
        Ok(names) => {
            let pid =
                names.iter().find(|name| name.bytes().all(|byte| byte.is_ascii_digit()) && is_cron(name));
            match pid {
                Some(pid) => Sign::good(format!("cron runs (process {pid})")),
                None if names.is_empty() => no_processes(),
                None => Sign::wrong(
                    "cron does not run: no job is started",
                    "start it, as with `systemctl enable --now cron`",
                ),
            }
        }
        Err(_) => no_processes(),
    }
}

fn no_processes() -> Sign {
    Sign::unknown("whether cron runs cannot be seen: there is no /proc", "mount /proc")
}
