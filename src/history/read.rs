//! Reads the records of a folder. What cannot be read is told, and hides nothing else.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::History;
use crate::document::{Limits, Place, ReadError, Sources, Span, read};
use crate::finding::Finding;
use crate::report::Record;
use crate::value::Moment;

/// A record has some kilobytes, and a folder of them some hundred files.
const MOST_FILES: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;
const MOST_BYTES_TOGETHER: usize = 256 << 20;
const DEEPEST: usize = 16;

/// The file by which the folder of a run is known.
const JOURNAL: &str = "journal.jsonl";

const NO_RECORD: &str =
    "put here what `drplan report RUN --format record` prints; anything else belongs elsewhere";
const AS_IT_WAS: &str =
    "put here what `drplan report RUN --format record` prints of the run, and fill in only what people know";
const TOO_MANY: &str = "put old records into a folder beside this one";

/// The part of a record by which its version is told.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl History {
    /// Reads every record (`*.json`) of a folder and of the folders in it; a folder that is not there holds none.
    ///
    /// The folder of a run, which has a journal, is passed over: what it holds are no records. Each other file
    /// that is no record, cannot be read, or says what cannot be, becomes a warning.
    pub fn read(folder: &Path, now: Moment, sources: &mut Sources) -> (Self, Vec<Finding>) {
        let mut reader = Reader { sources, files: Vec::new(), findings: Vec::new(), bytes: 0 };
        if folder.is_symlink() {
            reader.tell(folder, "is a link, which is not followed", "put the records themselves here");
        } else if folder.is_dir() {
            reader.list(folder, 0);
        }
        if let Some(first) = reader.files.get(MOST_FILES).cloned() {
            let many = format!("and those after it are not read: there are more than {MOST_FILES} records");
            reader.tell(&first, &many, TOO_MANY);
            reader.files.truncate(MOST_FILES);
        }
        let mut records = Vec::new();
        for file in std::mem::take(&mut reader.files) {
            records.extend(reader.record(&file, now));
            if reader.bytes > MOST_BYTES_TOGETHER {
                let most = MOST_BYTES_TOGETHER >> 20;
                reader.tell(&file, &format!("is the last that is read: more than {most} MiB"), TOO_MANY);
                break;
            }
        }
        (Self::of(records), reader.findings)
    }
}

struct Reader<'a> {
    sources: &'a mut Sources,
    files: Vec<PathBuf>,
    findings: Vec<Finding>,
    /// How much was read so far.
    bytes: usize,
}

impl Reader<'_> {
    fn list(&mut self, folder: &Path, depth: usize) {
        if let Err(error) = self.try_list(folder, depth) {
            self.tell(folder, &format!("cannot be listed: {error}"), "see who may read it");
        }
    }

    fn try_list(&mut self, folder: &Path, depth: usize) -> std::io::Result<()> {
        if folder.join(JOURNAL).exists() {
            return Ok(());
        }
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            entries.push((entry.path(), entry.file_type()?));
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (path, kind) in entries {
            let is_json = path.extension().is_some_and(|extension| extension == "json");
            if kind.is_dir() && depth < DEEPEST {
                self.list(&path, depth + 1);
            } else if is_json && kind.is_symlink() {
                // It may lead out of the repository.
                self.tell(&path, "is a link, which is not followed", "put the record itself here");
            } else if is_json && kind.is_file() && self.files.len() <= MOST_FILES {
                self.files.push(path);
            }
        }
        Ok(())
    }

    fn record(&mut self, path: &Path, now: Moment) -> Option<Record> {
        let text = match read(path, &Limits { bytes: MOST_BYTES, ..Limits::default() }) {
            Ok(text) => text,
            Err(error) => {
                let why = match &error {
                    ReadError::Io { source, .. } => format!("cannot be read: {source}"),
                    ReadError::TooLarge { size, limit, .. } => {
                        format!("has {size} bytes, and a record has at most {limit}")
                    }
                    _ => "is not text in UTF-8".to_owned(),
                };
                self.tell(path, &why, NO_RECORD);
                return None;
            }
        };
        self.bytes += text.len();
        let error = match serde_json::from_str::<Versioned>(&text) {
            Ok(Versioned { version }) if version > Record::VERSION => {
                let known = Record::VERSION;
                let why = format!("is a record of version {version}, and this drplan reads version {known}");
                self.tell(path, &why, "use the drplan that made it, or a newer one");
                return None;
            }
            Ok(_) => match serde_json::from_str::<Record>(&text) {
                Ok(record) => {
                    let Some(why) = record.contradiction(now) else { return Some(record) };
                    self.tell_at(path, &text, Span::default(), &why, AS_IT_WAS);
                    return None;
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        let span = span_of(&text, error.line(), error.column());
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or(&reason);
        self.tell_at(path, &text, span, &format!("is no drill record: {reason}"), NO_RECORD);
        None
    }

    fn tell(&mut self, path: &Path, why: &str, help: &str) {
        self.tell_at(path, "", Span::default(), why, help);
    }

    fn tell_at(&mut self, path: &Path, text: &str, span: Span, why: &str, help: &str) {
        let shown = path.display().to_string();
        let name = path.file_name().map_or_else(|| shown.clone(), |name| name.to_string_lossy().into_owned());
        let place = Place { source: self.sources.add(shown, text), span };
        let finding = Finding::warning("bad-evidence", format!("{name} {why}"));
        self.findings.push(finding.at(place, "no drill is read from it").help(help));
    }
}

/// Returns the byte that a line and a column (both counted from 1, the column in bytes) stand for.
fn span_of(text: &str, line: usize, column: usize) -> Span {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut start = (before + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let end = text[start..].chars().next().filter(|c| *c != '\n').map_or(start, |c| start + c.len_utf8());
    let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { start: byte(start), end: byte(end) }
}
