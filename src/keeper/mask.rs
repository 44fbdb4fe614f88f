//! Takes secrets out of a stream, also where a read ends in the middle of one.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, BuildError};

use super::forms::forms_of;

const STARS: &[u8] = b"***";

#[derive(Debug)]
struct Patterns {
    forms: Vec<Vec<u8>>,
    longest: usize,
    automaton: AhoCorasick,
}

/// Replaces secrets in one stream by `***`.
///
/// What could be the beginning of a secret is held back until more comes: at most one byte less
/// than the longest form of a secret. Overlapping secrets become one `***`.
#[derive(Clone, Debug)]
pub struct Mask {
    patterns: Option<Arc<Patterns>>,
    held: Vec<u8>,
    /// How much of `held` belongs to a secret for which `***` was already written.
    masked: usize,
    /// Whether any secret has stood in the stream.
    has_masked: bool,
}

impl Mask {
    /// Makes the mask for a set of secrets; what is too short to be one (see [`is_maskable`](super::is_maskable)) is left out.
    ///
    /// # Errors
    ///
    /// When the secrets are too many or too long for a search in one pass.
    pub fn new(secrets: &[String]) -> Result<Self, BuildError> {
        let mut forms: Vec<Vec<u8>> = secrets.iter().flat_map(|secret| forms_of(secret)).collect();
        forms.sort();
        forms.dedup();
        let patterns = if forms.is_empty() {
            None
        } else {
            let longest = forms.iter().map(Vec::len).max().unwrap_or(0);
            let automaton = AhoCorasick::new(&forms)?;
            Some(Arc::new(Patterns { forms, longest, automaton }))
        };
        Ok(Self { patterns, held: Vec::new(), masked: 0, has_masked: false })
    }

    /// Whether there is anything to take out.
    pub const fn is_empty(&self) -> bool {
        self.patterns.is_none()
    }

    /// Whether any secret was taken out so far.
    pub(super) const fn has_masked(&self) -> bool {
        self.has_masked
    }

    /// Masks what was read, and appends to `to` what is safe to show.
    pub fn push(&mut self, read: &[u8], to: &mut Vec<u8>) {
        let Some(patterns) = self.patterns.clone() else {
            to.extend_from_slice(read);
            return;
        };
        self.held.extend_from_slice(read);
        let hold = patterns.beginning_at_end(&self.held);
        self.emit(&patterns, hold, to);
    }

    /// Appends what was held back: nothing more will come.
    pub fn finish(&mut self, to: &mut Vec<u8>) {
        if let Some(patterns) = self.patterns.clone() {
            let end = self.held.len();
            self.emit(&patterns, end, to);
        }
    }

    /// Returns a text without secrets. The text may have been cut: at its end a part of one goes as well.
    pub fn hide(&self, text: &str) -> String {
        let Some(patterns) = &self.patterns else { return text.to_owned() };
        let (whole, mark) = text.strip_suffix('…').map_or((text, ""), |whole| (whole, "…"));
        let end = if mark.is_empty() { whole.len() } else { patterns.beginning_at_end(whole.as_bytes()) };
        let mut shown = self.hide_bytes(&whole.as_bytes()[..end]);
        if end < whole.len() {
            shown.extend_from_slice(STARS);
        }
        String::from_utf8_lossy(&shown).into_owned() + mark
    }

    /// Returns bytes without secrets.
    pub fn hide_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut mask =
            Self { patterns: self.patterns.clone(), held: Vec::new(), masked: 0, has_masked: false };
        let mut shown = Vec::with_capacity(bytes.len());
        mask.push(bytes, &mut shown);
        mask.finish(&mut shown);
        shown
    }

    /// Whether a secret stands in a text.
    pub fn finds(&self, text: &str) -> bool {
        self.patterns.as_ref().is_some_and(|patterns| patterns.automaton.is_match(text))
    }

    /// Writes out what stands before `until`; keeps the rest.
    fn emit(&mut self, patterns: &Patterns, until: usize, to: &mut Vec<u8>) {
        // The secret that is being passed over, and up to where all is written or passed over.
        let mut covered = self.masked;
        for (start, end) in patterns.places(&self.held) {
            if start >= until {
                break;
            }
            if start >= covered {
                to.extend_from_slice(&self.held[covered..start]);
                to.extend_from_slice(STARS);
                self.has_masked = true;
                covered = end;
            } else {
                covered = covered.max(end);
            }
        }
        if covered < until {
            to.extend_from_slice(&self.held[covered..until]);
        }
        self.masked = covered.saturating_sub(until);
        self.held.drain(..until);
    }
}

impl Patterns {
    /// Returns where secrets stand, by their start.
    fn places(&self, text: &[u8]) -> Vec<(usize, usize)> {
        let mut places: Vec<_> =
            self.automaton.find_overlapping_iter(text).map(|found| (found.start(), found.end())).collect();
        places.sort_unstable();
        places
    }

