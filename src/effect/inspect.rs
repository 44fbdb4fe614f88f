//! Looks at recovery points: asks probes for facts, and never takes silence for a good answer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::confine::Cell;
use super::demand::{Site, look_for};
use super::digest::{self, Digests};
use super::listing::{Listing, Stored, Unlisted, list};
use super::run::{self, Examined, Look, MOST_OUTPUT};
use super::words::{fill, unknown_in};
use super::{Afar, Env, Errand, Fetched, Question, Reply, Unfetched, afar, ask, facts, file, secrets};
use crate::keeper::Mask;
use crate::probe::{Asked, Command, Expect, Facts, Integrity, Probe, ProbeKind};
use crate::value::{Length, Text};

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Good,
    /// It is not.
    Bad,
    /// Nobody can know: the look itself failed.
    Unknown,
}

/// What a probe has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// What came of it.
    pub verdict: Verdict,
    /// What was found, or why not, for people.
    pub note: String,
    /// What it has told of the point.
    pub facts: Facts,
}

impl Inspection {
    fn of(verdict: Verdict, note: impl Into<String>) -> Self {
        Self { verdict, note: note.into(), facts: Facts::default() }
    }

    pub(super) fn good(note: impl Into<String>) -> Self {
        Self::of(Verdict::Good, note)
    }

    pub(super) fn bad(note: impl Into<String>) -> Self {
        Self::of(Verdict::Bad, note)
    }

    pub(super) fn unknown(note: impl Into<String>) -> Self {
        Self::of(Verdict::Unknown, note)
    }

    /// Says how far a good answer has looked into a point.
    pub(super) fn reaching(mut self, level: Integrity) -> Self {
        self.facts.integrity = (self.verdict == Verdict::Good).then_some(level);
        self
    }

    /// Takes secrets out of all that it says.
    fn masked(mut self, mask: &Mask) -> Self {
        self.note = mask.hide(&self.note);
        for line in self.facts.problems.iter_mut().chain(&mut self.facts.unknown) {
            *line = mask.hide(line);
        }
        self
    }
}

impl From<Reply> for Inspection {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Yes(note) => Self::good(note),
            Reply::No(note) => Self::bad(note),
            Reply::Unknown(note) | Reply::Broken(note) => Self::unknown(note),
        }
    }
}

impl From<Inspection> for Reply {
    fn from(Inspection { verdict, note, .. }: Inspection) -> Self {
        match verdict {
            Verdict::Good => Self::Yes(note),
            Verdict::Bad => Self::No(note),
            // A look that failed is no answer, and never a good one.
            Verdict::Unknown => Self::Broken(format!("cannot be known: {note}")),
        }
    }
}

/// Returns the turns for what keeps a core busy: as many as there are cores.
pub(super) fn turn_of_each_core() -> Semaphore {
    Semaphore::new(std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get))
}

/// Looks at recovery points. Many looks may be under way; those that keep a core busy, not more than there are cores.
#[derive(Clone, Debug)]
pub struct Inspector {
    cell: Arc<Cell>,
    cores: Arc<Semaphore>,
}

impl Inspector {
    /// Makes one; `tmp` becomes the folder for temporary files of probes that are confined.
    pub fn new(exe: &Path, tmp: &Path, confines: bool) -> Self {
        let cell =
            if confines { Cell::try_out(exe, tmp) } else { Cell::open("drplan.yaml says `confine: false`") };
        Self { cell: Arc::new(cell), cores: Arc::new(turn_of_each_core()) }
    }

    /// Says what keeps probes from changing the backups that they look at, or why nothing does.
    pub fn confinement(&self) -> (crate::event::Confined, &str) {
        (self.cell.by, &self.cell.note)
    }

    /// Lists the recovery points of a folder.
    ///
    /// # Errors
    ///
    /// When the folder is not there, or cannot be read.
    pub async fn list(&self, folder: PathBuf) -> Result<Listing, Unlisted> {
        let listed = spawn_blocking(move || list(&folder)).await;
        listed.unwrap_or_else(|error| Err(Unlisted::Unreadable(error.to_string())))
    }

