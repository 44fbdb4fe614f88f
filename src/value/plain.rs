//! Foreign text, made safe for a terminal and for one line.

/// Whether a letter moves a cursor, breaks a line, or turns the direction of writing around.
pub fn steers(letter: char) -> bool {
    let turns = matches!(
        letter,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    letter.is_control() || turns
}

/// Returns a text with its control characters escaped, and without white space at its ends.
///
/// A plan, a probe or a person's note could else move the cursor, hide what stands before it, or
/// forge a line of its own. Marks that turn the direction of writing around do the same to the eye.
pub fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.trim().chars() {
        if steers(letter) {
            safe.extend(letter.escape_default());
        } else {
            safe.push(letter);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(plain("ä ok\n"), "ä ok");
        assert_eq!(plain("a\nb\tc\u{1b}[2Jd\re"), "a\\nb\\tc\\u{1b}[2Jd\\re");
        assert_eq!(plain("a\u{202e}b\u{9b}c\u{7f}"), "a\\u{202e}b\\u{9b}c\\u{7f}");
    }
}
