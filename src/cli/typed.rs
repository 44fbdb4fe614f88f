//! Secrets that a person types: asked for before anything starts, once a run and controller.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::Terminal;
use crate::error::Error;
use crate::keeper;
use crate::plan::SecretSource;
use crate::resolve::{Course, CourseKind, ResolvedPlan};
use crate::value::{Name, plain};

/// What a person has typed, by the secret's name.
pub(super) type Answers = BTreeMap<Name, SecretString>;

/// More is no secret that somebody types.
const LONGEST: usize = 64 * 1024;

/// What Ctrl-C types; it must not end us while the terminal shows nothing.
const CTRL_C: u8 = 3;

/// Asks for every secret of the course that only a person knows and that a node `that_is_open` names.
pub(super) fn ask(
    plan: &ResolvedPlan,
    course: &Course,
    that_is_open: impl Fn(usize) -> bool,
    terminal: &Terminal,
) -> Result<Answers, Error> {
    let mut questions: BTreeMap<&Name, &str> = BTreeMap::new();
    for (_, node) in course.nodes.iter().enumerate().filter(|(at, _)| that_is_open(*at)) {
        let CourseKind::Step(step) = node.kind else { continue };
        for name in &plan.steps[step].common.secrets {
            if let Some((name, secret)) = plan.secrets.get_key_value(name)
                && let SecretSource::Ask(question) = &secret.source
            {
                questions.insert(name, question);
            }
        }
    }
    let mut answers = Answers::new();
    if questions.is_empty() {
        return Ok(answers);
    }
    keeper::seal();
    let names = || questions.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let no_one = || {
        let error = Error::unable(format!("a person must type {}, and nobody is at the terminal", names()));
        error.hint("run this at a terminal, or give the secret another source in an environment")
    };
    if !terminal.interactive {
        return Err(no_one());
    }
    let mut tty = File::options().read(true).write(true).open("/dev/tty").map_err(|_| no_one())?;
    for (name, question) in questions {
        let answer = read(&mut tty, &format!("{} ({name}): ", plain(question)))?;
        let Some(answer) = answer else {
            return Err(Error::unable(format!("`{name}` was not given; nothing was started")));
        };
        answers.insert(name.clone(), answer);
    }
    Ok(answers)
}

/// A terminal that does not show what is typed, until it is dropped.
struct Hidden<'t> {
    tty: &'t File,
    before: Termios,
}

impl<'t> Hidden<'t> {
    fn new(tty: &'t File) -> std::io::Result<Self> {
        let before = tcgetattr(tty.as_fd())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        hidden.local_modes.insert(LocalModes::ICANON | LocalModes::ECHONL);
        // Ctrl-C ends the line, so that the terminal is set right before anything ends.
        hidden.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
        tcsetattr(tty.as_fd(), OptionalActions::Flush, &hidden)?;
        Ok(Self { tty, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that has gone away.
        let _ = tcsetattr(self.tty.as_fd(), OptionalActions::Flush, &self.before);
    }
}

/// Reads a line that is not shown; nothing if the person does not want to, or typed nothing.
fn read(tty: &mut File, prompt: &str) -> Result<Option<SecretString>, Error> {
    let failed = |error: std::io::Error| Error::unable(format!("cannot ask at the terminal: {error}"));
    let shared = tty.try_clone().map_err(failed)?;
    let hidden = Hidden::new(&shared).map_err(failed)?;
    tty.write_all(prompt.as_bytes()).map_err(failed)?;
    let mut line = Zeroizing::new(vec![0; LONGEST]);
    let mut length = 0;
    loop {
        let read = tty.read(&mut line[length..]).map_err(failed)?;
        length += read;
        if read == 0 || length == LONGEST || matches!(line[..length].last(), Some(b'\n' | &CTRL_C)) {
            break;
        }
    }
    drop(hidden);
    let typed = &line[..length];
    if typed.contains(&CTRL_C) {
        let _ = tty.write_all(b"\n");
        return Ok(None);
    }
    let typed = std::str::from_utf8(typed).map_err(|_| Error::unable("what was typed is not UTF-8"))?;
    let typed = typed.trim_end_matches(['\n', '\r']);
    Ok((!typed.is_empty()).then(|| typed.into()))
}