    /// Compares a point with the digests that its producer has left beside it or in it; reads it as a stream.
    pub async fn digest(&self, point: PathBuf) -> Digests {
        let Ok(_core) = self.cores.acquire().await else { return Digests::None };
        let read = spawn_blocking(move || digest::check(&point)).await;
        read.unwrap_or_else(|error| Digests::Unknown(error.to_string()))
    }

    /// Lists the recovery points of a folder of a host.
    ///
    /// # Errors
    ///
    /// When it is not there, or cannot be read, or when the host cannot be asked.
    pub async fn list_afar(&self, afar: &Afar, path: &str) -> Result<Stored, Unlisted> {
        afar::list(afar, path).await
    }

    /// Compares a point on a host with the digests that its producer has left; it is read there, as a stream.
    pub async fn digest_afar(&self, afar: &Afar, point: &str) -> Digests {
        afar::digest(afar, point, PATIENCE).await
    }

    /// Runs a text that only looks on a host, and returns what it has printed.
    ///
    /// # Errors
    ///
    /// When the host cannot be asked, or the text fails, is late, or prints too much: then nobody can know.
    pub async fn read_afar(
        &self,
        afar: &Afar,
        text: &str,
        arguments: Vec<String>,
        within: Length,
    ) -> Result<String, String> {
        afar::ask(afar, text, arguments, &[], within).await
    }

    /// Removes what looking has left on a host.
    ///
    /// # Errors
    ///
    /// When it cannot be removed; why.
    pub async fn tidy_up(&self, afar: &Afar) -> Result<(), String> {
        afar::sweep(afar).await
    }

    /// Fetches secrets without asking a person.
    ///
    /// # Errors
    ///
    /// When one of them cannot be fetched; why.
    pub async fn fetch(&self, errand: Errand) -> Result<Fetched, Unfetched> {
        secrets::fetch(errand, None).await
    }

    /// Runs a program that only looks, in this environment and no other, and returns what it has printed.
    ///
    /// # Errors
    ///
    /// When it is not there, is late, fails, or prints too much or no text: then nobody can know.
    pub async fn read(
        &self,
        program: &[&str],
        env: &BTreeMap<String, String>,
        within: Length,
    ) -> Result<String, String> {
        let words = self.cell.before.iter().cloned().chain(program.iter().map(|word| (*word).to_owned()));
        let program: Vec<String> = words.collect();
        let look = Look { program: &program, env, cwd: Path::new("/"), timeout: within, mask: None };
        let examined = run::examine(look, MOST_OUTPUT).await?;
        if examined.code != Some(0) {
            let said = examined.said().map(|said| format!(": {said}")).unwrap_or_default();
            return Err(format!("{}{said}", examined.ended));
        }
        if examined.is_cut {
            return Err("it prints too much".to_owned());
        }
        String::from_utf8(examined.out).map_err(|_| "what it prints is no text".to_owned())
    }

    /// Asks a probe.
    pub async fn ask(&self, question: Question) -> Inspection {
        let asked = question.probe.asked.as_deref();
        let confine = asked.is_none_or(|asked| asked.confine);
        let busy = asked.is_some_and(|asked| asked.cpu_bound);
        let before = if confine { self.cell.before.clone() } else { Vec::new() };
        let _core = if busy { self.cores.acquire().await.ok() } else { None };
        inspect(&before, question).await
    }
}

