//! Makes visible what would otherwise command the terminal or deceive the reader.

use std::borrow::Cow;

/// Whether a character must not reach a terminal as it is.
///
/// These are the control characters (ESC begins commands, CR overwrites, C1 does both) and those that turn the
/// direction of writing or take no room, with which a line can be made to look like another one.
pub(super) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// Adds a character as it may be shown: what cannot be seen as its escape in YAML.
pub(super) fn push(text: &mut String, c: char) {
    match c {
        _ if !is_unseen(c) => text.push(c),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        _ => match u32::from(c) {
            code @ ..=0xff => text.push_str(&format!("\\x{code:02x}")),
            code @ ..=0xffff => text.push_str(&format!("\\u{code:04x}")),
            code => text.push_str(&format!("\\U{code:08x}")),
        },
    }
}

/// Returns a text as one line that may be shown.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    text.chars().for_each(|c| push(&mut shown, c));
    shown.into()
}

/// Returns a text that may be shown and keeps its line breaks.
pub(super) fn lines(text: &str) -> String {
    let shown: Vec<_> = text.lines().map(line).collect();
    shown.join("\n")
}

/// Escapes in JSON what must not reach a terminal and JSON would let through; outside of its texts there is nothing such.
pub(super) fn json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_unseen(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown_as_its_escape() {
        let text = "a\u{1b}[31mb\u{7}\r\u{7f}\u{9b}1m\u{202e}\u{feff}\u{e0041}\tä\n";
        assert_eq!(line(text), r"a\x1b[31mb\x07\r\x7f\x9b1m\u202e\ufeff\U000e0041\tä\n");
        assert_eq!(lines("one\ntwo\u{1b}"), "one\ntwo\\x1b");
        assert!(matches!(line("plain ä 👩‍🚒"), Cow::Borrowed(_)));
    }
}
