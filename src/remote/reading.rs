//! Takes apart what comes from a host: the step's own output, and the words of the visit between.

/// What a visit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The host's shell is there, and nothing was done.
    Ready,
    /// The attempt's folder is there: from now on it may have been started.
    Here,
    /// Everything of this stream was sent; on standard output with the step's exit code.
    Over(Option<i32>),
    /// The same of a step that somebody else has told to end: its exit code says nothing of its work.
    Stopped,
    /// There is no such attempt.
    Absent,
    /// It was started, and nothing of it is left.
    Gone,
    /// It was started before the host was.
    Rebooted,
    /// The host has no such programs.
    Lacks(String),
    /// Nothing was started: why.
    Cannot(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing of the step is to come, or not yet.
    Between,
    /// What comes is the step's.
    Live,
    /// So many bytes of the step's, of which the first are known.
    Rest { left: u64, known: u64 },
    /// So many bytes of what the step wrote to `$DRPLAN_OUTPUT`.
    Output { left: u64 },
}

/// One stream of a visit.
#[derive(Debug)]
pub(super) struct Reading {
    nonce: String,
    stage: Stage,
    held: Vec<u8>,
    /// How many bytes of the step's own were taken, over all visits.
    pub(super) count: u64,
    /// Whether something between was not sent: another visit brings it.
    pub(super) has_gap: bool,
    /// What the step wrote to `$DRPLAN_OUTPUT`.
    pub(super) output: Vec<u8>,
}

impl Reading {
    /// Begins to read a visit's stream, of which so many bytes are known.
    pub(super) fn new(nonce: &str, count: u64) -> Self {
        Self {
            nonce: nonce.to_owned(),
            stage: Stage::Between,
            held: Vec::new(),
            count,
            has_gap: false,
            output: Vec::new(),
        }
    }

    /// Takes in a part; adds the step's own bytes to `own` and returns what the visit says.
    pub(super) fn push(&mut self, part: &[u8], own: &mut Vec<u8>) -> Vec<Word> {
        self.held.extend_from_slice(part);
        let mut words = Vec::new();
        while self.step(own, &mut words) {}
        words
    }

    /// Does what can be done with what is held; whether there may be more.
    fn step(&mut self, own: &mut Vec<u8>, words: &mut Vec<Word>) -> bool {
        match self.stage {
            Stage::Rest { left, known } => {
                let taken = self.take(left);
                let skipped = usize::try_from(known).unwrap_or(usize::MAX).min(taken.len());
                self.deliver(taken.get(skipped..).unwrap_or_default(), own);
                let (left, known) = (left - taken.len() as u64, known - skipped as u64);
                self.stage = if left == 0 { Stage::Between } else { Stage::Rest { left, known } };
                left == 0
            }
            Stage::Output { left } => {
                let taken = self.take(left);
                let left = left - taken.len() as u64;
                self.output.extend(taken);
                self.stage = if left == 0 { Stage::Between } else { Stage::Output { left } };
                left == 0
            }
            Stage::Between | Stage::Live => self.look_for_word(own, words),
        }
    }

    fn deliver(&mut self, bytes: &[u8], own: &mut Vec<u8>) {
        own.extend_from_slice(bytes);
        self.count += bytes.len() as u64;
    }

    fn take(&mut self, most: u64) -> Vec<u8> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(self.held.len());
        self.held.drain(..most).collect()
    }

    fn look_for_word(&mut self, own: &mut Vec<u8>, words: &mut Vec<Word>) -> bool {
        let nonce = self.nonce.clone();
        let nonce = nonce.as_bytes();
        let begins = |at: &usize| {
            let rest = &self.held[*at..];
            rest.starts_with(nonce) || nonce.starts_with(rest)
        };
        let first = nonce.first().copied().unwrap_or_default();
        let at = (0..self.held.len()).filter(|at| self.held[*at] == first).find(begins);
        let passed: Vec<u8> = self.held.drain(..at.unwrap_or(self.held.len())).collect();
        if self.stage == Stage::Live {
            self.deliver(&passed, own);
        }
        let Some(end) = self.held.iter().position(|byte| *byte == b'\n').filter(|_| at.is_some()) else {
            return false;
        };
        let line: Vec<u8> = self.held.drain(..=end).collect();
        let line = String::from_utf8_lossy(&line);
        self.hear(line.trim_end().get(nonce.len()..).unwrap_or_default().trim(), words);
        true
    }

    fn hear(&mut self, line: &str, words: &mut Vec<Word>) {
        let (word, more) = line.split_once(' ').unwrap_or((line, ""));
        self.stage = Stage::Between;
        let number = |text: &str| text.trim().parse::<u64>().unwrap_or(0);
        words.push(match word {
            "here" => {
                self.stage = Stage::Live;
                Word::Here
            }
            "rest" => {
                let (from, left) = more.split_once(' ').unwrap_or((more, "0"));
                let (from, left) = (number(from), number(left));
                // Taken as it is, what comes after a gap would stand in the wrong place.
                let is_gap = from > self.count;
                self.has_gap |= is_gap;
                let known = if is_gap { left } else { self.count - from };
                if left > 0 {
                    self.stage = Stage::Rest { left, known };
                }
                return;
            }
            "output" => {
                self.stage = Stage::Output { left: number(more) };
                return;
            }
            "over" => Word::Over(more.trim().parse().ok()),
            "ready" => Word::Ready,
            "stopped" => Word::Stopped,
            "absent" => Word::Absent,
            "gone" => Word::Gone,
            "rebooted" => Word::Rebooted,
            "lacks" => Word::Lacks(more.trim().to_owned()),
            "cannot" => Word::Cannot(more.to_owned()),
            _ => return,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a text in parts of some size.
    fn read(text: &str, known: u64, size: usize) -> (String, Vec<Word>, Reading) {
        let mut reading = Reading::new("~n1", known);
        let (mut own, mut words) = (Vec::new(), Vec::new());
        for part in text.as_bytes().chunks(size) {
            let mut now = Vec::new();
            words.extend(reading.push(part, &mut now));
            own.extend(now);
        }
        (String::from_utf8(own).unwrap(), words, reading)
    }

    #[test]
    fn tells_the_steps_own_from_the_words_between_at_every_cut() {
        let text = "noise of a profile ~n1 ready\n~n1 here\nab~n\ncd~n1 rest 4 3\n\ncd junk~n1 output 4\nA=1\n~n1 over 7\n";
        for size in 1..text.len() {
            let (own, words, reading) = read(text, 0, size);
            assert_eq!(own, "ab~n\ncd", "{size}");
            assert_eq!(words, [Word::Ready, Word::Here, Word::Over(Some(7))], "{size}");
            assert_eq!((reading.count, reading.output.as_slice()), (7, &b"A=1\n"[..]), "{size}");
            assert!(!reading.has_gap);
        }
    }

    #[test]
    fn a_gap_is_seen_and_nothing_stands_in_the_wrong_place() {
        let (own, _, reading) = read("~n1 here\nab~n1 rest 5 2\nfg~n1 over 0\n", 0, 3);
        assert_eq!((own.as_str(), reading.count, reading.has_gap), ("ab", 2, true));
        let (own, words, reading) = read("~n1 here\n~n1 rest 2 5\ncdefg~n1 over 0\n", 2, 4);
        assert_eq!((own.as_str(), reading.count, reading.has_gap), ("cdefg", 7, false));
        assert_eq!(words, [Word::Here, Word::Over(Some(0))]);
    }
}
