//! Reads a crontab as Debian's cron does (crontab(5), and entry.c and env.c of cron 3.0pl1).

/// An entry that cron would start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The five fields with one space between them, or a name such as `@daily`.
    pub(super) schedule: String,
    /// As whom; nothing in a crontab of a user.
    pub(super) user: Option<String>,
    /// What the shell gets: up to the first `%` that has no backslash.
    pub(super) command: String,
    /// Whether a `%` has cut the line.
    pub(super) is_cut: bool,
    /// The settings that stand above it.
    pub(super) settings: Vec<(String, String)>,
}

/// Reads the lines of a crontab; `has_user` where they say as whom.
///
/// # Errors
///
/// Cron passes over the whole file if there is one line that it cannot read: its number, and what is wrong.
pub(super) fn read(text: &str, has_user: bool) -> Result<Vec<Entry>, (usize, String)> {
    let mut settings: Vec<(String, String)> = Vec::new();
    let mut entries = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(setting) = setting_of(line) {
            settings.retain(|(name, _)| *name != setting.0);
            settings.push(setting);
            continue;
        }
        entries.push(entry_of(line, has_user, &settings).map_err(|why| (at + 1, why))?);
    }
    Ok(entries)
}

/// Reads `NAME = value`, with quotes around either.
fn setting_of(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let name = unquoted(name.trim());
    let is_name = !name.is_empty() && !name.contains([' ', '\t']);
    is_name.then(|| (name.to_owned(), unquoted(value.trim()).to_owned()))
}

fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            return inner;
        }
    }
    text
}

fn entry_of(line: &str, has_user: bool, settings: &[(String, String)]) -> Result<Entry, String> {
    let (schedule, rest) = if line.starts_with('@') {
        let (name, rest) = word(line);
        if !NAMES.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!("`{}` is no schedule", name.escape_debug()));
        }
        (name.to_owned(), rest)
    } else {
        let mut fields = Vec::new();
        let mut rest = line;
        for (what, low, high, names) in FIELDS {
            let (field, after) = word(rest);
            check_field(field, *low, *high, names)
                .map_err(|()| format!("`{}` is no {what}", field.escape_debug()))?;
            fields.push(field);
            rest = after;
        }
        (fields.join(" "), rest)
    };
    let (user, command) = if has_user {
        let (user, rest) = word(rest);
        (Some(user.to_owned()), rest)
    } else {
        (None, rest)
    };
    if command.is_empty() {
        return Err("there is no command".to_owned());
    }
    let (command, is_cut) = up_to_percent(command);
    Ok(Entry { schedule, user, command, is_cut, settings: settings.to_vec() })
}

const NAMES: [&str; 8] =
    ["@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 8] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What each field is called, its lowest and highest number, and the names of its numbers.
const FIELDS: &[(&str, u32, u32, &[&str])] = &[
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    ("month", 1, 12, &MONTHS),
    ("day of the week", 0, 7, &DAYS),
];

fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start_matches([' ', '\t']))
}

fn check_field(field: &str, low: u32, high: u32, names: &[&str]) -> Result<(), ()> {
    let number = |text: &str| -> Result<u32, ()> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            return text.parse().map_err(|_| ());
        }
        let at = names.iter().position(|name| *name == text.to_ascii_lowercase()).ok_or(())?;
        u32::try_from(at).map(|at| at + low).map_err(|_| ())
    };
    if field.is_empty() {
        return Err(());
    }
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        if range != "*" {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (number(first)?, number(last)?);
            // A range backwards is read, and never comes.
            if first < low || first > high || last < low || last > high {
                return Err(());
            }
            // A step belongs to a range.
            if step.is_some() && !range.contains('-') {
                return Err(());
            }
        }
        let is_step = |step: &str| step.parse::<u32>().is_ok_and(|step| step > 0);
        if step.is_some_and(|step| !is_step(step)) {
            return Err(());
        }
    }
    Ok(())
}

/// Returns the field of a schedule that no moment fits: ranges that go backwards alone.
pub(super) fn never(schedule: &str) -> Option<&str> {
    let is_backwards = |part: &str| {
        let range = part.split_once('/').map_or(part, |(range, _)| range);
        let ends =
            range.split_once('-').and_then(|(a, b)| Some((a.parse::<u32>().ok()?, b.parse::<u32>().ok()?)));
        ends.is_some_and(|(first, last)| first > last)
    };
    schedule.split(' ').find(|field| field.split(',').all(is_backwards))
}

/// Cuts a command at its first `%` without a backslash: what follows is its standard input.
fn up_to_percent(command: &str) -> (String, bool) {
    let mut kept = String::with_capacity(command.len());
    let mut letters = command.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&'%') => {
                kept.push('%');
                letters.next();
            }
            '%' => return (kept, true),
            other => kept.push(other),
        }
    }
    (kept, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Result<Entry, String> {
        let mut entries = read(line, true).map_err(|(_, why)| why)?;
        entries.pop().ok_or_else(|| "no entry".to_owned())
    }

    #[test]
    fn reads_what_cron_reads() {
        let entry = one("  0 2 * * 1-5   root\t/usr/local/bin/backup.sh --all").unwrap();
        assert_eq!((entry.schedule.as_str(), entry.user.as_deref()), ("0 2 * * 1-5", Some("root")));
        assert_eq!(entry.command, "/usr/local/bin/backup.sh --all");
        assert_eq!(one("@daily root date +\\%F >/tmp/x").unwrap().command, "date +%F >/tmp/x");
        let cut = one("* * * * * root echo $(date +%F)").unwrap();
        assert_eq!((cut.command.as_str(), cut.is_cut), ("echo $(date +", true));
        let entries =
            read("PATH = \"/opt/bin:/bin\"\n# x\n\n*/5 0-23/2 1,15 jan-mar mon root x\n", true).unwrap();
        assert_eq!(entries[0].settings, [("PATH".to_owned(), "/opt/bin:/bin".to_owned())]);
        assert_eq!(read("0 2 * * * a=b c", false).unwrap()[0].command, "a=b c");
        for bad in [
            "60 2 * * * root x",
            "0 24 * * * root x",
            "0 2 0 * * root x",
            "0 2 * 13 * root x",
            "0 2 * * 8 root x",
            "0 2 * * funday root x",
            "0 2 * * root x",
            "5/10 2 * * * root x",
            "*/0 2 * * * root x",
            "@often root x",
            "0 2 * * * root",
        ] {
            assert!(one(bad).is_err(), "{bad}");
        }
    }
}
