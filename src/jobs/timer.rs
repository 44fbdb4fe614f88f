//! systemd timers, by their files: installed, enabled, and what they start. What the running systemd makes of them is told by
//! `systemd.rs`.

use std::path::{Path, PathBuf};

use super::command;
use super::machine::Machine;
use super::sign::{NO_RIGHT, Sign};
use crate::value::Moment;

/// Where unit files are, the strongest first (systemd.unit(5)).
const FOLDERS: [&str; 13] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];

/// What systemd uses where a command has no path.
const SYSTEMD_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Looks at a timer; `runs` is what its service must start. Says whether there is one that systemd can load.
pub(super) fn look(system: &dyn Machine, timer: &str, runs: Option<&str>, signs: &mut Vec<Sign>) -> bool {
    let unit = match read(system, timer) {
        Ok(unit) => unit,
        Err(sign) => {
            signs.push(sign);
            return false;
        }
    };
    let has_time = unit
        .values("Timer")
        .any(|(key, value)| key.starts_with("On") && key.ends_with("Sec") && !value.is_empty())
        || unit.values("Timer").any(|(key, value)| key == "OnCalendar" && !value.is_empty());
    if !has_time {
        signs.push(Sign::wrong(format!("{timer} says no time: it never elapses"), "give it `OnCalendar=`"));
    }
    if is_enabled(system, timer) {
        signs.push(Sign::good(format!("{timer} is installed and enabled")));
    } else {
        let what = format!("{timer} is installed, but not enabled: it does not start with the system");
        signs.push(Sign::wrong(what, format!("systemctl enable --now {timer}")));
    }
    let service = unit
        .value("Timer", "Unit")
        .map_or_else(|| format!("{}.service", timer.trim_end_matches(".timer")), str::to_owned);
    match read(system, &service) {
        Err(sign) => {
            signs.push(sign);
            return false;
        }
        Ok(unit) => look_at_service(system, &service, &unit, runs, signs),
    }
    true
}

fn look_at_service(system: &dyn Machine, name: &str, unit: &Unit, runs: Option<&str>, signs: &mut Vec<Sign>) {
    let starts: Vec<&str> = unit
        .values("Service")
        .filter(|(key, value)| *key == "ExecStart" && !value.is_empty())
        .map(|(_, value)| value)
        .collect();
    if starts.is_empty() {
        return signs.push(Sign::wrong(format!("{name} starts nothing"), "give it `ExecStart=`"));
    }
    if let Some(runs) = runs
        && !starts.iter().any(|start| command::names_program(start.trim_start_matches(PREFIXES), runs))
    {
        return signs.push(Sign::wrong(
            format!("{name} does not run {runs}"),
            "mend `ExecStart=`, or `runs` in the plan",
        ));
    }
    let named =
        starts.iter().filter_map(|start| start.trim_start_matches(PREFIXES).split_whitespace().next());
    let account = unit.value("Service", "User").and_then(|user| match super::account::find(system, user) {
        super::account::Lookup::Found(account) => Some(account),
        _ => None,
    });
    if let Some(user) = unit.value("Service", "User")
        && super::account::find(system, user) == super::account::Lookup::Missing
    {
        return signs.push(Sign::wrong(
            format!("{name} runs as {user}, and there is no such account"),
            "mend `User=`",
        ));
    }
    // What has a specifier in it, such as `%i`, is another program for each instance.
    let programs: std::collections::BTreeSet<&str> =
        named.filter(|program| !program.contains('%')).chain(runs).collect();
    for program in programs {
        signs.extend(command::check(system, program, SYSTEMD_PATH, account.as_ref()));
    }
}

/// What may stand before a command in `ExecStart=` (systemd.service(5)).
const PREFIXES: [char; 6] = ['-', '@', ':', '+', '!', '|'];

/// Returns when a timer with `Persistent=true` last elapsed, by its stamp.
pub(super) fn last_elapsed(system: &dyn Machine, timer: &str) -> Option<Moment> {
    let stamp = Path::new("/var/lib/systemd/timers").join(format!("stamp-{timer}"));
    super::evidence::changed(system.metadata(&stamp).ok()?)
}

