//! The last lines of a step's output, as the keeper has written it: masked.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::value::{Id, steers};

/// No more of a file is read: many screens full.
const MOST: u64 = 64 << 10;

/// So many lines are shown of a step that has failed, and no more of each.
const WORDS: usize = 5;
const WIDEST: usize = 300;

/// Which output is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Stream {
    /// The one that was written to last.
    #[default]
    Newest,
    Out,
    Err,
}

impl Stream {
    /// Returns the next choice.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Newest => Self::Out,
            Self::Out => Self::Err,
            Self::Err => Self::Newest,
        }
    }
}

/// What stands at the end of an output.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Tail {
    /// `stdout` or `stderr`; empty where there is no output.
    pub(super) name: &'static str,
    /// Its last lines, safe to show.
    pub(super) lines: Vec<String>,
    /// Whether there is more above.
    pub(super) is_cut: bool,
}

/// What was read last, so that a file that has not grown is not read again.
#[derive(Debug, Default)]
pub(super) struct Reader {
    seen: Option<(PathBuf, u64, SystemTime)>,
    tail: Tail,
}

impl Reader {
    /// Returns the end of a step's output.
    pub(super) fn read(&mut self, run_dir: &Path, step: &Id, attempt: u32, stream: Stream) -> &Tail {
        let folder = run_dir.join("steps").join(step.as_str()).join(attempt.to_string());
        let look = |name: &'static str| {
            let path = folder.join(name);
            let metadata = std::fs::metadata(&path).ok()?;
            Some((name, path, metadata.len(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)))
        };
        let found = match stream {
            Stream::Out => look("stdout"),
            Stream::Err => look("stderr"),
            Stream::Newest => {
                let both = [look("stdout"), look("stderr")];
                // Of two that are as new, and of two that are empty, standard output.
                both.into_iter().flatten().rev().max_by_key(|(_, _, length, time)| (*length > 0, *time))
            }
        };
        let Some((name, path, length, time)) = found else {
            *self = Self::default();
            return &self.tail;
        };
        let seen = (path, length, time);
        if self.seen.as_ref() != Some(&seen) {
            self.tail = last_lines(&seen.0, length, name);
            self.seen = Some(seen);
        }
        &self.tail
    }
}

/// Returns the last lines that an attempt of a step has written to standard error, else to standard output; safe to show.
///
/// They are shown where a step has failed, and stand in no journal, report or evidence: nobody knows what a program says.
pub fn last_words(run_dir: &Path, step: &Id, attempt: u32) -> Vec<String> {
    let mut reader = Reader::default();
    let mut said = |stream| -> Vec<String> {
        let lines = &reader.read(run_dir, step, attempt, stream).lines;
        let lines: Vec<&String> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(WORDS)..];
        last.iter().map(|line| line.chars().take(WIDEST).collect()).collect()
    };
    let errors = said(Stream::Err);
    if errors.is_empty() { said(Stream::Out) } else { errors }
}

fn last_lines(path: &Path, length: u64, name: &'static str) -> Tail {
    let from = length.saturating_sub(MOST);
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.take(MOST).read_to_end(&mut bytes)
    });
    if let Err(error) = read {
        return Tail { name, lines: vec![format!("it cannot be read: {error}")], is_cut: false };
    }
    let text = String::from_utf8_lossy(&bytes);
    // The first line is a part of one, unless the file begins with it.
    let text = if from > 0 { text.split_once('\n').map_or(&*text, |(_, rest)| rest) } else { &*text };
    Tail { name, lines: text.lines().map(shown).collect(), is_cut: from > 0 }
}

/// Makes a line of output safe: colours are dropped, a progress bar shows its last state.
fn shown(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or_default();
    let mut safe = String::with_capacity(line.len());
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' if letters.peek() == Some(&'[') => {
                letters.next();
                // Parameters, up to the letter that ends the sequence.
                while letters.next().is_some_and(|letter| !('@'..='~').contains(&letter)) {}
            }
            '\t' => safe.push_str("    "),
            letter if steers(letter) => safe.extend(letter.escape_default()),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn output_cannot_move_the_cursor() {
        assert_eq!(shown("\u{1b}[1;31mred\u{1b}[0m\tx\u{7}"), "red    x\\u{7}");
        assert_eq!(shown("10%\r50%\r100%\r"), "100%");
        assert_eq!(shown("\u{1b}]0;title"), "\\u{1b}]0;title");
        assert_eq!(shown("\u{1b}["), "");
    }

    #[test]
    fn the_last_words_are_those_of_standard_error_if_there_are_any() {
        let dir = tempfile::tempdir().unwrap();
        let step: Id = "load".parse().unwrap();
        assert_eq!(last_words(dir.path(), &step, 1), [""; 0]);
        let folder = dir.path().join("steps/load/1");
        std::fs::create_dir_all(&folder).unwrap();
        write!(File::create(folder.join("stdout")).unwrap(), "table 1\ntable 2\n\n").unwrap();
        let mut errors = File::create(folder.join("stderr")).unwrap();
        assert_eq!(last_words(dir.path(), &step, 1), ["table 1", "table 2"]);
        write!(errors, "1\n2\n3\n4\n10%\r5\n{}\n", "6".repeat(900)).unwrap();
        assert_eq!(last_words(dir.path(), &step, 1), ["2", "3", "4", "5", &"6".repeat(300)]);
    }

    #[test]
    fn the_newest_output_is_read_from_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let step: Id = "restore/unpack".parse().unwrap();
        let folder = dir.path().join("steps/restore/unpack/2");
        let mut reader = Reader::default();
        assert_eq!(*reader.read(dir.path(), &step, 2, Stream::Newest), Tail::default());
        std::fs::create_dir_all(&folder).unwrap();
        File::create(folder.join("stderr")).unwrap();
        let mut out = File::create(folder.join("stdout")).unwrap();
        for n in 0..20_000 {
            writeln!(out, "line {n}").unwrap();
        }
        let tail = reader.read(dir.path(), &step, 2, Stream::Newest);
        assert_eq!((tail.name, tail.is_cut), ("stdout", true));
        assert_eq!(tail.lines.last().unwrap(), "line 19999");
        assert!(tail.lines[0].starts_with("line 1"), "{}", tail.lines[0]);
        writeln!(out, "more").unwrap();
        assert_eq!(reader.read(dir.path(), &step, 2, Stream::Newest).lines.last().unwrap(), "more");
        assert_eq!(reader.read(dir.path(), &step, 2, Stream::Err).name, "stderr");
    }
}
