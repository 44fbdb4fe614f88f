//! Takes secrets out of a stream, also where a read ends in the middle of one.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, BuildError};

const STARS: &[u8] = b"***";
const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Fewer letters of base64 than these would be found by accident everywhere.
const FEWEST_BASE64: usize = 4;

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
}

impl Mask {
    /// Makes the mask for a set of secrets; empty ones are no secrets.
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
        Ok(Self { patterns, held: Vec::new(), masked: 0 })
    }

    /// Whether there is anything to take out.
    pub const fn is_empty(&self) -> bool {
        self.patterns.is_none()
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
                self.forms.iter().any(|form| form.len() > end.len() && form.starts_with(end))
            })
            .unwrap_or(text.len())
    }
}

fn forms_of(secret: &str) -> Vec<Vec<u8>> {
    // Programs and people drop the line end of a secret that was read from a file.
    let trimmed = secret.trim_end_matches(['\n', '\r']);
    let mut forms = Vec::new();
    for secret in [secret, trimmed] {
        if secret.trim().is_empty() {
            continue;
        }
        forms.push(secret.as_bytes().to_vec());
        for alphabet in [STANDARD, URL_SAFE] {
            let whole = base64(secret.as_bytes(), alphabet);
            let padding = (3 - secret.len() % 3) % 3;
            let padded = [whole.as_slice(), &b"=="[..padding]].concat();
            forms.extend([padded, whole].into_iter().filter(|form| form.len() >= FEWEST_BASE64));
            forms.extend((0..3).filter_map(|offset| inside_base64(secret.as_bytes(), offset, alphabet)));
        }
        for upper in [true, false] {
            let percent = percent_encoded(secret, upper);
            forms.push(percent.replace("%20", "+").into_bytes());
            forms.push(percent.replace("%2F", "/").replace("%2f", "/").into_bytes());
            forms.push(percent.into_bytes());
        }
        let json = serde_json::Value::from(secret).to_string();
        let json = &json[1..json.len() - 1];
        forms.push(json.replace('/', "\\/").into_bytes());
        forms.push(json.as_bytes().to_vec());
    }
    forms
}

fn percent_encoded(text: &str, upper: bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ if upper => encoded.push_str(&format!("%{byte:02X}")),
            _ => encoded.push_str(&format!("%{byte:02x}")),
        }
    }
    encoded
}

/// Returns base64 without padding.
fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..=chunk.len() {
            encoded.push(alphabet[(bits >> (18 - 6 * at) & 63) as usize]);
        }
    }
    encoded
}

/// Returns the letters that a text always has inside base64 when it begins at a place with this remainder.
fn inside_base64(bytes: &[u8], offset: usize, alphabet: &[u8; 64]) -> Option<Vec<u8>> {
    let shifted = [&[0, 0][..offset], bytes].concat();
    let encoded = base64(&shifted, alphabet);
    let first = (offset * 8).div_ceil(6);
    let last = shifted.len() * 8 / 6;
    (last >= first + FEWEST_BASE64).then(|| encoded[first..last].to_vec())
}

#[cfg(test)]
mod tests {
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
            assert_eq!(masked(&["abcd", "cdef", "aaa"], &[left, right]), "x***y ***", "{cut}");
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
    }

    #[test]
    fn nothing_to_mask_changes_nothing() {
        assert_eq!(masked(&["", "\n"], &[b"abc", b"\n"]), "abc\n");
        assert!(Mask::new(&[]).unwrap().is_empty());
    }
}