    /// Returns where the longest end of the text begins that could grow into a secret.
    fn beginning_at_end(&self, text: &[u8]) -> usize {
        let from = text.len().saturating_sub(self.longest - 1);
        (from..text.len())
            .find(|start| {
                let end = &text[*start..];
                // The forms are sorted, so the first one behind it is the one that it could grow into.
                let next = self.forms.partition_point(|form| form.as_slice() <= end);
                self.forms.get(next).is_some_and(|form| form.starts_with(end))
            })
            .unwrap_or(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::forms::{STANDARD, URL_SAFE, WRAPPED_AT, base64, is_maskable};
    use super::*;

    fn masked(secrets: &[&str], reads: &[&[u8]]) -> String {
        let secrets: Vec<_> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        let mut mask = Mask::new(&secrets).unwrap();
        let mut to = Vec::new();
        for read in reads {
            mask.push(read, &mut to);
        }
        mask.finish(&mut to);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn masks_across_every_boundary() {
        let text = b"begin hunter2hunter2 and s3cr3t, hunter hunter2";
        let whole = masked(&["hunter2", "s3cr3t"], &[text]);
        assert_eq!(whole, "begin ****** and ***, hunter ***");
        for first in 0..text.len() {
            for second in first..text.len() {
                let reads = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(masked(&["hunter2", "s3cr3t"], &reads), whole, "{first} {second}");
            }
        }
    }

    #[test]
    fn overlapping_secrets_leave_nothing() {
        let text = b"xabcdefy aaaaaaaa";
        for cut in 0..text.len() {
            let (left, right) = text.split_at(cut);
            assert_eq!(masked(&["abcd", "cdef", "aaaa"], &[left, right]), "x***y ***", "{cut}");
        }
    }

    #[test]
    fn holds_back_less_than_the_longest_form() {
        let mut mask = Mask::new(&["a".repeat(100)]).unwrap();
        let longest = mask.patterns.as_ref().unwrap().longest;
        let mut to = Vec::new();
        for _ in 0..1000 {
            mask.push(&[b'a'; 99], &mut to);
            assert!(mask.held.len() < longest);
        }
        mask.finish(&mut to);
        assert_eq!(to, b"***");
    }

    #[test]
    fn masks_encoded_forms() {
        let secret = "pa\"ss w/ord?é";
        assert_eq!(masked(&[secret], &[br#"{"k":"pa\"ss w/ord?"#, "é\"}".as_bytes()]), r#"{"k":"***"}"#);
        assert_eq!(masked(&[secret], &[b"x=pa%22ss%20w%2Ford%3F%C3%A9&y"]), "x=***&y");
        assert_eq!(masked(&[secret], &[b"x=pa%22ss+w%2ford%3f%c3%a9&y"]).len(), "x=***&y".len());
        for before in ["", "u", "us", "user:"] {
            for alphabet in [STANDARD, URL_SAFE] {
                let text = base64(format!("{before}{secret}:after").as_bytes(), alphabet);
                let shown = masked(&[secret], &[&text]);
                assert!(shown.contains("***"), "{before}: {shown}");
                assert!(shown.len() <= base64(format!("{before}:after").as_bytes(), alphabet).len() + 6);
            }
        }
        assert_eq!(masked(&["hunter2"], &[b"aHVudGVyMg== aHVudGVyMg"]), "*** ***");
        assert_eq!(masked(&["/unter2"], &[b"2f756e74657232 2F756E74657232"]), "*** ***");
    }

    #[test]
    fn masks_what_json_and_shells_make_of_it() {
        let secret = "it's \"<é&\\$x`";
        for text in [
            r#"{"k":"it's \"<\u00e9&\\$x`"}"#,
            r#"{"k":"it's \"<\u00E9&\\$x`"}"#,
            r#"{"k":"it's \"\u003cé\u0026\\$x`"}"#,
            r#"{"k":"it's \"\u003c\u00e9\u0026\\$x`"}"#,
        ] {
            assert_eq!(masked(&[secret], &[text.as_bytes()]), r#"{"k":"***"}"#, "{text}");
        }
        assert_eq!(masked(&[secret], &[r#"+ x 'it'\''s "<é&\$x`'"#.as_bytes()]), "+ x '***'");
        assert_eq!(masked(&[secret], &[r#"K="it's \"<é&\\\$x\`""#.as_bytes()]), r#"K="***""#);
    }

    #[test]
    fn masks_a_key_file_line_by_line_and_wrapped() {
        let key = "-----BEGIN KEY-----\nAbCdEf0123456789\n}\nlast one/two\n-----END KEY-----\n";
        let shown = masked(&[key], &[b"> AbCdEf0123456789\r\n> }\n> last%20one%2Ftwo"]);
        assert_eq!(shown, "> ***\r\n> }\n> ***");
        let secret: String = (0..40).map(|at| format!("{:x}?", at * 7919)).collect();
        for width in WRAPPED_AT {
            let encoded = base64(secret.as_bytes(), STANDARD);
            let wrapped = encoded.chunks(width).collect::<Vec<_>>().join(&b'\n');
            let shown = masked(&[&secret], &[&wrapped]);
            assert!(shown.lines().all(|line| line == "***"), "{shown}");
        }
    }

    #[test]
    fn a_secret_that_is_too_short_is_left_alone() {
        assert_eq!(masked(&["abc", "1\n"], &[b"1 abc"]), "1 abc");
        assert!(!is_maskable("abc\n") && is_maskable("abcd"));
    }

    #[test]
    fn hides_also_half_of_one_where_a_text_was_cut() {
        let mask = Mask::new(&["hunter2hunter2".to_owned()]).unwrap();
        assert_eq!(mask.hide("a hunter2hunter2 b"), "a *** b");
        assert_eq!(mask.hide("a hunter2hun…"), "a ***…");
        assert_eq!(mask.hide("a hunter2hun"), "a hunter2hun");
        assert!(mask.finds("x=hunter2hunter2") && !mask.finds("hunter2"));
    }

    #[test]
    fn nothing_to_mask_changes_nothing() {
        assert_eq!(masked(&["", "\n"], &[b"abc", b"\n"]), "abc\n");
        assert!(Mask::new(&[]).unwrap().is_empty());
    }
}