/// A unit file with its drop-ins: the sections, the keys and values in order.
struct Unit(Vec<(String, String, String)>);

impl Unit {
    fn values<'a>(&'a self, section: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter(move |(of, ..)| of == section)
            .map(|(_, key, value)| (key.as_str(), value.as_str()))
    }

    fn value<'a>(&'a self, section: &'a str, key: &str) -> Option<&'a str> {
        self.values(section)
            .filter(|(of, _)| *of == key)
            .map(|(_, value)| value)
            .last()
            .filter(|value| !value.is_empty())
    }
}

fn read(system: &dyn Machine, name: &str) -> Result<Unit, Sign> {
    let path_of = |name: &str| {
        let paths = FOLDERS.iter().map(|folder| Path::new(folder).join(name));
        paths.into_iter().find(|path| system.link_metadata(path).is_ok())
    };
    let Some(path) = path_of(name).or_else(|| path_of(&template_of(name)?)) else {
        return Err(Sign::wrong(
            format!("there is no unit {name}: the job is not installed"),
            "install the unit",
        ));
    };
    let is_empty = system.metadata(&path).is_ok_and(|meta| meta.is_file() && meta.bytes == 0);
    if is_empty || system.read_link(&path).is_ok_and(|target| target == Path::new("/dev/null")) {
        let what = format!("{name} is masked: it cannot be started");
        return Err(Sign::wrong(what, format!("systemctl unmask {name}")));
    }
    let mut unit = Unit(Vec::new());
    let of_template = template_of(name).map(|template| drop_ins(system, &template)).unwrap_or_default();
    for path in [vec![path], of_template, drop_ins(system, name)].concat() {
        let text = system.text(&path).map_err(|error| {
            let what = format!("{} cannot be read: {error}", path.display());
            Sign::unknown(what, NO_RIGHT)
        })?;
        parse(&text, &mut unit);
    }
    Ok(unit)
}

/// Returns the file of a unit such as `backup@daily.timer`: `backup@.timer`.
fn template_of(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (_, ending) = rest.rsplit_once('.')?;
    Some(format!("{prefix}@.{ending}"))
}

/// Returns the drop-ins of a unit in the order in which they are read: by name, of one name the strongest.
fn drop_ins(system: &dyn Machine, name: &str) -> Vec<PathBuf> {
    let mut found = std::collections::BTreeMap::new();
    for folder in FOLDERS {
        let folder = Path::new(folder).join(format!("{name}.d"));
        for file in system.names(&folder).unwrap_or_default() {
            if has_ending(&file, &["conf"]) {
                found.entry(file.clone()).or_insert_with(|| folder.join(file));
            }
        }
    }
    found.into_values().collect()
}

fn parse(text: &str, unit: &mut Unit) {
    let mut section = String::new();
    // A line that ends with a backslash goes on in the next.
    let joined = text.replace("\\\n", " ");
    for line in joined.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once('=') {
            let (key, value) = (key.trim(), value.trim());
            // An empty value takes back what was said before.
            if value.is_empty() {
                unit.0.retain(|(of, other, _)| (of, other.as_str()) != (&section, key));
            }
            unit.0.push((section.clone(), key.to_owned(), value.to_owned()));
        }
    }
}

fn has_ending(name: &str, endings: &[&str]) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| endings.contains(&ending))
}

/// Whether something that is started with the system wants the unit: `systemctl enable` makes such links.
fn is_enabled(system: &dyn Machine, name: &str) -> bool {
    FOLDERS.iter().any(|folder| {
        let folder = Path::new(folder);
        let wants = |entry: &String| has_ending(entry, &["wants", "requires"]);
        let targets = system.names(folder).unwrap_or_default();
        targets
            .iter()
            .filter(|entry| wants(entry))
            .any(|entry| system.link_metadata(&folder.join(entry).join(name)).is_ok())
    })
}