/// Asks a question for facts; these words come before the program of a command.
pub(super) async fn inspect(before: &[String], mut question: Question) -> Inspection {
    if let Some(why) = question.moot.take() {
        return Inspection::unknown(why);
    }
    if let Some(asked) = question.probe.asked.take() {
        return match of_recipe(before, question, *asked).await {
            Ok(question) => Box::pin(inspect(before, question)).await,
            Err(why) => Inspection::unknown(why),
        };
    }
    let mask = match ask::mask_of(&question.env) {
        Ok(mask) => mask,
        Err(why) => return Inspection::unknown(why),
    };
    let command = match &question.probe.kind {
        ProbeKind::Run(command) => command,
        ProbeKind::File(path) => {
            let seen = match fill(path, &question.env) {
                Ok(path) => {
                    let Question { probe, env, cwd, afar, .. } = &question;
                    let (expect, limit, afar) = (&probe.expect, probe.timeout, afar.as_deref());
                    let look = file::Look { expect, env, cwd, limit, afar, mask: mask.clone() };
                    file::look(&path, look).await
                }
                Err(reply) => Inspection::from(reply),
            };
            return match &mask {
                Some(mask) => seen.masked(mask),
                None => seen,
            };
        }
        // That something answers says nothing of what is in it.
        _ => return Inspection::from(ask::ask_after(before, question).await).reaching(Integrity::Listed),
    };
    let program: Vec<String> = match command.clone() {
        Command::Shell(text) => question.shell.iter().cloned().chain([text.to_string()]).collect(),
        Command::Program(words) => words,
    };
    if let Some(Reply::Unknown(why)) =
        program.iter().find_map(|word| unknown_in(&Text::new(word.as_str()), &question.env))
    {
        return Inspection::unknown(why);
    }
    let inspection = match run_for_facts(before, &question, program, mask.clone()).await {
        Ok(inspection) => inspection,
        Err(why) if question.afar.is_some() => Inspection::unknown(afar::plainly(&why)),
        Err(why) => Inspection::unknown(why),
    };
    match &mask {
        Some(mask) => inspection.masked(mask),
        None => inspection,
    }
}

/// Puts a recipe's probe in the place of the one that uses it, once its tools are there.
async fn of_recipe(before: &[String], mut question: Question, asked: Asked) -> Result<Question, String> {
    let Asked { probe, inputs, tools, .. } = asked;
    let env = &mut question.env;
    for (name, text) in &inputs {
        if let Some(Reply::Unknown(why)) = unknown_in(text, env) {
            return Err(why);
        }
        let filled = text.fill(|name| env.values.get(name).map(|value| Cow::Borrowed(value.as_str())));
        let value = filled.map_err(|error| format!("its input {name}: {error}"))?;
        env.values.insert(name.to_string(), value);
    }
    for tool in &tools {
        let site = match &question.afar {
            Some(afar) => Site::Host(afar),
            None => Site::Here { before, env: &env.values, cwd: &question.cwd },
        };
        let place = question.afar.as_ref().map(|afar| format!(" on {}", afar.host.place)).unwrap_or_default();
        look_for(tool, site).await.map_err(|found| format!("it needs {tool}{place}: {found}"))?;
    }
    // What a person has written at the place of use goes before what the recipe says.
    let outer = question.probe;
    question.probe = Probe {
        timeout: if outer.has_own_timeout() { outer.timeout } else { probe.timeout },
        expect: if outer.expect == Expect::default() { probe.expect.clone() } else { outer.expect },
        every: outer.every,
        on: outer.on,
        ..probe
    };
    Ok(question)
}

