//! Whether a committed runbook still says what the plan says.

use similar::TextDiff;

/// The line by which drplan knows its own files.
#[derive(Clone, Copy, Debug)]
pub struct Marker;

impl Marker {
    const BEGIN: &'static str = "<!-- made by drplan render from ";

    /// Returns the line for a plan's files.
    pub fn line(file: &str) -> String {
        // `--` would end the comment in some readers.
        format!(
            "{}{}; edit the plan, not this file -->",
            Self::BEGIN,
            file.replace("--", "- -").replace('>', "")
        )
    }

    /// Whether a file was made by drplan.
    pub fn is_on(text: &str) -> bool {
        text.lines().take(3).any(|line| line.starts_with(Self::BEGIN))
    }
}

/// Shows what would have to change in a committed file; nothing if it is as it should be.
pub fn difference(name: &str, committed: &str, made: &str) -> Option<String> {
    if committed == made {
        return None;
    }
    let diff = TextDiff::from_lines(committed, made);
    let shown = diff
        .unified_diff()
        .context_radius(2)
        .header(&format!("{name} (committed)"), &format!("{name} (from the plan)"))
        .to_string();
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_line_by_line() {
        assert_eq!(difference("x", "a\n", "a\n"), None);
        let shown = difference("x", "a\nb\n", "a\nc\n").unwrap();
        assert!(shown.contains("-b\n+c\n"), "{shown}");
    }

    #[test]
    fn the_marker_is_found_at_the_top_alone() {
        assert!(Marker::is_on(&format!("{}\n# x", Marker::line("plans/x.yaml"))));
        assert!(!Marker::is_on("# x\n\n\n\n<!-- made by drplan render from x -->"));
    }
}
