//! Makes the text that a host's shell is given over standard input.

use std::collections::BTreeMap;

use super::{Attempt, Look};

const ATTEMPT: &str = include_str!("attempt.sh");
const VISIT: &str = include_str!("visit.sh");
const HOLDER: &str = include_str!("holder.sh");
const LOOK: &str = include_str!("look.sh");
const FORGET: &str = include_str!("forget.sh");
const STOP: &str = include_str!("stop.sh");

/// The programs that a host must have, with blanks between.
pub const TOOLS: &str = "setsid mkdir mkfifo tail wc cat rm sleep grep";

/// Linux takes no longer variable.
const LONGEST_HELD: usize = 120 * 1024;

/// Shells that take a file where they take a text after `-c`.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "ksh", "mksh", "zsh", "ash"];

/// What marks the words of a visit: nothing that a step prints can hold it.
pub(super) fn nonce() -> Result<String, String> {
    Ok(format!("~drplan~{}~", random()?))
}

pub(super) fn random() -> Result<String, String> {
    let mut bytes = [0u8; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| format!("cannot get random numbers: {error}"))?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

/// What a visit begins with: the host has a shell, and nothing was done yet.
pub(super) fn greeting(nonce: &str) -> String {
    format!("echo '{nonce} ready'\n")
}

/// The text of a visit that starts an attempt, or finds it, and stays with it.
///
/// # Errors
///
/// When the values do not fit into the one variable in which the holder gets them.
pub(super) fn visit(
    attempt: &Attempt,
    run: &str,
    nonce: &str,
    token: &str,
    from: [u64; 2],
    find: bool,
) -> Result<String, String> {
    let (words, script) = words(&attempt.program);
    let mut text = String::new();
    let mut set = |name: &str, value: &str| text.push_str(&format!("{name}={}\n", quote(value)));
    set("nonce", nonce);
    set("run_id", run);
    set("name", &attempt.name);
    set("mode", if find { "find" } else { "start" });
    set("from_out", &from[0].to_string());
    set("from_err", &from[1].to_string());
    if !find {
        set("on_record", &attempt.done.join(" "));
        set("emptied", &attempt.emptied.join(" "));
        set("token", token);
        set("tools", TOOLS);
        set("program", needed(attempt));
        set("limit", &attempt.limit.to_string());
        let values = exports(&attempt.values);
        if values.len() + words.len() > LONGEST_HELD {
            return Err(format!("its values have more than {LONGEST_HELD} bytes, written for a shell"));
        }
        set("values", &values);
        set("words", &words);
        set("text", script);
        set("holding", HOLDER);
    }
    Ok(whole(&text, VISIT))
}

/// The text of a visit that sends a signal to all that an attempt has started.
pub(super) fn stop(attempt: &Attempt, run: &str, nonce: &str, signal: &str) -> String {
    let mut text = String::new();
    for (name, value) in [("nonce", nonce), ("run_id", run), ("name", &attempt.name), ("signal", signal)] {
        text.push_str(&format!("{name}={}\n", quote(value)));
    }
    whole(&text, STOP)
}

/// The text of a visit that carries out a command which only looks.
pub(super) fn look(look: &Look, run: &str, nonce: &str) -> String {
    let (words, script) = words(&look.program);
    let plain: Vec<String> = look.program.iter().map(|word| quote(word)).collect();
    let plain = format!("set -- {}", plain.join(" "));
    let mut text = String::new();
    for (name, value) in [
        ("nonce", nonce),
        ("run_id", run),
        ("mark", look.mark.as_deref().unwrap_or_default()),
        ("values", &exports(&look.values)),
        ("words", &words),
        ("plain", &plain),
        ("text", script),
    ] {
        text.push_str(&format!("{name}={}\n", quote(value)));
    }
    whole(&text, LOOK)
}

/// The text of a visit that removes what is left of a run.
pub(super) fn forget(run: &str, nonce: &str) -> String {
    whole(&format!("nonce={}\nrun_id={}\n", quote(nonce), quote(run)), FORGET)
}

/// A function is read to its end before anything of it is done, so half a text does nothing.
fn whole(settings: &str, body: &str) -> String {
    format!("visit_all() {{\n{settings}{ATTEMPT}{body}}}\nvisit_all\n")
}

/// Returns `set --` with the words of a program, and the script that one of them names.
///
/// A text goes into a file: anybody may read the arguments of a process.
fn words(program: &[String]) -> (String, &str) {
    let (before, script) = match program {
        [before @ .., dash_c, script]
            if dash_c == "-c" && before.first().is_some_and(|word| is_shell(word)) =>
        {
            (before, script.as_str())
        }
        _ => (program, ""),
    };
    let mut words = "set --".to_owned();
    for word in before {
        words.push(' ');
        words.push_str(&quote(word));
    }
    if before.len() < program.len() {
        words.push_str(" \"$script\"");
    }
    (words, script)
}

fn is_shell(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    SHELLS.contains(&name)
}

/// The program itself, unless it is looked for in a PATH of the plan.
fn needed(attempt: &Attempt) -> &str {
    let program = attempt.program.first().filter(|_| !attempt.values.contains_key("PATH"));
    program.map_or("", String::as_str)
}

fn exports(values: &BTreeMap<String, String>) -> String {
    let is_name = |name: &str| {
        !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let values = values.iter().filter(|(name, _)| is_name(name));
    values.map(|(name, value)| format!("export {name}={}\n", quote(value))).collect()
}

/// Returns a word that every POSIX shell reads as exactly this text.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the shell of a host")]
    fn shell(home: &Path) -> Child {
        let mut shell = Command::new("sh");
        shell.env("HOME", home).env_remove("XDG_STATE_HOME");
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn attempt(script: &str) -> Attempt {
        Attempt {
            name: "s.1".to_owned(),
            program: ["sh", "-c", script].map(str::to_owned).to_vec(),
            values: BTreeMap::new(),
            limit: 0,
            again: false,
            find: false,
            done: Vec::new(),
            emptied: Vec::new(),
        }
    }

    #[test]
    fn of_many_visits_at_once_one_starts_the_attempt() {
        let host = tempfile::tempdir().unwrap();
        let text = visit(&attempt("echo begun >>ledger"), "r1", "~", "token", [0, 0], false).unwrap();
        let mut visits: Vec<_> = (0..16).map(|_| shell(host.path())).collect();
        // The input stays open: its end is that of the connection.
        let mut connections: Vec<_> = visits.iter_mut().map(|visit| visit.stdin.take().unwrap()).collect();
        let (all, last) = text.split_at(text.len() - 1);
        for part in [all, last] {
            for connection in &mut connections {
                connection.write_all(part.as_bytes()).unwrap();
            }
        }
        let mut told = 0;
        for visit in visits {
            let said = String::from_utf8(visit.wait_with_output().unwrap().stdout).unwrap();
            // Who comes later tells those who wait to leave, so that they may go before the end.
            assert!(said.ends_with("~ over 0\n") || said == "~ here\n", "{said}");
            told += usize::from(said.ends_with("~ over 0\n"));
        }
        assert!(told > 0);
        assert_eq!(std::fs::read_to_string(host.path().join("ledger")).unwrap(), "begun\n");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the files of a host")]
    fn of_attempts_on_record_only_those_of_that_name_are_removed() {
        let host = tempfile::tempdir().unwrap();
        let run = host.path().join(".local/state/drplan/r1");
        for folder in ["deploy[a].1", "deploya.1", "deploy[b].1", "deployb.1"] {
            std::fs::create_dir_all(run.join(folder)).unwrap();
            std::fs::write(run.join(folder).join("out"), "printed").unwrap();
        }
        let mut attempt = attempt("true");
        attempt.emptied = vec!["deploy[a].1".to_owned()];
        attempt.done = vec!["deploy[b].1".to_owned()];
        let text = visit(&attempt, "r1", "~", "token", [0, 0], false).unwrap();
        let mut visit = shell(host.path());
        let mut connection = visit.stdin.take().unwrap();
        connection.write_all(text.as_bytes()).unwrap();
        let said = visit.wait_with_output().unwrap().stdout;
        assert!(said.ends_with(b"~ over 0\n"), "{}", String::from_utf8_lossy(&said));
        let has = |folder: &str| std::fs::metadata(run.join(folder).join("out")).map_or(0, |out| out.len());
        assert!(!run.join("deploy[a].1").exists());
        assert_eq!([has("deploya.1"), has("deploy[b].1"), has("deployb.1")], [7, 0, 7]);
        drop(connection);
    }
}