async fn run_for_facts(
    before: &[String],
    question: &Question,
    program: Vec<String>,
    mask: Option<Mask>,
) -> Result<Inspection, String> {
    let told = tempfile::NamedTempFile::new().map_err(|error| format!("no file for facts: {error}"))?;
    let (examined, there) = match &question.afar {
        Some(afar) => {
            let line = facts::mark()?;
            let (program, env) = afar.look_for_facts(program, &question.env.values, &line)?;
            let look = look_of(question, &program, &env, mask);
            let mut examined = run::examine(look, MOST_OUTPUT + facts::MOST).await?;
            let told = facts::split_at(&mut examined.out, &line);
            (examined, Some(told))
        }
        None => {
            let file = told.path().to_str().ok_or("the path of temporary files is not UTF-8")?.to_owned();
            let mut env = question.env.values.clone();
            env.insert("DRPLAN_OUTPUT".to_owned(), file.clone());
            let program: Vec<String> = with_open_file(before, &file).into_iter().chain(program).collect();
            (run::examine(look_of(question, &program, &env, mask), MOST_OUTPUT).await?, None)
        }
    };
    let expect = &question.probe.expect;
    let wanted = i32::from(expect.exit.unwrap_or(0));
    let with = |ended: &str| match examined.said() {
        Some(said) => format!("{ended}: {said}"),
        None => ended.to_owned(),
    };
    if let Some(how) = run::broke(examined.code, &examined.ended, wanted) {
        return Err(with(&how));
    }
    let facts = match there {
        None => facts::read(told.path()),
        Some(Some(text)) => facts::of(&text),
        Some(None) => return Err("the host does not tell what it has found".to_owned()),
    };
    let mut facts = facts.map_err(|why| format!("what it tells is no facts: {why}"))?;
    let ended_well = examined.code == Some(wanted);
    if ended_well {
        facts::add_json(&question.probe, &examined, &mut facts)?;
    }
    let judged = judge(question, &examined, &facts, ended_well, with(&examined.ended));
    let (verdict, note) = judged;
    Ok(Inspection { verdict, note, facts })
}

/// Says what came of a command that has run to its end.
fn judge(
    question: &Question,
    examined: &Examined,
    facts: &Facts,
    ended_well: bool,
    ended: String,
) -> (Verdict, String) {
    let expect = &question.probe.expect;
    if !facts.problems.is_empty() {
        return (Verdict::Bad, facts.problems.join("; "));
    }
    if !facts.unknown.is_empty() {
        return (Verdict::Unknown, facts.unknown.join("; "));
    }
    if !ended_well {
        return (Verdict::Bad, ended);
    }
    if let Some(pattern) = &expect.matches
        && !pattern.matches(&String::from_utf8_lossy(&examined.out))
    {
        let said = examined.said().map(|said| format!(": {said}")).unwrap_or_default();
        return (Verdict::Bad, format!("the output does not match `{}`{said}", pattern.as_str()));
    }
    let untold: Vec<&str> =
        expect.facts.iter().filter(|fact| !facts.has(**fact)).map(|fact| fact.as_str()).collect();
    if !untold.is_empty() {
        return (Verdict::Unknown, format!("it ended well and has not told {}", untold.join(", ")));
    }
    (Verdict::Good, examined.said().unwrap_or(ended))
}

fn look_of<'l>(
    question: &'l Question,
    program: &'l [String],
    env: &'l BTreeMap<String, String>,
    mask: Option<Mask>,
) -> Look<'l> {
    // The courier begins in a folder of this machine that is there.
    let cwd = if question.afar.is_some() { Path::new("/") } else { &question.cwd };
    Look { program, env, cwd, timeout: question.probe.timeout, mask }
}

/// Lets a command that is kept from writing write to this one file.
fn with_open_file(before: &[String], file: &str) -> Vec<String> {
    let mut words = before.to_vec();
    if words.last().is_some_and(|last| last == "--") {
        words.pop();
        words.extend(["--out", file, "--"].map(str::to_owned));
    }
    words
}

/// How long one probe may take, unless it says so itself: a full read of a large artifact is no question of seconds.
const PATIENCE: Length = Length::from_secs(3600);

/// A probe that does not say how long it may take gets the time to read a large artifact.
pub fn give_time(probe: &mut Probe) {
    if !probe.has_own_timeout() {
        match &mut probe.asked {
            Some(asked) if asked.probe.has_own_timeout() => {}
            Some(asked) => asked.probe.timeout = PATIENCE,
            None => probe.timeout = PATIENCE,
        }
    }
}

/// Tools print times and messages by the environment: every probe gets the same.
pub fn scrub(env: &mut Env) {
    env.values.retain(|name, _| !name.starts_with("LC_"));
    for (name, value) in [("TZ", "UTC"), ("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8")] {
        env.values.insert(name.to_owned(), value.to_owned());
    }
}
