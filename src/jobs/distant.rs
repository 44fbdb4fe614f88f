//! A machine that is asked from afar, in few rounds.
//!
//! A look asks one thing after the other, and over a slow line each answer would have to be waited for. So it looks at what was heard so far: what it
//! asks for beside that is noted and answered with an error. Then all that was noted is asked at once, and it looks again, until
//! nothing more is asked. Only what that last look says counts.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::machine::{Machine, Meta};

/// The text that tells of files of a machine, in words that every Linux has.
const TELL: &str = include_str!("look.sh");

/// The text that runs a program, as all that is asked.
const RUN: &str = "export LC_ALL=C TZ=UTC\nexec \"$@\"";

/// So many questions about files are asked at once: a shell takes no longer list of words.
const MOST_AT_ONCE: usize = 400;

/// A machine that is asked from afar.
#[derive(Debug)]
pub struct Distant {
    mark: String,
    heard: BTreeMap<Question, Result<String, String>>,
    open: RefCell<BTreeSet<Question>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    /// What `look.sh` is asked of a path.
    Of(&'static str, String),
    /// What a program says.
    Program(Vec<String>),
}

/// What is to be asked in one go: a text for the machine's shell, and its arguments.
#[derive(Clone, Debug)]
pub struct Errand {
    /// The text.
    pub text: &'static str,
    /// Its arguments.
    pub arguments: Vec<String>,
    questions: Vec<Question>,
}

impl Distant {
    /// Makes one of which nothing is known yet. Nobody may guess the mark: it stands between what files hold.
    pub fn new(mark: &str) -> Self {
        Self { mark: mark.to_owned(), heard: BTreeMap::new(), open: RefCell::default() }
    }

    /// Takes what looks have asked for and nobody has heard; nothing if they have heard all.
    pub fn errands(&self) -> Vec<Errand> {
        let (of_files, programs): (Vec<Question>, Vec<Question>) =
            self.open.take().into_iter().partition(|question| matches!(question, Question::Of(..)));
        let of_files = of_files.chunks(MOST_AT_ONCE).map(|questions| {
            let pairs = questions.iter().filter_map(|question| match question {
                Question::Of(what, path) => Some([(*what).to_owned(), path.clone()]),
                Question::Program(_) => None,
            });
            let arguments = [self.mark.clone()].into_iter().chain(pairs.flatten()).collect();
            Errand { text: TELL, arguments, questions: questions.to_vec() }
        });
        // Each by itself: one that hangs takes no other with it.
        let programs = programs.iter().filter_map(|question| match question {
            Question::Program(words) => {
                Some(Errand { text: RUN, arguments: words.clone(), questions: vec![question.clone()] })
            }
            Question::Of(..) => None,
        });
        of_files.chain(programs).collect()
    }

    /// Hears what came of an errand: what was printed, or why nothing can be known.
    ///
    /// # Errors
    ///
    /// When nothing is known of files: then nothing can be said of the machine.
    pub fn hear(&mut self, errand: Errand, said: Result<String, String>) -> Result<(), String> {
        if let [Question::Program(_)] = errand.questions[..] {
            self.heard.extend(errand.questions.into_iter().map(|question| (question, said.clone())));
            return Ok(());
        }
        let said = said?;
        let end = format!("\n{} ", self.mark);
        let mut rest = said.as_str();
        for question in errand.questions {
            let told = rest.split_once(&end).and_then(|(told, after)| {
                let (code, after) = after.split_once('\n')?;
                Some((told, code, after))
            });
            let Some((told, code, after)) = told else {
                return Err("what the host tells of its files makes no sense".to_owned());
            };
            let told = match code {
                "0" => Ok(told.to_owned()),
                "126" | "127" => {
                    return Err(format!("a program that looks cannot be started there: {}", told.trim_end()));
                }
                _ => Err(complaint(told)),
            };
            self.heard.insert(question, told);
            rest = after;
        }
        Ok(())
    }

    fn told(&self, question: Question) -> Result<String, String> {
        if let Some(told) = self.heard.get(&question) {
            return told.clone();
        }
        self.open.borrow_mut().insert(question);
        Err("it is not known yet".to_owned())
    }

    fn of(&self, what: &'static str, path: &Path) -> io::Result<String> {
        let Some(path) = path.to_str() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "its path is not UTF-8"));
        };
        self.told(Question::Of(what, path.to_owned())).map_err(|why| {
            let kind = match why.as_str() {
                "No such file or directory" => io::ErrorKind::NotFound,
                "Permission denied" => io::ErrorKind::PermissionDenied,
                "it is no regular file" => io::ErrorKind::InvalidInput,
                _ => io::ErrorKind::Other,
            };
            io::Error::new(kind, why)
        })
    }

    fn meta(&self, what: &'static str, path: &Path) -> io::Result<Meta> {
        let told = self.of(what, path)?;
        let read = || {
            let mut words = told.split_whitespace();
            Some(Meta {
                mode: u32::from_str_radix(words.next()?, 16).ok()?,
                uid: words.next()?.parse().ok()?,
                gid: words.next()?.parse().ok()?,
                links: words.next()?.parse().ok()?,
                bytes: words.next()?.parse().ok()?,
                written: words.next()?.parse().ok()?,
            })
        };
        read().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what `stat` tells makes no sense"))
    }
}

/// Returns why a program could not do it, as in `head: cannot open 'x' for reading: Permission denied`.
fn complaint(told: &str) -> String {
    let line = told.lines().next_back().unwrap_or_default();
    line.rsplit(": ").next().unwrap_or(line).to_owned()
}

impl Machine for Distant {
    fn metadata(&self, path: &Path) -> io::Result<Meta> {
        self.meta("metadata", path)
    }

    fn link_metadata(&self, path: &Path) -> io::Result<Meta> {
        self.meta("link_metadata", path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(PathBuf::from(self.of("link", path)?.trim_end_matches('\n')))
    }

    fn head(&self, path: &Path) -> io::Result<String> {
        self.of("head", path)
    }

    fn beginning(&self, path: &Path) -> io::Result<String> {
        self.of("beginning", path)
    }

    fn end_of(&self, path: &Path) -> io::Result<String> {
        self.of("end", path)
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<String>> {
        Ok(self.of("entries", folder)?.lines().map(str::to_owned).collect())
    }

    fn ask(&self, words: &[&str]) -> Result<String, String> {
        self.told(Question::Program(words.iter().map(|word| (*word).to_owned()).collect()))
    }
}
