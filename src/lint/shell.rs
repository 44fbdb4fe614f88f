//! Reads a shell text as far as rules need it: simple commands, their words, and how each ends.
//!
//! It is no shell. What it does not understand it reads as words, so that a rule rather says nothing.

use std::collections::HashMap;

use crate::probe::Command;

/// What a rule makes of commands. The same text stands in many steps, such as those that use one recipe, and is read once.
pub(super) struct Judged<'a, T>(HashMap<&'a str, T, ahash::RandomState>);

impl<'a, T: Clone> Judged<'a, T> {
    /// Nothing was judged yet.
    pub(super) fn new() -> Self {
        Self(HashMap::default())
    }

    /// Judges a command, or remembers what was made of its text before.
    pub(super) fn of(&mut self, command: &'a Command, judge: impl FnOnce() -> T) -> T {
        match command {
            Command::Program(_) => judge(),
            Command::Shell(text) => self.0.entry(text).or_insert_with(judge).clone(),
        }
    }
}

/// A word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// Its text, without quotes.
    pub(super) text: String,
    /// Whether it begins with a quote, so that it is data and no keyword.
    pub(super) quoted: bool,
}

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Simple {
    /// Its words; the first is the program.
    pub(super) words: Vec<Word>,
    /// The file descriptors that are sent elsewhere.
    pub(super) redirects: Vec<u32>,
    /// Whether `&` ends it.
    pub(super) background: bool,
    /// Whether it reads what the one before it prints.
    pub(super) reads_pipe: bool,
    /// What it is given to read by `<<`.
    pub(super) heredoc: String,
}

impl Simple {
    /// Returns the program and its arguments, without what only changes how it runs (`sudo`, `env A=b`, ...).
    pub(super) fn program(&self) -> Option<(&str, &[Word])> {
        let mut words = self.words.as_slice();
        loop {
            let (first, rest) = words.split_first()?;
            let name = first.text.rsplit('/').next().unwrap_or_default();
            let is_assignment = first.text.split_once('=').is_some_and(|(name, _)| is_name(name));
            let is_wrapper = matches!(
                name,
                "sudo"
                    | "env"
                    | "exec"
                    | "time"
                    | "command"
                    | "nice"
                    | "ionice"
                    | "then"
                    | "do"
                    | "else"
                    | "if"
                    | "!"
                    | "{"
                    | "("
                    | "while"
                    | "until"
                    | "elif"
            );
            if is_assignment || is_wrapper {
                words = rest;
                if name == "sudo" || name == "nice" || name == "ionice" {
                    words = after_options(words);
                }
                continue;
            }
            return Some((name, rest));
        }
    }

    /// Whether a word with this text is among the arguments.
    pub(super) fn has(&self, text: &str) -> bool {
        self.words.iter().any(|word| word.text == text)
    }
}

fn after_options(words: &[Word]) -> &[Word] {
    let options = words.iter().take_while(|word| word.text.starts_with('-')).count();
    // `sudo -u postgres dropdb`: the user belongs to the option.
    let takes_value = options > 0 && matches!(words[options - 1].text.as_str(), "-u" | "-g" | "-n" | "-c");
    words.get(options + usize::from(takes_value)..).unwrap_or_default()
}

fn is_name(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(is_letter)
}

/// Reads a shell text.
pub(super) fn read(text: &str) -> Vec<Simple> {
    let mut reader = Reader::new(text);
    reader.run();
    reader.commands
}

