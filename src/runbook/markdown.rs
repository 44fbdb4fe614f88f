//! Texts of a plan inside Markdown: nothing that a person wrote can break out of where it stands.

use serde::Serialize;

/// A block of code; its marks are longer than any inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fence {
    /// The language, such as `bash`.
    pub language: &'static str,
    /// The text, exactly as it is to be used.
    pub text: String,
}

impl Fence {
    /// Makes a block for bash.
    pub fn bash(text: impl Into<String>) -> Self {
        Self { language: "bash", text: text.into() }
    }

    /// Makes a block for bash that is not on the way; blocks marked `bash`, one after the other, are the recovery.
    pub fn aside(text: impl Into<String>) -> Self {
        Self { language: "sh", text: text.into() }
    }
}

/// Writes a block of code.
pub(super) fn fenced(language: &str, text: &str) -> String {
    let mark = "`".repeat((longest_run(text) + 1).max(3));
    format!("{mark}{language}\n{}\n{mark}", text.trim_end_matches('\n'))
}

/// Writes a text as code within a line.
pub(super) fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if crate::value::steers(c) { ' ' } else { c }).collect();
    let run = longest_run(&text);
    let mark = "`".repeat(run + 1);
    let pad = if run > 0 || text.trim().is_empty() { " " } else { "" };
    format!("{mark}{pad}{text}{pad}{mark}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Writes a text on one line so that Markdown shows it as it is, also in the cell of a table.
pub(super) fn escaped(text: &str) -> String {
    let line = text.chars().map(|c| if crate::value::steers(c) { ' ' } else { c }).collect::<String>();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut safe = String::with_capacity(line.len());
    let chars: Vec<char> = line.chars().collect();
    for (at, c) in chars.iter().copied().enumerate() {
        let inside_word = |side: Option<&char>| side.is_some_and(|c| c.is_alphanumeric());
        let within = at > 0 && inside_word(chars.get(at - 1)) && inside_word(chars.get(at + 1));
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '_' if within => safe.push(c),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => safe.extend(['\\', c]),
            '-' | '+' | '=' | '#' if at == 0 => safe.extend(['\\', c]),
            '.' | ')' if at > 0 && chars[..at].iter().all(char::is_ascii_digit) => safe.extend(['\\', c]),
            _ => safe.push(c),
        }
    }
    safe
}

/// Writes a text of several lines so that Markdown shows it as it is; empty lines part paragraphs, and lines that are
/// indented by four blanks or more are commands, as in Markdown itself.
pub(super) fn paragraphs(text: &str) -> String {
    const INDENT: &str = "    ";
    let text = text.trim_end().trim_start_matches('\n');
    let mut parts: Vec<String> = Vec::new();
    for run in
        text.lines().collect::<Vec<_>>().chunk_by(|a, b| a.starts_with(INDENT) == b.starts_with(INDENT))
    {
        if run.first().is_some_and(|line| line.starts_with(INDENT)) {
            let commands: Vec<&str> = run.iter().filter_map(|line| line.strip_prefix(INDENT)).collect();
            parts.push(fenced("sh", &commands.join("\n")));
        } else {
            let lines: Vec<String> = run.iter().map(|line| escaped(line)).collect();
            parts.push(lines.join("\n").trim_matches('\n').to_owned());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indented_lines_of_a_text_are_commands() {
        assert_eq!(paragraphs("_a_ b\n# c\n\nd\n"), "\\_a\\_ b\n\\# c\n\nd");
        assert_eq!(
            paragraphs("Look:\n\n    a *b*  $C\n      ```d\nThen:\n"),
            "Look:\n\n````sh\na *b*  $C\n  ```d\n````\n\nThen:"
        );
        assert_eq!(paragraphs("    a\n"), "```sh\na\n```");
    }

    #[test]
    fn a_fence_is_longer_than_any_inside() {
        assert_eq!(fenced("bash", "echo '````'\n"), "`````bash\necho '````'\n`````");
        assert_eq!(fenced("bash", "true"), "```bash\ntrue\n```");
    }

    #[test]
    fn a_text_stays_a_text() {
        assert_eq!(escaped("a|b `c` </details>\n# x"), "a\\|b \\`c\\` &lt;/details&gt; # x");
        assert_eq!(escaped("# x"), "\\# x");
        assert_eq!(escaped("12. x"), "12\\. x");
        assert_eq!(escaped("DB_NAME _x_"), "DB_NAME \\_x\\_");
        assert_eq!(code("a `b` c"), "`` a `b` c ``");
        assert_eq!(paragraphs("a\n\n- b"), "a\n\n\\- b");
    }
}
