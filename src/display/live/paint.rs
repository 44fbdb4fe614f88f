//! Colours, marks and widths.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::display::line::Look;
use crate::value::{Length, plain};

/// What a text means; the words say it as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Quiet,
    Strong,
    Good,
    Warn,
    Bad,
    Ask,
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(pub(super) Look);

impl Paint {
    pub(super) fn style(self, tone: Tone) -> Style {
        let style = Style::new();
        if !self.0.colour {
            return match tone {
                Tone::Strong | Tone::Bad | Tone::Ask | Tone::Warn => style.add_modifier(Modifier::BOLD),
                Tone::Plain | Tone::Quiet | Tone::Good => style,
            };
        }
        match tone {
            Tone::Plain => style,
            Tone::Quiet => style.add_modifier(Modifier::DIM),
            Tone::Strong => style.add_modifier(Modifier::BOLD),
            Tone::Good => style.fg(Color::Green),
            Tone::Warn => style.fg(Color::Yellow),
            Tone::Bad => style.fg(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Ask => style.fg(Color::Yellow).add_modifier(Modifier::BOLD),
        }
    }

    pub(super) fn span(self, text: impl Into<String>, tone: Tone) -> Span<'static> {
        Span::styled(text.into(), self.style(tone))
    }

    const fn pick<T: Copy>(self, unicode: T, ascii: T) -> T {
        if self.0.unicode { unicode } else { ascii }
    }

    pub(super) const fn ellipsis(self) -> &'static str {
        self.pick("…", "...")
    }

    pub(super) const fn dot(self) -> &'static str {
        self.pick(" · ", " | ")
    }

    pub(super) const fn arrow(self) -> &'static str {
        self.pick(" → ", " > ")
    }

    pub(super) const fn critical(self) -> &'static str {
        self.pick("◆", "*")
    }

    pub(super) const fn chosen(self) -> &'static str {
        self.pick("›", ">")
    }

    pub(super) const fn up_down(self) -> &'static str {
        self.pick("↑↓", "Up/Down")
    }

    /// Draws how much of a whole is spent.
    pub(super) fn bar(self, spent: Length, whole: Length, width: usize) -> String {
        let (full, empty) = self.pick(('█', '░'), ('#', '-'));
        let whole = u128::from(whole.as_millis().max(1));
        let filled = u128::from(spent.as_millis()) * width as u128 / whole;
        let filled = usize::try_from(filled).unwrap_or(width).min(width);
        (0..width).map(|at| if at < filled { full } else { empty }).collect()
    }

    /// Returns a line with a title in it, as wide as the screen.
    pub(super) fn rule(self, title: &str, width: usize) -> Line<'static> {
        let rule = self.pick('─', '-');
        let title = self.fit(title, width.saturating_sub(6));
        let rest = width.saturating_sub(title.width() + 4);
        let rest: String = std::iter::repeat_n(rule, rest).collect();
        Line::from(vec![
            self.span(format!("{rule}{rule} "), Tone::Quiet),
            self.span(title, Tone::Strong),
            self.span(format!(" {rest}"), Tone::Quiet),
        ])
    }

    /// Makes a text safe, and cuts it off where the width ends.
    pub(super) fn fit(self, text: &str, width: usize) -> String {
        // Escaping makes a text longer, never shorter: what lies far beyond the width is not looked at.
        let near: String = text.chars().take(width.saturating_mul(2).saturating_add(16)).collect();
        let safe = plain(&near);
        if safe.width() <= width {
            return safe;
        }
        let ellipsis = self.ellipsis();
        let room = width.saturating_sub(ellipsis.width());
        let (head, _) = split(&safe, room);
        let mut fitted = head.to_owned();
        fitted.push_str(ellipsis);
        split(&fitted, width).0.to_owned()
    }

    /// Makes a text safe, and gives it a width: cut off or filled up with blanks.
    pub(super) fn cell(self, text: &str, width: usize) -> String {
        let mut cell = self.fit(text, width);
        let blanks = width.saturating_sub(cell.width());
        cell.extend(std::iter::repeat_n(' ', blanks));
        cell
    }
}

/// Splits a text where a number of columns ends.
pub(super) fn split(text: &str, width: usize) -> (&str, &str) {
    let mut used = 0;
    for (at, letter) in text.char_indices() {
        used += letter.width().unwrap_or(0);
        if used > width {
            return text.split_at(at);
        }
    }
    (text, "")
}

/// Breaks a safe text into lines of a width, at blanks where there are any.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = word;
        let gap = usize::from(!line.is_empty());
        if line.width() + gap + word.width() > width && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        while word.width() > width {
            let (head, tail) = split(word, width);
            // A letter that is wider than the screen is not shown.
            let (head, tail) = if head.is_empty() { ("", "") } else { (head, tail) };
            lines.push(head.to_owned());
            word = tail;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Returns a length to the second.
pub(super) const fn secs(length: Length) -> Length {
    Length::from_secs(length.as_millis() / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAINT: Paint = Paint(Look { unicode: true, colour: false });

    #[test]
    fn texts_fit_by_columns_and_not_by_letters() {
        assert_eq!(PAINT.fit("abcdef", 6), "abcdef");
        assert_eq!(PAINT.fit("abcdefg", 6), "abcde…");
        assert_eq!(PAINT.fit("日本語", 4), "日…");
        assert_eq!(PAINT.fit("abc", 0), "");
        assert_eq!(Paint(Look::default()).fit("abcdefg", 6), "abc...");
        assert_eq!(Paint(Look::default()).fit("abcdefg", 2), "..");
        assert_eq!(PAINT.fit("a\u{1b}[2J", 20), "a\\u{1b}[2J");
        assert_eq!(PAINT.cell("日", 4), "日  ");
    }

    #[test]
    fn lines_break_at_blanks() {
        assert_eq!(
            wrap("drplan approve RUN go --as PERSON", 14),
            ["drplan approve", "RUN go --as", "PERSON"]
        );
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("日本", 1), ["", ""]);
    }

    #[test]
    fn bars_are_as_wide_as_they_should_be() {
        let minutes = |minutes: u64| Length::from_secs(60 * minutes);
        assert_eq!(PAINT.bar(minutes(5), minutes(20), 8), "██░░░░░░");
        assert_eq!(PAINT.bar(minutes(50), minutes(20), 4), "████");
        assert_eq!(Paint(Look::default()).bar(minutes(1), Length::ZERO, 2), "##");
    }
}