struct Reader<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    commands: Vec<Simple>,
    now: Simple,
    word: Word,
    in_word: bool,
    /// The words that end the texts given by `<<`, each with the number of the command that reads it.
    heredocs: Vec<(String, usize)>,
    awaits_delimiter: bool,
    next_reads_pipe: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            chars: text.chars().peekable(),
            commands: Vec::new(),
            now: Simple::default(),
            word: Word::default(),
            in_word: false,
            heredocs: Vec::new(),
            awaits_delimiter: false,
            next_reads_pipe: false,
        }
    }

    fn run(&mut self) {
        while let Some(c) = self.chars.next() {
            match c {
                '\'' => self.single(),
                '"' => self.double(),
                '\\' => match self.chars.next() {
                    Some('\n') | None => {}
                    Some(c) => self.push(c),
                },
                '$' if self.chars.peek() == Some(&'(') => self.substitution(),
                '#' if !self.in_word => while self.chars.next_if(|c| *c != '\n').is_some() {},
                ' ' | '\t' => self.end_word(),
                '\n' => {
                    self.end_command(false);
                    self.read_heredocs();
                }
                ';' | ')' => self.end_command(false),
                '(' if !self.in_word => self.end_command(false),
                '|' => {
                    let is_or = self.chars.next_if_eq(&'|').is_some();
                    let _ = self.chars.next_if_eq(&'&');
                    self.end_command(false);
                    self.next_reads_pipe = !is_or;
                }
                '&' => self.ampersand(),
                '>' => self.redirect(),
                '<' => self.input(),
                c => self.push(c),
            }
        }
        self.end_command(false);
    }

    fn push(&mut self, c: char) {
        self.in_word = true;
        self.word.text.push(c);
    }

    fn single(&mut self) {
        self.begin_quote();
        while let Some(c) = self.chars.next_if(|c| *c != '\'') {
            self.word.text.push(c);
        }
        self.chars.next();
    }

    fn double(&mut self) {
        self.begin_quote();
        while let Some(c) = self.chars.next_if(|c| *c != '"') {
            match c {
                '\\' => self.word.text.extend(self.chars.next()),
                '$' if self.chars.peek() == Some(&'(') => self.substitution(),
                c => self.word.text.push(c),
            }
        }
        self.chars.next();
    }

    fn begin_quote(&mut self) {
        self.word.quoted |= !self.in_word;
        self.in_word = true;
    }

    /// `$( ... )` stands in the word as it is written; what it does is read as commands of its own.
    fn substitution(&mut self) {
        let mut depth = 0_usize;
        let mut inner = String::new();
        for c in self.chars.by_ref() {
            depth = match c {
                '(' => depth + 1,
                ')' => depth - 1,
                _ => depth,
            };
            inner.push(c);
            if depth == 0 {
                break;
            }
        }
        self.in_word = true;
        self.word.text.push('$');
        self.word.text.push_str(&inner);
        let inner = inner.trim_start_matches('(').trim_end_matches(')');
        // Deep nesting is not worth the stack that it takes.
        if inner.matches("$(").count() < 8 && !inner.starts_with('(') {
            self.commands.extend(read(inner));
        }
    }

    fn end_word(&mut self) {
        if !std::mem::take(&mut self.in_word) {
            return;
        }
        let word = std::mem::take(&mut self.word);
        if std::mem::take(&mut self.awaits_delimiter) {
            // The number is that of the command that is being read; substitutions in it come before it.
            self.heredocs.push((word.text, usize::MAX));
        } else {
            self.now.words.push(word);
        }
    }

    fn end_command(&mut self, background: bool) {
        self.end_word();
        let mut command = std::mem::take(&mut self.now);
        if command.words.is_empty() && command.redirects.is_empty() && !background {
            return;
        }
        command.background = background;
        command.reads_pipe = std::mem::take(&mut self.next_reads_pipe);
        self.commands.push(command);
        let number = self.commands.len() - 1;
        for (_, reader) in self.heredocs.iter_mut().filter(|(_, reader)| *reader == usize::MAX) {
            *reader = number;
        }
    }

    fn read_heredocs(&mut self) {
        for (delimiter, reader) in std::mem::take(&mut self.heredocs) {
            let mut body = String::new();
            loop {
                let mut line = String::new();
                while let Some(c) = self.chars.next_if(|c| *c != '\n') {
                    line.push(c);
                }
                let ended = self.chars.next().is_none();
                if line.trim_start_matches('\t') == delimiter {
                    break;
                }
                body.push_str(&line);
                body.push('\n');
                if ended {
                    break;
                }
            }
            if let Some(command) = self.commands.get_mut(reader) {
                command.heredoc.push_str(&body);
            }
        }
    }

    fn ampersand(&mut self) {
        if self.chars.next_if_eq(&'&').is_some() {
            self.end_command(false);
        } else if self.chars.next_if_eq(&'>').is_some() {
            let _ = self.chars.next_if_eq(&'>');
            self.now.redirects.extend([1, 2]);
            self.skip_target();
        } else {
            self.end_command(true);
        }
    }

    fn redirect(&mut self) {
        let digits = self.in_word && self.word.text.bytes().all(|byte| byte.is_ascii_digit());
        let descriptor = if digits { self.word.text.parse().unwrap_or(1) } else { 1 };
        if digits {
            self.word = Word::default();
            self.in_word = false;
        }
        self.end_word();
        let _ = self.chars.next_if(|c| matches!(c, '>' | '|'));
        if self.chars.next_if_eq(&'&').is_some() {
            // `2>&1` sends it where the other goes; `>&2` and `1>&2` send it nowhere else yet.
            match self.chars.next_if(|c| matches!(c, '0'..='9' | '-')).and_then(|c| c.to_digit(10)) {
                Some(to) if !self.now.redirects.contains(&to) => {}
                Some(_) | None => self.now.redirects.push(descriptor),
            }
            return;
        }
        self.now.redirects.push(descriptor);
        self.skip_target();
    }

    fn skip_target(&mut self) {
        while self.chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        let before = self.now.words.len();
        while let Some(c) = self.chars.next_if(|c| !matches!(c, ' ' | '\t' | '\n' | ';' | '&' | '|' | ')')) {
            match c {
                '\'' => self.single(),
                '"' => self.double(),
                c => self.push(c),
            }
        }
        self.end_word();
        self.now.words.truncate(before);
    }

    fn input(&mut self) {
        self.end_word();
        if self.chars.next_if_eq(&'<').is_none() {
            return self.skip_target();
        }
        if self.chars.next_if_eq(&'<').is_some() {
            return;
        }
        let _ = self.chars.next_if_eq(&'-');
        self.awaits_delimiter = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        let texts = |command: Simple| command.words.into_iter().map(|word| word.text).collect();
        read(text).into_iter().map(texts).collect()
    }

    #[test]
    fn splits_as_a_shell_does() {
        assert_eq!(
            words("a 'b c' \"d;e\"; f # g\nh|i && j"),
            [vec!["a", "b c", "d;e"], vec!["f"], vec!["h"], vec!["i"], vec!["j"]]
        );
        assert_eq!(words("x=$(mktemp -d)"), [vec!["mktemp", "-d"], vec!["x=$(mktemp -d)"]]);
        assert_eq!(words("a >out 2>&1 b"), [vec!["a", "b"]]);
        assert_eq!(words("a \\\n b"), [vec!["a", "b"]]);
    }

    #[test]
    fn knows_what_goes_where() {
        assert_eq!(read("serve >log 2>&1 &")[0].redirects, [1, 2]);
        assert!(read("serve >log 2>&1 &")[0].background);
        assert_eq!(read("serve &>/dev/null &")[0].redirects, [1, 2]);
        assert_eq!(read("serve 2>&1 >log &")[0].redirects, [1]);
        assert!(read("a & b")[0].background && !read("a && b")[0].background);
        let piped = read("cat <<-'EOF' | psql\n\tDROP TABLE x;\n\tEOF\nls");
        assert_eq!(piped[0].heredoc, "\tDROP TABLE x;\n");
        assert!(piped[1].reads_pipe && !piped[2].reads_pipe);
    }

    #[test]
    fn finds_the_program() {
        let program = |text| read(text)[0].program().map(|(name, _)| name.to_owned());
        assert_eq!(program("sudo -u postgres dropdb x").as_deref(), Some("dropdb"));
        assert_eq!(program("A=1 env B=2 /usr/bin/rm x").as_deref(), Some("rm"));
        assert_eq!(program("A=1"), None);
    }

    #[test]
    fn never_panics() {
        for text in ["'", "\"", "$(", "$((", ">", "<<", "&", "|", "\\", "<<E\n", "a >'", "$()", "2>&"] {
            let _ = read(text);
        }
    }
}
