//! Whether what a job runs can be run, by the account and with the PATH that it gets.

use std::path::{Path, PathBuf};

use super::account::Account;
use super::machine::{Machine, Meta};
use super::sign::{NO_RIGHT, Sign};

/// The PATH of cron where the crontab sets none.
pub(super) const CRON_PATH: &str = "/usr/bin:/bin";

/// What the shell does itself, and words of its language.
const BUILTINS: [&str; 24] = [
    ".", ":", "[", "cd", "command", "echo", "eval", "exec", "export", "false", "for", "if", "printf", "read",
    "set", "test", "trap", "true", "ulimit", "umask", "unset", "until", "wait", "while",
];

/// Whether a command's text names a program as one of its words.
pub(super) fn names_program(command: &str, program: &str) -> bool {
    let is_edge = |c: char| {
        c.is_whitespace() || matches!(c, '\'' | '"' | ';' | '&' | '|' | '(' | ')' | '<' | '>' | '`')
    };
    command.split(is_edge).any(|word| word == program)
}

/// Returns the first word of a command that is a program, where that can be said without a shell.
pub(super) fn first_program(command: &str) -> Option<&str> {
    for word in command.split_whitespace() {
        let is_assignment = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        if is_assignment {
            continue;
        }
        let is_plain =
            word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+'));
        let is_builtin = BUILTINS.contains(&word);
        return (is_plain && !is_builtin).then_some(word);
    }
    None
}

/// Looks whether an account can run a program.
pub(super) fn check(system: &dyn Machine, program: &str, path: &str, account: Option<&Account>) -> Vec<Sign> {
    let Some(file) = find(system, program, path) else {
        let what = if program.contains('/') {
            format!("{program} is not there: the job starts and fails")
        } else {
            format!("{program} is in none of {path}, which is the PATH of the job")
        };
        return vec![Sign::wrong(what, "install it, or name it with its whole path")];
    };
    let shown = file.display();
    if let Some(account) = account {
        for folder in file.ancestors().skip(1) {
            if system.metadata(folder).is_ok_and(|folder| !account.may_execute(folder)) {
                let what =
                    format!("{} may not go into {}: {shown} cannot be run", account.name, folder.display());
                return vec![Sign::wrong(what, "give the account the right, or put the program elsewhere")];
            }
        }
    }
    let Ok(meta) = system.metadata(&file) else { return vec![cannot_see(&file)] };
    if !meta.is_file() {
        return vec![Sign::wrong(format!("{shown} is no file"), "name the program itself")];
    }
    let is_runnable = account.map_or(meta.mode & 0o111 != 0, |account| account.may_execute(meta));
    if !is_runnable {
        let what = match account {
            Some(account) => format!("{} may not execute {shown}", account.name),
            None => format!("nobody may execute {shown}"),
        };
        return vec![Sign::wrong(what, "chmod +x")];
    }
    check_interpreter(system, &file, account, meta).map_or_else(Vec::new, |sign| vec![sign])
}

fn cannot_see(file: &Path) -> Sign {
    Sign::unknown(format!("{} cannot be seen", file.display()), NO_RIGHT)
}

/// Returns where a program is: where its path says, else the first in PATH that is a file.
fn find(system: &dyn Machine, program: &str, path: &str) -> Option<PathBuf> {
    let is_there = |path: &PathBuf| system.metadata(path).is_ok();
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(is_there);
    }
    path.split(':')
        .filter(|folder| !folder.is_empty())
        .map(|folder| Path::new(folder).join(program))
        .find(is_there)
}

/// Looks at the first line of a script: the kernel runs what it names, to the letter.
fn check_interpreter(
    system: &dyn Machine,
    file: &Path,
    account: Option<&Account>,
    meta: Meta,
) -> Option<Sign> {
    let shown = file.display();
    // A program that is no text has no such line.
    let text = system.head(file).ok()?;
    let line = text.strip_prefix("#!")?.lines().next().unwrap_or_default();
    if text
        .strip_prefix("#!")
        .is_some_and(|text| text.split('\n').next().is_some_and(|line| line.ends_with('\r')))
    {
        let what = format!(
            "the lines of {shown} end as on Windows: its interpreter is looked for with a carriage return"
        );
        return Some(Sign::wrong(what, "write it with newlines alone, as `dos2unix` does"));
    }
    let interpreter = line.split_whitespace().next()?;
    if system.metadata(Path::new(interpreter)).is_err() {
        return Some(Sign::wrong(format!("{shown} is for {interpreter}, which is not there"), "install it"));
    }
    if account.is_some_and(|account| !account.may_read(meta)) {
        let what = format!("{shown} is a script that its account may not read");
        return Some(Sign::wrong(what, "chmod +r"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_program_in_a_command() {
        assert!(names_program("cd / && /opt/backup.sh --all", "/opt/backup.sh"));
        assert!(names_program("bash -c '/opt/backup.sh'", "/opt/backup.sh"));
        assert!(!names_program("/opt/backup.sh.old", "/opt/backup.sh"));
        assert_eq!(first_program("A=1 B=2 /opt/x --y"), Some("/opt/x"));
        assert_eq!(first_program("cd / && x"), None);
        assert_eq!(first_program("$HOME/x"), None);
    }
}
